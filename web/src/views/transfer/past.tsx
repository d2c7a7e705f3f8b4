// SPDX-License-Identifier: MIT
//
// past.tsx - transfers of this server, the newest first: running, stopped, and done with their verdicts. A verdict is
// in a job's result, which is asked for once.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get } from "../../api/client";
import { type Job, jobs } from "../../api/live";
import { stateWords } from "../../app/job_words";
import { link } from "../../app/router";
import { duration, interval, num, when } from "../../base/format";
import { Empty, Loading } from "../../parts/states";
import { Verdict } from "../../parts/verdict";
import { text } from "../../text/en";
import { transferOf, type TransferResult } from "./result";

/** Results that have been asked for, by job; null: it has none. */
export const results = signal<ReadonlyMap<string, TransferResult | null>>(new Map());
const asked = new Set<string>();

/** Asks for the results of these jobs, each once. */
export function useResults(of: readonly Job[]): void {
    const key = of.map((j) => j.id).join();
    useEffect(() => {
        for (const j of of.filter((x) => !asked.has(x.id))) {
            asked.add(j.id);
            get("/api/v1/jobs/{id}", { path: { id: j.id } }).then(
                (whole) => {
                    results.value = new Map(results.value).set(j.id, transferOf(whole.result));
                },
                () => asked.delete(j.id),
            );
        }
    }, [key]);
}

export interface Asked {
    from?: string;
    to?: string;
    trait?: string;
}

function Line({ job }: { job: Job }) {
    const asked_ = (job.request ?? {}) as Asked;
    const r = results.value.get(job.id) ?? null;
    const swing = r?.swing["transferred"];
    return (
        <tr>
            <th scope="row">
                <a href={link("transfer", [job.id])}>
                    <b>{asked_.trait ?? job.id}</b>
                    <small>
                        {asked_.from} → {asked_.to}
                    </small>
                </a>
            </th>
            <td>{r?.verdict ? <Verdict verdict={r.verdict} /> : <span class="soft">{job.state === "done" ? "" : stateWords(job)}</span>}</td>
            <td class="num opt-c">{swing && swing.value !== null ? `${num(swing.value, 0)} [${interval(swing.ci[0], swing.ci[1])}]` : ""}</td>
            <td class="num opt-c">{job.started > 0 ? duration(job.seconds) : ""}</td>
            <td class="num">{when(job.ended || job.created)}</td>
        </tr>
    );
}

export function Past() {
    const all = jobs.value?.filter((j) => j.kind === "transfer") ?? null;
    useResults((all ?? []).filter((j) => j.state === "done").slice(0, 40));
    return (
        <section aria-labelledby="h-past">
            <h2 id="h-past">{text.transfer.past}</h2>
            {all === null ? (
                <Loading />
            ) : all.length === 0 ? (
                <div class="mt-3">
                    <Empty title={text.transfer.none}>
                        <p class="soft">{text.transfer.noneHint}</p>
                    </Empty>
                </div>
            ) : (
                <table class="vt mt-3" aria-label={text.transfer.past}>
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
