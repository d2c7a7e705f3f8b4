// SPDX-License-Identifier: MIT
//
// heat.tsx - a heatmap as a table: the number in each cell, its ground one of the eleven diverging classes. It scrolls
// in itself where it is wider than the page, and a key reaches it.
import type { ComponentChildren } from "preact";
import { step } from "../base/format";

export interface HeatCell {
    value: number | null;
    /** The number as it is written; null values are a dash. */
    words: string;
    /** The row's own column: said by a frame, or greyed in `cos`. */
    own?: boolean;
}

export interface HeatProps {
    /** Names the region and the table. */
    label: string;
    rows: readonly ComponentChildren[];
    columns: readonly ComponentChildren[];
    cell: (row: number, column: number) => HeatCell;
    /** What one step of colour is worth. */
    per: number;
    /** "cos": narrow cells, column names upright. */
    class?: string;
    corner?: string;
}

export function Heat({ label, rows, columns, cell, per, class: extra = "", corner = "" }: HeatProps) {
    const upright = extra === "cos" ? "v" : undefined;
    return (
        <div class="scroll" tabIndex={0} role="region" aria-label={label}>
            <table class={`heat ${extra}`} aria-label={label}>
                <thead>
                    <tr>
                        <td>{corner}</td>
                        {columns.map((c, i) => (
                            <th scope="col" key={i}>
                                <span class={upright}>{c}</span>
                            </th>
                        ))}
                    </tr>
                </thead>
                <tbody>
                    {rows.map((r, i) => (
                        <tr key={i}>
                            <th scope="row">{r}</th>
                            {columns.map((_, k) => {
                                const x = cell(i, k);
                                return (
                                    <td key={k} class={`${x.own ? "own " : ""}${step(x.value, per)}`}>
                                        {x.value === null ? "–" : x.words}
                                    </td>
                                );
                            })}
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}

const STEPS = ["m5", "m4", "m3", "m2", "m1", "", "q1", "q2", "q3", "q4", "q5"];

/** The key to the colours. */
export function Ramp({ low, high }: { low: string; high: string }) {
    return (
        <span class="ramp">
            {low}
            <span aria-hidden="true">
                {STEPS.map((s) => (
                    <i key={s} class={s} />
                ))}
            </span>
            {high}
        </span>
    );
}
