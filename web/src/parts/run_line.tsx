// SPDX-License-Identifier: MIT
//
// run_line.tsx - a job while it waits, runs, or has ended without a result: its stages, rate and time left, and what to
// do about it. Everything that it says was measured.
import { type JobLive } from "./job_live";
import { Facts } from "./facts";
import { Stages, stagesAt } from "./stages";
import { Failed } from "./states";
import { duration, num } from "../base/format";
import { text } from "../text/en";
import { whole } from "../text/whole";

export interface RunLineProps {
    live: JobLive;
    names: readonly string[];
    /** Which of them the job's stage belongs to; -1: none yet. */
    at: number;
    /** What has been written so far, if anybody counts it. */
    written?: number;
    /** Of the whole job, from its estimate. */
    guess?: number | null;
}

export function RunLine({ live, names, at, written, guess }: RunLineProps) {
    const job = live.job!;
    const running = job.state === "running";
    const rate = job.tokens_per_second ?? live.speed.at(-1)?.rate ?? null;
    const part = job.total > 0 ? job.done / job.total : null;
    const note = job.total > 0 ? text.work.of(job.done, job.total) : "";
    const stages = stagesAt(names, at, running ? note : text.work.stopped, part);
    return (
        <>
            {(job.state === "failed" || job.state === "canceled") && (
                <div class="mt-4">
                    <Failed error={`${job.state === "failed" ? text.work.failedAt(job.stage) : text.work.canceledAt(job.stage)} ${job.error ?? ""}`} />
                    <p class="soft mt-2 mb-0">{text.work.resumeHint}</p>
                </div>
            )}
            <Stages stages={stages} label={text.work.stages} />
            {(running || job.state === "queued") && (
                <div role="status">
                    <Facts
                        class="mt-5"
                        facts={[
                            { label: text.work.now, value: running ? job.stage || text.work.starts : text.jobs.place(job.place), note: note || undefined },
                            { label: text.work.left, value: running ? duration(job.eta_s ?? null) : "–", note: text.work.ofStage },
                            { label: text.work.speed, value: rate === null ? "–" : `${num(rate, 0)} tok/s`, note: text.work.tokensSoFar(whole(job.n_tokens)) },
                            { label: text.work.elapsed, value: duration(running ? job.seconds : 0), note: guess ? text.work.guessed(duration(guess)) : written !== undefined ? text.work.written(written) : undefined },
                        ]}
                    />
                </div>
            )}
        </>
    );
}
