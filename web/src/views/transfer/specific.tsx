// SPDX-License-Identifier: MIT
//
// specific.tsx - what moves what: scores of other traits on the transferred answers, one row for each finished transfer
// between the same two models; and what other traits' vectors do to this score.
import { type Job, jobs } from "../../api/live";
import { link } from "../../app/router";
import { interval, num } from "../../base/format";
import { Heat, Ramp } from "../../parts/heat";
import { Whiskers } from "../../parts/whisker";
import { text } from "../../text/en";
import { type Asked, results, useResults } from "./past";
import { type TransferResult } from "./result";

const t = text.transfer;
const PER = 11; // points a step

/** Finished transfers between the same models, this one first; of each trait the newest. */
function alike(job: Job, r: TransferResult): { id: string; r: TransferResult }[] {
    const mine = (job.request ?? {}) as Asked;
    const others = (jobs.value ?? []).filter((j) => {
        const x = (j.request ?? {}) as Asked;
        return j.kind === "transfer" && j.state === "done" && j.id !== job.id && x.from === mine.from && x.to === mine.to && x.trait !== mine.trait;
    });
    useResults(others);
    const seen = new Set([r.trait]);
    const rest = others.flatMap((j) => {
        const x = results.value.get(j.id);
        if (!x?.specificity?.length || seen.has(x.trait)) {
            return [];
        }
        seen.add(x.trait);
        return [{ id: j.id, r: x }];
    });
    return [{ id: job.id, r }, ...rest];
}

function Matrix({ job, r }: { job: Job; r: TransferResult }) {
    const rows = alike(job, r);
    const columns = [...rows.map((x) => x.r.trait), ...r.specificity.map((s) => s.trait)].filter((x, i, all) => all.indexOf(x) === i);
    const cell = (i: number, k: number) => {
        const swing = rows[i]!.r.specificity.find((s) => s.trait === columns[k])?.swing.value ?? null;
        return { value: swing, words: num(swing, 0), own: rows[i]!.r.trait === columns[k] };
    };
    return (
        <>
            <Heat label={t.specificTitle} per={PER} rows={rows.map((x) => (x.id === job.id ? <b>{x.r.trait}</b> : <a href={link("transfer", [x.id])}>{x.r.trait}</a>))} columns={columns.map((c) => (c === r.trait ? <b>{c}</b> : c))} cell={cell} />
            <p class="mt-2 mb-0">
                <Ramp low="−55" high="+55" />
            </p>
        </>
    );
}

export function Specific({ job, r }: { job: Job; r: TransferResult }) {
    const others = (r.spreads["other-trait"]?.draws ?? []).filter((d) => d.trait !== undefined && d.swing.value !== null).sort((a, b) => Math.abs(b.swing.value!) - Math.abs(a.swing.value!));
    const own = r.swing["transferred"];
    if (r.specificity.length === 0 && others.length === 0) {
        return null;
    }
    const row = (name: string, x: { value: number | null; ci: [number | null, number | null] }, hero: boolean) => ({
        name,
        value: x.value,
        lo: x.ci[0],
        hi: x.ci[1],
        hero,
        ...(hero ? { tone: "accent" as const } : {}),
        cells: [num(x.value, 0), interval(x.ci[0], x.ci[1])],
    });
    return (
        <section class="half" aria-labelledby="h-spec">
            <h2 id="h-spec">{t.specificTitle}</h2>
            <p class="soft">{t.specificHint}</p>
            <Matrix job={job} r={r} />
            {others.length > 0 && own && (
                <>
                    <h3 class="mt-5">{t.othersTitle}</h3>
                    <p class="soft mt-1 mb-0">{t.othersHint}</p>
                    <div id="draw-others">
                        <Whiskers label={t.othersTitle} drawn={t.drawn} columns={[t.swing, t.interval]} groups={[{ title: "", rows: [row(r.trait, own, true), ...others.map((d) => row(d.trait!, d.swing, false))] }]} />
                    </div>
                </>
            )}
        </section>
    );
}
