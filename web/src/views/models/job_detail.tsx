// SPDX-License-Identifier: MIT
//
// job_detail.tsx - one job from near: what it ended with, what it left, its log, and what was asked, word by word.
import { useEffect, useRef } from "preact/hooks";
import { get } from "../../api/client";
import { isOpen } from "../../api/live";
import { useResource } from "../../api/resource";
import { jobLink, jobName } from "../../app/job_words";
import { link } from "../../app/router";
import { count } from "../../base/format";
import { Icon } from "../../parts/icons";
import { type JobWhole, useJob } from "../../parts/job_live";
import { JobLog } from "../../parts/job_log";
import { Failed, Loading, Shown } from "../../parts/states";
import { text } from "../../text/en";

const t = text.models;

function Json({ title, value }: { title: string; value: unknown }) {
    return (
        <details class="more">
            <summary>
                <Icon name="right" />
                {title}
            </summary>
            <div class="wide">
                <pre class="log">{JSON.stringify(value, null, 2)}</pre>
            </div>
        </details>
    );
}

function Left({ j }: { j: JobWhole }) {
    const parts = useResource((signal) => get("/api/v1/jobs/{id}/answers", { path: { id: j.id }, query: { limit: 1 }, signal }), [j.id, j.state, j.stage]);
    const r = (j.result ?? null) as { output?: string; model?: string } | null;
    return (
        <>
            <h4>{t.left}</h4>
            <Shown of={parts} lines={1}>
                {(x) => (
                    <ul class="left">
                        {r?.output && (
                            <li>
                                <a href={link("vectors", [r.model ?? j.model ?? "", r.output])}>{t.leftVector(r.output)}</a>
                            </li>
                        )}
                        {x.parts.map((p) => (
                            <li key={p.part}>{t.leftAnswers(count(p.n, "answer", "answers"), p.stage, p.model)}</li>
                        ))}
                        {x.parts.length === 0 && !r?.output && <li>{t.leftNothing}</li>}
                    </ul>
                )}
            </Shown>
        </>
    );
}

export function JobDetail({ id }: { id: string }) {
    const live = useJob(id);
    const j = live.job;
    const head = useRef<HTMLHeadingElement>(null);
    const there = j !== null;
    useEffect(() => head.current?.scrollIntoView({ block: "nearest" }), [there]);
    if (live.missing) {
        return <p class="soft mt-4">{t.missing}</p>;
    }
    if (j === null) {
        return live.error !== null ? <Failed error={live.error} retry={live.reload} /> : <Loading />;
    }
    return (
        <div class="jobdetail">
            <h3 ref={head}>
                {jobName(j)} <span class="soft mono small">{j.id}</span>
            </h3>
            {j.state === "failed" && (
                <p class="bad">
                    {t.error} {j.error}
                </p>
            )}
            <p>
                <a href={jobLink(j)}>{t.open}</a>
            </p>
            <Left j={j} />
            <div class="mt-4">
                <JobLog job={j} open />
                <Json title={t.request} value={j.request} />
                {!isOpen(j) && j.result && <Json title={t.result} value={j.result} />}
            </div>
        </div>
    );
}
