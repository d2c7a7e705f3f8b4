// SPDX-License-Identifier: MIT
//
// job_list.tsx - all jobs of the server, the newest first, with what can be done with each.
import { isOpen, type Job, jobs, share } from "../../api/live";
import { forgetJob, resumeJob, stopJob } from "../../app/job_acts";
import { jobLink, jobName, stateWords } from "../../app/job_words";
import { keep } from "../../app/router";
import { bytes, duration, num, percent, when } from "../../base/format";
import { Loading } from "../../parts/states";
import { text } from "../../text/en";

const t = text.models;

function Row({ j, chosen }: { j: Job; chosen: boolean }) {
    const part = j.state === "running" ? share(j) : null;
    const name = jobName(j);
    return (
        <tr aria-selected={chosen || undefined}>
            <th scope="row">
                <a href={jobLink(j)}>{name}</a>
            </th>
            <td data-h={t.jobHead.model}>{j.to ? t.carried(j.model ?? "–", j.to) : (j.model ?? "–")}</td>
            <td data-h={t.jobHead.state}>
                <span class={`dot ${j.state === "running" ? "on" : j.state === "queued" ? "off" : ""}`} /> {part !== null ? t.progress(percent(part), j.stage) : stateWords(j)}
                {part !== null && (
                    <svg class="meter-svg" aria-hidden="true">
                        <rect width={`${100 * part}%`} />
                    </svg>
                )}
                {j.kind === "pull" && isOpen(j) && j.total > 0 && <small>{t.bytesOf(bytes(j.done), bytes(j.total))}</small>}
                {j.state === "failed" && <small class="bad clip">{j.error}</small>}
            </td>
            <td data-h={t.jobHead.when}>{when(j.ended || j.started || j.created)}</td>
            <td data-h={t.jobHead.took} class="num">
                {j.started > 0 ? duration(j.seconds) : "–"}
                {j.state === "running" && j.tokens_per_second && <small>{t.rate(num(j.tokens_per_second, 0))}</small>}
            </td>
            <td class="acts">
                {isOpen(j) && (
                    <button class="btn btn-outline-secondary" type="button" aria-label={`${t.stop}: ${name}`} onClick={() => stopJob(j)}>
                        {t.stop}
                    </button>
                )}
                {(j.state === "failed" || j.state === "canceled") && (
                    <button class="btn btn-outline-secondary" type="button" aria-label={`${t.goOn}: ${name}`} onClick={() => resumeJob(j)}>
                        {t.goOn}
                    </button>
                )}
                <button class="btn btn-quiet" type="button" aria-expanded={chosen} aria-label={`${chosen ? t.fold : t.details}: ${name}`} onClick={() => keep({ job: chosen ? null : j.id })}>
                    {chosen ? t.fold : t.details}
                </button>
                {!isOpen(j) && (
                    <button class="btn btn-quiet danger" type="button" aria-label={`${t.forget}: ${name}`} onClick={() => void forgetJob(j).then((gone) => gone && chosen && keep({ job: null }))}>
                        {t.forget}
                    </button>
                )}
            </td>
        </tr>
    );
}

export function JobList({ chosen }: { chosen: string | null }) {
    const all = jobs.value;
    if (all === null) {
        return <Loading />;
    }
    if (all.length === 0) {
        return <p class="soft">{t.jobsNone}</p>;
    }
    return (
        <table class="rows mt-3">
            <thead>
                <tr>
                    {Object.values(t.jobHead).map((h, i) => (
                        <th key={h} scope="col" class={i === 4 ? "num" : undefined}>
                            {h}
                        </th>
                    ))}
                    <td />
                </tr>
            </thead>
            <tbody>
                {all.map((j) => (
                    <Row j={j} chosen={j.id === chosen} key={j.id} />
                ))}
            </tbody>
        </table>
    );
}
