// SPDX-License-Identifier: MIT
//
// conditions.tsx - the transferred vector against its controls: swings with intervals on one axis.
import { interval, num } from "../../base/format";
import { type WhiskerGroup, type WhiskerRow, Whiskers } from "../../parts/whisker";
import { text } from "../../text/en";
import { GROUPS, ran, randomReach, rowAt, type TransferResult } from "./result";

const t = text.transfer;

function rowOf(r: TransferResult, condition: string): WhiskerRow {
    const swing = r.swing[condition]!;
    const [name, note] = t.conditions[condition] ?? [condition, ""];
    const draws = r.spreads[condition]?.draws.map((d) => d.swing.value).filter((v): v is number => v !== null);
    const hero = condition === "transferred";
    return {
        name,
        note: draws ? `${t.draws(draws.length)}: ${note}` : note,
        value: swing.value,
        lo: swing.ci[0],
        hi: swing.ci[1],
        hero,
        tone: hero ? "accent" : condition === "native" ? "ink" : "plain",
        ...(draws ? { draws } : {}),
        cells: [num(swing.value, 0), interval(swing.ci[0], swing.ci[1]), num(rowAt(r, condition, 1)?.coherence, 0)],
    };
}

export function groupsOf(r: TransferResult): WhiskerGroup[] {
    return GROUPS.map((g) => ({ title: g.title, rows: g.conditions.filter((c) => ran(r, c)).map((c) => rowOf(r, c)) })).filter((g) => g.rows.length > 0);
}

export function Conditions({ r }: { r: TransferResult }) {
    const n = r.spreads["random"]?.n ?? 0;
    return (
        <section class="half" aria-labelledby="h-cond">
            <h2 id="h-cond">{t.against}</h2>
            <p class="soft">{t.againstHint(n)}</p>
            <div id="draw-conditions">
                <Whiskers label={t.against} drawn={t.drawn} groups={groupsOf(r)} columns={[t.swing, t.interval, t.coherence]} band={randomReach(r)} />
            </div>
            <p class="small soft mt-3 mb-0">{r.repeats.length > 0 ? t.intervals.many(r.repeats.length) : t.intervals.one}</p>
        </section>
    );
}
