// SPDX-License-Identifier: MIT
//
// job.tsx - one transfer: its stages while it runs, then its verdict and everything behind it.
import { quotedName } from "../../base/expr";
import { useEffect, useRef } from "preact/hooks";
import { isOpen } from "../../api/live";
import { resumeJob, stopJob } from "../../app/job_acts";
import { asQuery } from "../../app/form_query";
import { link } from "../../app/router";
import { duration, when } from "../../base/format";
import { useAnswers } from "../../parts/answers";
import { Icon } from "../../parts/icons";
import { type JobLive, useJob } from "../../parts/job_live";
import { RunLine } from "../../parts/run_line";
import { Empty, Failed, Loading } from "../../parts/states";
import { Verdict } from "../../parts/verdict";
import { text } from "../../text/en";
import { Exports } from "./exports";
import type { Asked } from "./past";
import { transferOf, type TransferResult } from "./result";
import { Report } from "./report";

const t = text.transfer;
const OF_STAGE: readonly (readonly [RegExp, number])[] = [
    [/^(write|read) texts/, 0],
    [/^extract/, 1],
    [/^fit maps/, 2],
    [/^(choose block|dose|neutral)/, 3],
    [/^(evaluate|sample|judge|score)/, 4],
];

/** Which of the shown stages a job is in. Vectors of controls are extracted and mapped late: what was reached stays,
 * but each repeat begins anew ("2/3 dose silly"). */
function useStage(stage: string, id: string): number {
    const most = useRef({ id, repeat: "", at: -1 });
    if (most.current.id !== id) {
        most.current = { id, repeat: "", at: -1 };
    }
    const [, repeat = "", name = ""] = /^(\d+\/\d+ )?(.*)$/.exec(stage) ?? [];
    if (most.current.repeat !== repeat) {
        most.current = { id, repeat, at: -1 };
    }
    const now = OF_STAGE.find(([what]) => what.test(name))?.[1] ?? -1;
    most.current.at = Math.max(most.current.at, now);
    return most.current.at;
}

function Acts({ live, result }: { live: JobLive; result: TransferResult | null }) {
    const job = live.job!;
    return (
        <div class="acts">
            {result && (
                <a class="btn btn-outline-secondary" href={link("play", [], { model: result.to.path, steer: `1*${quotedName(result.output)}` })}>
                    {t.try}
                </a>
            )}
            {result && <Exports job={job} result={result} />}
            {isOpen(job) && (
                <button class="btn btn-outline-secondary" type="button" onClick={() => stopJob(job, live.reload)}>
                    <Icon name="stop" /> {text.work.cancel}
                </button>
            )}
            {(job.state === "canceled" || job.state === "failed") && (
                <button class="btn btn-primary" type="button" onClick={() => resumeJob(job, live.reload)}>
                    {text.work.resume}
                </button>
            )}
            {!isOpen(job) && (
                <a class={`btn ${job.state === "done" ? "btn-primary" : "btn-quiet"}`} href={link("transfer", [], asQuery(job.request))}>
                    {job.state === "done" ? t.new : text.work.again}
                </a>
            )}
        </div>
    );
}

export function TransferJob({ id }: { id: string }) {
    const live = useJob(id);
    const job = live.job;
    const result = transferOf(job?.result);
    const answers = useAnswers(job?.state === "done" ? id : null);
    const at = useStage(job?.stage ?? "", id);
    const asked = (job?.request ?? {}) as Asked;
    useEffect(() => {
        if (asked.trait) {
            document.title = `${asked.trait} · ${text.views.transfer} · persona`;
        }
    }, [asked.trait]);
    if (live.missing) {
        return (
            <main id="main" class="page" tabindex={-1}>
                <Empty title={text.work.noJob}>
                    <a href={link("transfer")}>{t.all}</a>
                </Empty>
            </main>
        );
    }
    const trait = asked.trait ?? result?.trait ?? "";
    return (
        <main id="main" class="page duo" tabindex={-1}>
            <p class="crumb">
                <a href={link("transfer")}>{t.all}</a> <span aria-hidden="true">/</span> {job && `${when(job.started || job.created)}${job.ended > 0 ? `, ${duration(job.seconds)}` : ""}`}
            </p>
            {live.error !== null && <Failed error={live.error} retry={live.reload} />}
            {job === null ? (
                live.error === null && <Loading lines={8} />
            ) : (
                <>
                    <div class="titlerow">
                        <h1>{result?.verdict !== null ? t.survives(trait) : t.carried(trait)}</h1>
                        {result?.verdict && <Verdict verdict={result.verdict} />}
                        <Acts live={live} result={result} />
                    </div>
                    {job.state === "done" && result ? (
                        <Report job={job} result={result} answers={answers} />
                    ) : (
                        <div>
                            <p class="soft mt-3 mb-0">
                                {asked.from} → {asked.to}
                                {isOpen(job) && ` · ${text.work.goesOn}`}
                            </p>
                            <RunLine live={live} names={t.stages} at={at} />
                        </div>
                    )}
                </>
            )}
        </main>
    );
}
