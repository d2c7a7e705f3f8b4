// SPDX-License-Identifier: MIT
//
// block_bars.tsx - one number per block of a model as bars, the chosen block in ink. Blocks without a number keep their
// place. The numbers belong into a table beside it; a screen reader hears the chosen one.

export interface BlockBarsProps {
    /** By block, from 0. */
    values: readonly (number | null)[];
    chosen: number | null;
    label: string;
    /** Of the axis; from 0 to the largest without it. */
    low?: number;
    high?: number;
    words: (value: number) => string;
}

/** First, last, chosen, and a few between that do not touch them. */
function marks(values: readonly (number | null)[], chosen: number | null): number[] {
    const n = values.length;
    const every = Math.max(1, Math.ceil(n / 5));
    const all = [...values.keys()].filter((i) => i % every === 0 || i === n - 1);
    return all.filter((i) => chosen === null || i === chosen || Math.abs(i - chosen) / n > 0.09).filter((i) => i === n - 1 || n - 1 - i >= every / 2).concat(chosen !== null && !all.includes(chosen) ? [chosen] : []);
}

export function BlockBars({ values, chosen, label, low = 0, high, words }: BlockBarsProps) {
    const top = high ?? Math.max(...values.map((v) => v ?? low), low);
    const width = 100 / values.length;
    const share = (v: number): number => (top > low ? Math.max(0, Math.min(1, (v - low) / (top - low))) : 0) * 100;
    return (
        <div class="dnbox">
            <svg class="plot dn" role="img" aria-label={label}>
                {values.map(
                    (v, i) =>
                        v !== null && (
                            <rect key={i} class={i === chosen ? "best" : undefined} x={`${i * width + width * 0.12}%`} width={`${width * 0.76}%`} y={`${100 - share(v)}%`} height={`${share(v)}%`}>
                                <title>{`${i}: ${words(v)}`}</title>
                            </rect>
                        ),
                )}
                <line class="axis" x1="0" x2="100%" y1="100%" y2="100%" />
                {marks(values, chosen).map((i) => (
                    <text key={i} class={i === chosen ? "c strong" : "c"} x={`${(i + 0.5) * width}%`} y="100%" dy="18">
                        {i}
                    </text>
                ))}
            </svg>
        </div>
    );
}
