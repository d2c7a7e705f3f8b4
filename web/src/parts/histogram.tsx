// SPDX-License-Identifier: MIT
//
// histogram.tsx - how values lie: bars of own SVG with text that never scales, a limit as a dashed line. Bars of values
// beyond the limit are orange; counts stand on them.
import { num } from "../base/format";

export interface HistogramProps {
    values: readonly number[];
    limit?: number | null;
    limitLabel?: string;
    label: string;
}

const BINS = 21;
const TOP = 12; // per cent above the tallest bar, for its count

export function Histogram({ values, limit = null, limitLabel = "", label }: HistogramProps) {
    if (values.length === 0) {
        return null;
    }
    const reach = limit === null ? [...values] : [...values, limit];
    let low = reach[0]!;
    let high = reach[0]!;
    for (const v of reach) {
        low = Math.min(low, v);
        high = Math.max(high, v);
    }
    const width = high > low ? (high - low) / (BINS - 1) : 1;
    low -= width / 2;
    const inside: number[] = Array.from({ length: BINS }, () => 0);
    const beyond: number[] = Array.from({ length: BINS }, () => 0);
    for (const v of values) {
        const i = Math.max(0, Math.min(BINS - 1, Math.floor((v - low) / width)));
        (limit !== null && v > limit ? beyond : inside)[i]!++;
    }
    const most = Math.max(1, ...inside.map((n, i) => n + beyond[i]!));
    const y = (n: number) => ((100 - TOP) * n) / most;
    const x = (v: number) => ((v - low) / (width * BINS)) * 100;
    const step = 100 / BINS;
    const ticks = [low + width / 2, low + (width * BINS) / 2, low + width * (BINS - 0.5)];
    return (
        <div class="histbox">
            <svg class="plot hist" role="img" aria-label={label}>
                <line class="axis" x1="0" x2="100%" y1="100%" y2="100%" />
                {inside.map((n, i) => {
                    const total = n + beyond[i]!;
                    return (
                        total > 0 && (
                            <g key={i}>
                                {n > 0 && <rect class="plainbar" x={`${i * step + 0.15 * step}%`} width={`${0.7 * step}%`} y={`${100 - y(n)}%`} height={`${y(n)}%`} />}
                                {beyond[i]! > 0 && <rect class="p" x={`${i * step + 0.15 * step}%`} width={`${0.7 * step}%`} y={`${100 - y(total)}%`} height={`${y(beyond[i]!)}%`} />}
                                <text class="c" x={`${(i + 0.5) * step}%`} y={`${100 - y(total)}%`} dy="-4">
                                    {total}
                                </text>
                            </g>
                        )
                    );
                })}
                {limit !== null && (
                    <>
                        <line class="limit" x1={`${x(limit)}%`} x2={`${x(limit)}%`} y1="0" y2="100%" />
                        <text class={`halo strong ${x(limit) > 60 ? "e" : ""}`} x={`${x(limit)}%`} y="0" dx={x(limit) > 60 ? -6 : 6} dy="2">
                            {limitLabel} {num(limit, 1)}
                        </text>
                    </>
                )}
                {ticks.map((v, i) => (
                    <text key={i} class={i === 0 ? "" : i === 1 ? "c" : "e"} x={`${i * 50}%`} y="100%" dy="18">
                        {num(v, 1)}
                    </text>
                ))}
            </svg>
        </div>
    );
}
