// SPDX-License-Identifier: MIT
//
// sweeps.tsx - #/sweeps: a new one and those that were made; #/sweeps/JOB: one of them, its points as they come.
import { useEffect } from "preact/hooks";
import { isOpen, type Job, jobs } from "../../api/live";
import { answerFilter, changeFilter } from "../../app/answer_filter";
import { resumeJob, stopJob } from "../../app/job_acts";
import { asQuery } from "../../app/form_query";
import { stateWords } from "../../app/job_words";
import { link, place } from "../../app/router";
import { count, duration, when } from "../../base/format";
import { AnswerList } from "../../parts/answer_list";
import { useAnswers, useArriving } from "../../parts/answers";
import { Icon } from "../../parts/icons";
import { type JobLive, useJob } from "../../parts/job_live";
import { RunLine } from "../../parts/run_line";
import { Empty, Failed, Loading } from "../../parts/states";
import { text } from "../../text/en";
import { Charts } from "./charts";
import { SweepExports } from "./exports";
import { SweepForm } from "./form";
import { SweepReport } from "./report";
import { nameOf, soFar, sweepOf, type SweepResult } from "./result";

const t = text.sweeps;
interface Asked {
    model?: string;
    vector?: string;
    coefficients?: number[];
    operators?: string[];
}

function Line({ job }: { job: Job }) {
    const asked = (job.request ?? {}) as Asked;
    return (
        <tr>
            <th scope="row">
                <a href={link("sweeps", [job.id])}>
                    <b>{asked.vector ?? job.id}</b>
                    <small>{asked.model}</small>
                </a>
            </th>
            <td class="opt-c">{[count(asked.coefficients?.length ?? 9, t.coefficientOne, t.coefficientMany), ...(asked.operators ?? [])].join(", ")}</td>
            <td class="soft">{stateWords(job)}</td>
            <td class="num opt-c">{job.started > 0 ? duration(job.seconds) : ""}</td>
            <td class="num">{when(job.ended || job.created)}</td>
        </tr>
    );
}

function Past() {
    const all = jobs.value?.filter((j) => j.kind === "sweep") ?? null;
    return (
        <section aria-labelledby="h-past">
            <h2 id="h-past">{t.past}</h2>
            {all === null ? (
                <Loading />
            ) : all.length === 0 ? (
                <div class="mt-3">
                    <Empty title={t.none}>
                        <p class="soft">{t.noneHint}</p>
                    </Empty>
                </div>
            ) : (
                <table class="vt mt-3" aria-label={t.past}>
                    <tbody>
                        {all.map((j) => (
                            <Line key={j.id} job={j} />
                        ))}
                    </tbody>
                </table>
            )}
        </section>
    );
}

function Acts({ live, exports }: { live: JobLive; exports: preact.ComponentChildren }) {
    const job = live.job!;
    return (
        <div class="acts">
            {exports}
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
                <a class="btn btn-quiet" href={link("sweeps", [], asQuery(job.request))}>
                    {text.work.again}
                </a>
            )}
            {job.state === "done" && (
                <a class="btn btn-primary" href={link("sweeps")}>
                    {t.new}
                </a>
            )}
        </div>
    );
}

function stageOf(stage: string): number {
    return /KL/.test(stage) ? 2 : /judge|score/.test(stage) ? 1 : stage === "" ? -1 : 0;
}

function SweepJob({ id }: { id: string }) {
    const live = useJob(id);
    const job = live.job;
    const result: SweepResult | null = job?.state === "done" ? sweepOf(job.result) : null;
    const arriving = useArriving(job === null || job.state === "queued" || result ? null : id, `${job?.state} ${job?.stage} ${job?.done}`);
    const every = useAnswers(result ? id : null);
    const answers = result && !every.loading ? every : arriving;
    const asked = (job?.request ?? {}) as Asked;
    const points = result ? [] : soFar(answers.list).filter((c) => c.score.some((p) => p.y !== null));
    const scored = answers.list.filter((a) => typeof a.label === "number").length;
    useEffect(() => {
        if (asked.vector) {
            document.title = `${asked.vector} · ${text.views.sweeps} · persona`;
        }
    }, [asked.vector]);
    return (
        <main id="main" class="page duo" tabindex={-1}>
            <p class="crumb">
                <a href={link("sweeps")}>{t.all}</a> <span aria-hidden="true">/</span> {job && `${when(job.started || job.created)}${job.ended > 0 ? `, ${duration(job.seconds)}` : ""}`}
            </p>
            {live.missing ? <Empty title={text.work.noJob} /> : live.error !== null && <Failed error={live.error} retry={live.reload} />}
            {job === null ? (
                live.error === null && <Loading lines={8} />
            ) : (
                <>
                    <div class="titlerow">
                        <h1>{t.of(asked.vector ?? result?.vector ?? "", asked.model ?? result?.model.path ?? "")}</h1>
                        <Acts live={live} exports={result && <SweepExports job={job} result={result} answers={answers} />} />
                    </div>
                    {result ? (
                        <SweepReport job={job} result={result} answers={answers} />
                    ) : (
                        <>
                            <RunLine live={live} names={t.stages} at={stageOf(job.stage)} written={answers.list.length} />
                            <section aria-labelledby="h-live">
                                <h2 id="h-live">{t.live}</h2>
                                <p class="soft">{t.liveHint(scored, answers.list.length)}</p>
                                {points.length > 0 && <Charts curves={points} result={null} />}
                                <AnswerList answers={answers} filter={answerFilter()} change={changeFilter} condition={nameOf} />
                            </section>
                        </>
                    )}
                </>
            )}
        </main>
    );
}

export function Sweeps() {
    const id = place.value.parts[0];
    if (id !== undefined) {
        return <SweepJob key={id} id={id} />;
    }
    return (
        <main id="main" class="page" tabindex={-1}>
            <h1>{t.title}</h1>
            <p class="lead mt-3">{t.lead}</p>
            <section aria-labelledby="h-new">
                <h2 id="h-new">{t.new}</h2>
                <SweepForm />
            </section>
            <Past />
        </main>
    );
}
