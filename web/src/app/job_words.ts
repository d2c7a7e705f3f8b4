// SPDX-License-Identifier: MIT
//
// job_words.ts - how jobs are called, where they are shown, and how far they are, in words.
import { type Job } from "../api/live";
import { duration } from "../base/format";
import { bare } from "../text/bare";
import { text } from "../text/en";
import { link } from "./router";

/** "Extract silly" */
export function jobName(j: Job): string {
    const names: Record<string, string> = text.jobs.kinds;
    return `${names[j.kind] ?? j.kind} ${j.subject ?? ""}`.trim();
}

/** The view that shows a job of this kind. */
export function jobLink(j: Job): string {
    const views: Record<string, string> = bare({ extract: "extract", transfer: "transfer", sweep: "sweeps", screen: "monitor" });
    return link(views[j.kind] ?? "models", [j.id]);
}

export function stateWords(j: Job): string {
    if (j.state === "running") {
        return j.eta_s !== undefined ? `${duration(j.eta_s)} ${text.jobs.left}` : j.stage;
    }
    return j.state === "queued" ? text.jobs.place(j.place) : (text.jobs.states as Record<string, string>)[j.state] ?? j.state;
}
