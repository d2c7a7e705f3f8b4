// SPDX-License-Identifier: MIT
//
// whisker.tsx - dots with their intervals on one axis, row under row, and the numbers beside them; behind all of them
// a grey band of what chance reaches. A table, so that whoever cannot see the drawing reads the numbers.
import { at, axis, type Axis, pct } from "../base/scale";
import { num } from "../base/format";

export type Tone = "accent" | "ink" | "plain";

export interface WhiskerRow {
    name: string;
    note?: string;
    value: number | null;
    lo: number | null;
    hi: number | null;
    tone?: Tone;
    /** The row that the drawing is about. */
    hero?: boolean;
    /** Single draws, hollow. */
    draws?: readonly number[];
    /** What stands in the columns behind the drawing. */
    cells: readonly string[];
}
export interface WhiskerGroup {
    title: string;
    rows: readonly WhiskerRow[];
}
export interface WhiskersProps {
    /** Of the table. */
    label: string;
    groups: readonly WhiskerGroup[];
    /** Names of the columns behind the drawing: the value, its interval, and one more if you like. */
    columns: readonly string[];
    band?: readonly [number, number] | null;
    /** The axis holds at least this. */
    least?: [number, number];
    drawn: string; // the drawing in words, for the head of its column
}

const TONES = { accent: "accent", ink: "", plain: "plain" } as const;
const CLASSES = ["sw", "ci", "co"];

function Mark({ row, x, band }: { row: WhiskerRow; x: Axis; band: readonly [number, number] | null }) {
    const tone = TONES[row.tone ?? "plain"];
    const r = row.tone === undefined || row.tone === "plain" ? 5.5 : 7;
    return (
        <svg aria-hidden="true">
            {band && <rect class="band" x={pct(at(x, band[0]))} width={pct(at(x, band[1]) - at(x, band[0]))} height="100%" />}
            <line class="zero" x1={pct(at(x, 0))} x2={pct(at(x, 0))} y1="0" y2="100%" />
            {row.draws?.map((d, i) => <circle key={i} class="mk o" cx={pct(at(x, d))} cy="50%" r="4.5" />)}
            {row.draws === undefined && row.lo !== null && row.hi !== null && (
                <line class={`wh ${tone}`} x1={pct(at(x, row.lo))} x2={pct(at(x, row.hi))} y1="50%" y2="50%" />
            )}
            {row.draws === undefined && row.value !== null && <circle class={`mk ${tone}`} cx={pct(at(x, row.value))} cy="50%" r={r} />}
        </svg>
    );
}

function Scale({ x }: { x: Axis }) {
    const end = x.ticks.length - 1;
    return (
        <svg class="plot" height="18" aria-hidden="true">
            {x.ticks.map((t, i) => (
                <text key={t} class={i === end ? "e" : i === 0 ? "" : "c"} x={pct(at(x, t))} y="14">
                    {num(t, 0)}
                </text>
            ))}
        </svg>
    );
}

export function Whiskers({ label, groups, columns, band = null, least, drawn }: WhiskersProps) {
    const rows = groups.flatMap((g) => g.rows);
    const x = axis([0, ...rows.flatMap((r) => [r.value, r.lo, r.hi, ...(r.draws ?? [])]), ...(band ?? [])], 5, least ?? null);
    return (
        <table class="whisk" aria-label={label}>
            <thead>
                <tr>
                    <td />
                    <th class="pl" scope="col">
                        <span class="visually-hidden">{drawn}</span>
                        <Scale x={x} />
                    </th>
                    {columns.map((c, i) => (
                        <th key={c} class={CLASSES[i]} scope="col">
                            {c}
                        </th>
                    ))}
                </tr>
            </thead>
            {groups.map((g) => (
                <tbody key={g.title}>
                    {g.title !== "" && (
                        <tr class="grp">
                            <td colSpan={2 + columns.length}>{g.title}</td>
                        </tr>
                    )}
                    {g.rows.map((r) => (
                        <tr key={r.name} class={r.hero ? "hero" : ""}>
                            <th scope="row">
                                <b>{r.name}</b>
                                {r.note && <small>{r.note}</small>}
                            </th>
                            <td class="pl">
                                <Mark row={r} x={x} band={band} />
                            </td>
                            {r.cells.map((c, i) => (
                                <td key={i} class={CLASSES[i]}>
                                    {c}
                                </td>
                            ))}
                        </tr>
                    ))}
                </tbody>
            ))}
        </table>
    );
}
