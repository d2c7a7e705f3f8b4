// SPDX-License-Identifier: MIT
//
// direction.tsx - what came of it: AUROC and agreement of two halves per block with the chosen one marked, the norm
// below on the same blocks, all of it as a table too; and the tokens that the direction promotes.
import { get } from "../../api/client";
import { useResource } from "../../api/resource";
import { count, num, percent, step, token, unit } from "../../base/format";
import { Shown } from "../../parts/states";
import { text } from "../../text/en";
import type { Layer, Result } from "./result";

const t = text.extract;
const TOKENS = 10;

const place = (b: number, n: number) => (100 * (b + 0.5)) / n;

/** A line over blocks, broken where there is no number. */
function path(values: readonly (number | null)[], y: (v: number) => number): string {
    return values.map((v, b) => (v === null ? "" : `${b === 0 || values[b - 1] === null ? "M" : "L"}${b + 0.5} ${y(v).toFixed(2)}`)).join("");
}

/** Every so many blocks a mark, and the last one. */
function marks(n: number): number[] {
    const every = Math.max(1, Math.ceil(n / 6));
    return Array.from({ length: n }, (_, b) => b).filter((b) => b % every === 0 && (n - 1 - b >= every / 2 || b === n - 1)).concat((n - 1) % every === 0 ? [] : [n - 1]);
}

function Quality({ by, n, best }: { by: (Layer | null)[]; n: number; best: number }) {
    const auroc = by.map((l) => l?.auroc ?? null);
    const halves = by.map((l) => l?.split_half_cosine ?? null);
    const lowest = Math.min(...[...auroc, ...halves].filter((v): v is number => v !== null), 0.5);
    const low = Math.max(0, Math.floor(lowest * 4) / 4);
    const y = (v: number) => (100 * (1 - Math.max(low, v))) / (1 - low);
    const lines = [1, (1 + low) / 2, low];
    const chosen = auroc[best] ?? null;
    return (
        <div class="pbox">
            <svg class="plot perblock" role="img" aria-label={`${t.auroc}: ${t.best(best, unit(chosen))}`}>
                <rect class="band" x={`${(100 * best) / n}%`} width={`${100 / n}%`} height="100%" />
                {lines.map((v) => (
                    <g key={v}>
                        <line class="grid" x1="0" x2="100%" y1={`${y(v)}%`} y2={`${y(v)}%`} />
                        <text class="e" dx="-10" y={`${y(v)}%`} dy="4">
                            {unit(v)}
                        </text>
                    </g>
                ))}
                <svg viewBox={`0 0 ${n} 100`} preserveAspectRatio="none">
                    <path class="ln plain dash" d={path(halves, y)} />
                    <path class="ln" d={path(auroc, y)} />
                </svg>
                {auroc.map((v, b) => v !== null && <circle key={b} class={b === best ? "mk accent" : "mk"} cx={`${place(b, n)}%`} cy={`${y(v)}%`} r={b === best ? 7 : n > 48 ? 2.5 : 4} />)}
                {chosen !== null && (
                    <text class={`${best < n * 0.12 ? "" : best > n * 0.88 ? "e" : "c"} accent-t halo`} x={`${place(best, n)}%`} y={`${y(chosen)}%`} dy="-13">
                        {t.best(best, unit(chosen))}
                    </text>
                )}
            </svg>
        </div>
    );
}

