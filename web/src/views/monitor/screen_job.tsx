// SPDX-License-Identifier: MIT
//
// screen_job.tsx - #/monitor/JOB: one screening while it runs and after it.
import { isOpen } from "../../api/live";
import { forgetJob, resumeJob, stopJob } from "../../app/job_acts";
import { jobName } from "../../app/job_words";
import { go, link } from "../../app/router";
import { count, duration, num, when } from "../../base/format";
import { Facts } from "../../parts/facts";
import { Icon } from "../../parts/icons";
import { type JobLive, type JobWhole, useJob } from "../../parts/job_live";
import { Stages, stagesAt } from "../../parts/stages";
import { Empty, Failed, Loading } from "../../parts/states";
import { text } from "../../text/en";
import { ScreenResult } from "./screen_result";
import { itemsOf, screeningOf } from "./screening";

const t = text.monitor;
const STAGES = ["given answers", "own answers"];

function again(job: JobWhole): string {
    const r = (job.request ?? {}) as Record<string, unknown>;
    const word = (x: unknown) => (typeof x === "string" || typeof x === "number" ? x : undefined);
    const along = Array.isArray(r["vectors"]) ? r["vectors"].filter((v) => typeof v === "string").join(",") : "";
    return link("monitor", [], new URLSearchParams(Object.entries({ model: word(r["model"]), along, threshold: word(r["threshold"]), max: word(r["max_tokens"]), samples: word(r["samples"]) }).flatMap(([k, v]) => (v !== undefined && v !== "" ? [[k, String(v)]] : []))));
}

function Actions({ job, live }: { job: JobWhole; live: JobLive }) {
    return (
        <div class="acts">
            {isOpen(job) && (
                <button class="btn btn-outline-secondary" type="button" onClick={() => stopJob(job, live.reload)}>
                    {t.cancel}
                </button>
            )}
            {(job.state === "canceled" || job.state === "failed") && (
                <button class="btn btn-primary" type="button" onClick={() => resumeJob(job, live.reload)}>
                    {t.resume}
                </button>
            )}
            <a class="btn btn-outline-secondary" href={again(job)}>
                {t.again}
            </a>
            {!isOpen(job) && (
                <button class="btn btn-quiet danger" type="button" onClick={() => void forgetJob(job).then((gone) => gone && go("monitor"))}>
                    <Icon name="trash" /> {t.forget}
                </button>
            )}
        </div>
    );
}

function Progress({ job, live }: { job: JobWhole; live: JobLive }) {
    const at = STAGES.findIndex((s) => s === job.stage);
    const part = job.total > 0 ? job.done / job.total : null;
    const rate = job.tokens_per_second ?? live.speed.at(-1)?.rate ?? null;
    return (
        <section aria-label={t.progress}>
            <Stages label={t.progress} stages={stagesAt([t.stageGiven, t.stageOwn], at < 0 ? (job.state === "running" ? 0 : -1) : at, job.total > 0 ? `${num(job.done, 0)} ${t.of} ${num(job.total, 0)}` : "", part)} />
            <Facts
                class="tight mt-4"
                facts={[
                    { label: t.rate, value: rate ? `${num(rate, 0)} ${t.perSecond}` : "–" },
                    { label: t.left, value: duration(job.eta_s) },
                    { label: t.written, value: count(job.n_tokens, t.token, t.tokens) },
                ]}
            />
            <p class="soft small mt-3">{t.goesOn}</p>
        </section>
    );
}

export function ScreenJob({ id }: { id: string }) {
    const live = useJob(id);
    const { job } = live;
    const screening = job ? screeningOf(job.result) : null;
    return (
        <main id="main" class="page monitor" tabindex={-1}>
            <p class="crumb">
                <a href={link("monitor")}>{text.views.monitor}</a> · {t.screening}
            </p>
            {live.missing ? (
                <Empty title={t.noJob}>
                    <p class="soft">
                        <a href={link("monitor")}>{t.toMonitor}</a>
                    </p>
                </Empty>
            ) : (
                live.error !== null && <Failed error={live.error} retry={live.reload} />
            )}
            {job === null && live.error === null && <Loading />}
            {job !== null && (
                <>
                    <div class="titlerow">
                        <h1>{jobName(job)}</h1>
                        <Actions job={job} live={live} />
                    </div>
                    <p class="soft" role="status">
                        {(text.jobs.states as Record<string, string>)[job.state] ?? job.state}
                        {job.ended > 0 ? `, ${when(job.ended)}` : ""}
                        {job.state === "queued" && job.place > 0 ? `, ${text.jobs.place(job.place)}` : ""}
                    </p>
                    {job.error && <Failed error={job.error} />}
                    {isOpen(job) && <Progress job={job} live={live} />}
                    {screening !== null && <ScreenResult id={job.id} screening={screening} items={itemsOf(job.request)} />}
                    {!isOpen(job) && screening === null && !job.error && <p class="soft">{t.nothingYet}</p>}
                </>
            )}
        </main>
    );
}
