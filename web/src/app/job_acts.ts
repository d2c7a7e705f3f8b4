// SPDX-License-Identifier: MIT
//
// job_acts.ts - stop, go on, forget: at once, with the way back in the toast where there is one.
import { useState } from "preact/hooks";
import { post, remove } from "../api/client";
import { type Job, jobs, refreshJobs } from "../api/live";
import { text } from "../text/en";
import { jobName } from "./job_words";
import { go } from "./router";
import { say, sayError } from "./toast";

async function ask(what: "cancel" | "resume", j: Job, after?: () => void): Promise<void> {
    const path = { id: j.id };
    await (what === "cancel" ? post("/api/v1/jobs/{id}/cancel", { path }) : post("/api/v1/jobs/{id}/resume", { path }));
    after?.();
    void refreshJobs();
}

export function resumeJob(j: Job, after?: () => void): void {
    ask("resume", j, after).catch(sayError);
}

export function stopJob(j: Job, after?: () => void): void {
    // it can go on only when it has ended, which it does when its task has seen the wish
    const back = async () => {
        for (let tries = 0; ; tries++) {
            try {
                return await ask("resume", j, after);
            } catch (e) {
                if (tries === 20) {
                    throw e;
                }
                await new Promise((go) => setTimeout(go, 500));
            }
        }
    };
    ask("cancel", j, after).then(() => say(text.jobs.stopped(jobName(j)), back), sayError);
}

const VIEW = { extract: "extract", transfer: "transfer", sweep: "sweeps" } as const;

/** What a form needs to start a job: its handler of "submit" (body null: something is still missing), and what was refused. */
export function useStart(kind: keyof typeof VIEW) {
    const [refused, refuse] = useState<unknown>(null);
    const [busy, setBusy] = useState(false);
    const begin = async (body: object) => {
        setBusy(true);
        try {
            const job = (await post(`/api/v1/jobs/${kind}`, { body })) as Job;
            void refreshJobs();
            go(VIEW[kind], [job.id]);
        } catch (e) {
            refuse(e);
        } finally {
            setBusy(false);
        }
    };
    const start = (body: object | null) => (e: Event) => {
        e.preventDefault();
        if (body !== null) {
            void begin(body);
        }
    };
    return { start, busy, refused, refuse };
}

/** True: it has gone. */
export async function forgetJob(j: Job): Promise<boolean> {
    try {
        await remove("/api/v1/jobs/{id}", { path: { id: j.id } });
        jobs.value = jobs.value?.filter((x) => x.id !== j.id) ?? null;
        say(text.jobs.forgotten(jobName(j)));
        void refreshJobs();
        return true;
    } catch (e) {
        sayError(e);
        return false;
    }
}
