// SPDX-License-Identifier: MIT
//
// spark.tsx - a line of the size of a word, for a cell of a table, with one marked point. Where there is no number
// the line has a gap; a number that stands alone is a dot.

export interface SparkProps {
    values: readonly (number | null)[];
    /** Index of the marked point. */
    mark?: number | null;
    /** For a screen reader; none if the words beside it say it all. */
    label?: string;
    /** Of what is drawn, with an axis in its middle; without it, from 0 or the least to the most. */
    range?: [number, number];
    /** A line across, from where on something alarms. */
    limit?: number | undefined;
}

const TOP = 6;
const SPAN = 88;

function path(values: readonly (number | null)[], y: (v: number) => number): string {
    return values
        .map((v, i) => {
            if (v === null) {
                return "";
            }
            const alone = (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null;
            const move = (values[i - 1] ?? null) === null ? "M" : "L";
            return `${move}${i + 0.5} ${y(v).toFixed(1)}${alone ? "h0" : ""}`;
        })
        .join("");
}

export function Spark({ values, mark = null, label, range, limit }: SparkProps) {
    const known = values.filter((v): v is number => v !== null);
    if (known.length === 0 && !range) {
        return null;
    }
    const [low, high] = range ?? [Math.min(0, ...known), Math.max(...known)];
    const y = (v: number): number => TOP + SPAN * (high > low ? 1 - (v / 2 - low / 2) / (high / 2 - low / 2) : 0.5);
    const at = mark !== null ? (values[mark] ?? null) : null;
    return (
        <svg role={label ? "img" : undefined} aria-label={label} aria-hidden={label ? undefined : true}>
            {range && <line class="axis" x1="0" x2="100%" y1="50%" y2="50%" />}
            {limit !== undefined && <line class="thr" x1="0" x2="100%" y1={`${y(limit)}%`} y2={`${y(limit)}%`} />}
            <svg viewBox={`0 0 ${values.length} 100`} preserveAspectRatio="none">
                <path class="ln plain" d={path(values, y)} />
            </svg>
            {at !== null && <circle class="mk" cx={`${((mark! + 0.5) / values.length) * 100}%`} cy={`${y(at)}%`} r="4" />}
        </svg>
    );
}