function Norms({ by, n, best }: { by: (Layer | null)[]; n: number; best: number }) {
    const most = Math.max(...by.map((l) => l?.norm ?? 0), 1e-9);
    return (
        <div class="nbox">
            <svg class="plot norms" role="img" aria-label={`${t.norm}: ${num(by[best]?.norm, 1)} (${t.block} ${best})`}>
                {by.map((l, b) => {
                    const height = (100 * (l?.norm ?? 0)) / most;
                    return height > 0 && <rect key={b} class={b === best ? "best" : undefined} x={`${(100 * (b + 0.12)) / n}%`} width={`${76 / n}%`} y={`${100 - height}%`} height={`${height}%`} />;
                })}
                <line class="axis" x1="0" x2="100%" y1="100%" y2="100%" />
                <text class="e" dx="-10" y="8" dy="4">
                    {t.norm}
                </text>
                {marks(n).map((b) => (
                    <text key={b} class="c" x={`${place(b, n)}%`} y="100%" dy="18">
                        {b}
                    </text>
                ))}
                <text class="c" x="50%" y="100%" dy="34">
                    {t.block}
                </text>
            </svg>
        </div>
    );
}

function Table({ layers, best }: { layers: Layer[]; best: number }) {
    return (
        <details class="more small">
            <summary>{t.table}</summary>
            <div class="wide scroll">
                <table class="rows">
                    <thead>
                        <tr>
                            {t.tableHead.map((h, i) => (
                                <th key={h} scope="col" class={i > 0 ? "num" : undefined}>
                                    {h}
                                </th>
                            ))}
                        </tr>
                    </thead>
                    <tbody>
                        {layers.map((l) => (
                            <tr key={l.layer} aria-selected={l.layer === best || undefined}>
                                <th scope="row">{l.layer}</th>
                                <td class="num">{unit(l.auroc)}</td>
                                <td class="num">{unit(l.split_half_cosine)}</td>
                                <td class="num">{num(l.norm, 1)}</td>
                                <td class="num">{percent(l.ratio)}</td>
                                <td class="num">{num(l.dose, 2)}</td>
                            </tr>
                        ))}
                    </tbody>
                </table>
                <p class="hintline">{t.tableHints}</p>
            </div>
        </details>
    );
}

const MOST_BLOCKS = 4096; // that the server knows of

export function Blocks({ r }: { r: Result }) {
    const n = Math.max(...r.layers.map((l) => (l.layer < MOST_BLOCKS ? l.layer : 0)), 0) + 1;
    const by = Array.from({ length: n }, (_, b) => r.layers.find((l) => l.layer === b) ?? null);
    return (
        <>
            <p class="soft mt-1 mb-0">{t.blocksAbout(count(r.kept.positive + r.kept.negative, "kept answer", "kept answers"), r.layer_choice ?? t.auroc)}</p>
            <p class="small soft d-flex flex-wrap column-gap-4 mt-3 mb-0">
                <span class="key">{t.auroc}</span>
                <span class="key plain">{t.agreement}</span>
            </p>
            <Quality by={by} n={n} best={r.best_layer} />
            <Norms by={by} n={n} best={r.best_layer} />
            <Table layers={r.layers} best={r.best_layer} />
        </>
    );
}

function Words({ words, logits, sd }: { words: readonly string[]; logits: readonly number[]; sd: number }) {
    return (
        <ul class="words-list">
            {words.map((w, i) => (
                <li key={i} class={step(logits[i]! / sd, 1.5)}>
                    {token(w)}
                </li>
            ))}
        </ul>
    );
}

export function Promoted({ model, name, positive }: { model: string; name: string; positive: string }) {
    const told = useResource((signal) => get("/api/v1/vectors/{model}/{name}/explain", { path: { model, name }, query: { top: TOKENS }, signal }), [model, name]);
    return (
        <Shown of={told} lines={4}>
            {(x) => {
                const l = x.layers.find((y) => y.layer === x.best_layer);
                return (
                    l && (
                        <>
                            <p class="soft small mt-1 mb-3">{t.promotesAbout(l.layer)}</p>
                            <h3>{t.towards(positive)}</h3>
                            <Words words={l.promoted} logits={l.promoted_logits} sd={l.sd ?? 1} />
                            <h3 class="mt-4">{t.away}</h3>
                            <Words words={l.suppressed} logits={l.suppressed_logits} sd={l.sd ?? 1} />
                        </>
                    )
                );
            }}
        </Shown>
    );
}
