// SPDX-License-Identifier: MIT
//
// jobs_menu.tsx - the jobs in the bar: a ring that fills, and a list of what runs, waits and has ended.
import { isOpen, jobs, openJobs, share } from "../api/live";
import { jobLink, jobName, stateWords } from "../app/job_words";
import { count, when } from "../base/format";
import { Pop } from "../parts/pop";
import { text } from "../text/en";

function Ring({ part, stopped }: { part: number | null; stopped: boolean }) {
    return (
        <svg class={`ring ${stopped ? "cut" : ""}`} viewBox="0 0 18 18" aria-hidden="true">
            <circle cx="9" cy="9" r="7" />
            <circle class="v" cx="9" cy="9" r="7" pathLength={100} stroke-dasharray={`${Math.round(100 * (part ?? 0))} 100`} />
        </svg>
    );
}

export function JobsMenu() {
    const open = openJobs.value;
    const running = open.find((j) => j.state === "running");
    const part = running ? share(running) : null;
    const label = open.length === 0 ? text.jobs.title : count(open.length, text.jobs.one, text.jobs.many);
    const recent = [...open, ...(jobs.value ?? []).filter((j) => !isOpen(j))].slice(0, 8);
    return (
        <Pop class="jobs" end label={label} summary={<>{open.length > 0 && <Ring part={part} stopped={false} />}{label}</>}>
            <h3>{text.jobs.title}</h3>
            {recent.length === 0 && <p class="soft small px-3">{text.jobs.none}</p>}
            {recent.map((j) => (
                <a class="opt" href={jobLink(j)} key={j.id}>
                    <span class={`dot ${j.state === "running" ? "on" : j.state === "queued" ? "off" : ""}`} />
                    <span>{jobName(j)}</span>
                    <span class="soft">{j.state === "running" && share(j) !== null ? `${Math.round(100 * share(j)!)} %` : ""}</span>
                    <small>
                        {stateWords(j)}
                        {j.ended > 0 && ` · ${when(j.ended)}`}
                    </small>
                </a>
            ))}
        </Pop>
    );
}
