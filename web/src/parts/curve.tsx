// SPDX-License-Identifier: MIT
//
// curve.tsx - points with their intervals over coefficients: lines between what was measured, the safe range shaded,
// points that failed hollow and in no line. Its own SVG without a viewBox, so that text keeps its size at any width.
import { at, axis, type Axis, coef, pct, tickDigits } from "../base/scale";
import { num } from "../base/format";

export interface CurvePoint {
    x: number;
    y: number | null;
    lo?: number | null;
    hi?: number | null;
    /** Why it does not count. */
    failed?: string | undefined;
}
export interface CurveSeries {
    name: string;
    /** What stands at its right end, if the name is too long. */
    end?: string;
    tone: "accent" | "ink" | "plain";
    line?: "dash" | "dots";
    points: readonly CurvePoint[];
    /** Drawn as the area between lo and hi alone. */
    area?: boolean;
}
export interface CurveProps {
    label: string;
    series: readonly CurveSeries[];
    y: Axis;
    /** The coefficients of the axis; by default those of the points. */
    xs?: readonly number[];
    safe?: readonly [number, number] | null;
    safeLabel?: string;
    /** "dose": tall, "coh": flat. */
    size?: "dose" | "coh";
    /** The coefficients are written under it. */
    foot?: boolean;
    ends?: boolean; // names at the right ends
    onPick?: (x: number) => void;
}

const END_GAP = 16; // pixels between two names at the ends
const HEIGHT = { dose: 336, coh: 96 };

/** The x axis leaves room at both ends, so that no point stands on the edge. */
function xAxis(xs: readonly number[]): Axis {
    const [lo, hi] = [Math.min(...xs), Math.max(...xs)];
    const pad = hi > lo ? 0.0667 * (hi - lo) : 1;
    return { lo: lo - pad, hi: hi + pad, ticks: [...xs] };
}

/** Stretches of points that count, one after the other. */
function stretches(points: readonly CurvePoint[]): CurvePoint[][] {
    const out: CurvePoint[][] = [[]];
    for (const p of points) {
        if (p.y === null || p.failed !== undefined) {
            out.push([]);
        } else {
            out.at(-1)!.push(p);
        }
    }
    return out.filter((s) => s.length > 0);
}

function path(points: readonly (readonly [number, number])[], close = false): string {
    return points.map(([x, y], i) => `${i === 0 ? "M" : "L"}${x.toFixed(2)} ${y.toFixed(2)}`).join("") + (close ? "Z" : "");
}

function Lines({ s, x, y }: { s: CurveSeries; x: Axis; y: Axis }) {
    const kind = s.tone === "accent" ? "accent" : s.tone === "plain" ? "plain" : "";
    return (
        <>
            {stretches(s.points).map((run, i) => {
                if (s.area) {
                    const there = run.filter((p) => p.lo !== null && p.lo !== undefined && p.hi !== null && p.hi !== undefined);
                    const up = there.map((p) => [at(x, p.x), 100 - at(y, p.hi!)] as const);
                    const down = there.map((p) => [at(x, p.x), 100 - at(y, p.lo!)] as const).reverse();
                    return <path key={i} class="area" d={path([...up, ...down], true)} />;
                }
                return <path key={i} class={`ln ${kind} ${s.line ?? ""}`} d={path(run.map((p) => [at(x, p.x), 100 - at(y, p.y!)] as const))} />;
            })}
        </>
    );
}

function Marks({ s, x, y, whiskers, onPick }: { s: CurveSeries; x: Axis; y: Axis; whiskers: boolean; onPick: ((x: number) => void) | undefined }) {
    const kind = s.tone === "accent" ? "accent" : s.tone === "plain" ? "plain" : "";
    const r = !whiskers ? (s.tone === "accent" ? 5 : 4) : s.tone === "accent" ? 6 : s.tone === "ink" ? 5 : 4;
    return (
        <>
            {s.points.map((p) => {
                const px = pct(at(x, p.x));
                const failed = p.failed !== undefined;
                return (
                    <g key={p.x} class={onPick ? "pick" : ""} onClick={() => onPick?.(p.x)}>
                        {!failed && whiskers && p.lo !== null && p.lo !== undefined && p.hi !== null && p.hi !== undefined && (
                            <line class={`wh ${kind}`} x1={px} x2={px} y1={pct(100 - at(y, p.lo))} y2={pct(100 - at(y, p.hi))} />
                        )}
                        {(p.y !== null || failed) && <circle class={failed ? "mk o" : `mk ${kind}`} cx={px} cy={pct(100 - at(y, p.y ?? y.lo))} r={r} />}
                    </g>
                );
            })}
        </>
    );
}

/** Names at the right ends, moved apart where they would lie on each other. */
function ends(series: readonly CurveSeries[], y: Axis, height: number): { s: CurveSeries; at: number }[] {
    const all = series.flatMap((s) => {
        const last = [...s.points].reverse().find((p) => p.y !== null && p.failed === undefined);
        return last ? [{ s, at: (height * (100 - at(y, last.y!))) / 100 }] : [];
    });
    all.sort((a, b) => a.at - b.at);
    for (let i = 1; i < all.length; i++) {
        all[i]!.at = Math.max(all[i]!.at, all[i - 1]!.at + END_GAP);
    }
    const over = (all.at(-1)?.at ?? 0) - height - 4;
    if (over > 0) {
        for (let i = all.length - 1, limit = height + 4; i >= 0; i--, limit -= END_GAP) {
            all[i]!.at = Math.min(all[i]!.at, limit);
        }
    }
    return all;
}

export function Curve({ label, series, y, xs, safe = null, safeLabel, size = "dose", foot = true, ends: named = true, onPick }: CurveProps) {
    const all = xs ?? [...new Set(series.flatMap((s) => s.points.map((p) => p.x)))].sort((a, b) => a - b);
    const x = xAxis(all);
    const yd = tickDigits(y.ticks);
    const every = Math.ceil(all.length / 11);
    const zero = Math.max(0, all.indexOf(0));
    const marks = series.filter((s) => !s.area);
    return (
        <div class={`${size}box ${named ? "" : "bare"} ${foot ? "" : "footless"}`}>
            <svg class={`plot ${size}`} role="img" aria-label={label}>
                {safe && <rect class="safe" x={pct(at(x, safe[0]))} width={pct(Math.max(0, at(x, safe[1]) - at(x, safe[0])))} height="100%" />}
                {y.ticks.map((t) => (
                    <g key={t}>
                        <line class="grid" x1="0" x2="100%" y1={pct(100 - at(y, t))} y2={pct(100 - at(y, t))} />
                        <text class="e" dx="-10" y={pct(100 - at(y, t))} dy="4">
                            {num(t, yd)}
                        </text>
                    </g>
                ))}
                {x.lo < 0 && x.hi > 0 && <line class="zero" x1={pct(at(x, 0))} x2={pct(at(x, 0))} y1="0" y2="100%" />}
                <svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%">
                    {series.map((s) => <Lines key={s.name} s={s} x={x} y={y} />)}
                </svg>
                {marks.map((s) => <Marks key={s.name} s={s} x={x} y={y} whiskers={size === "dose"} onPick={onPick} />)}
                {named &&
                    ends(series, y, HEIGHT[size]).map(({ s, at: top }) => (
                        <text key={s.name} class={s.tone === "accent" ? "accent-t" : s.tone === "ink" ? "strong" : ""} x="100%" dx="10" y={pct((100 * top) / HEIGHT[size])} dy="4">
                            {s.end ?? s.name}
                        </text>
                    ))}
                {safe && safeLabel && (
                    <text x={pct(at(x, safe[0]))} dx="8" y="14">
                        {safeLabel}
                    </text>
                )}
                {foot &&
                    all.map((v, i) =>
                        (i - zero) % every === 0 ? (
                            <text key={v} class="c" x={pct(at(x, v))} y="100%" dy="20">
                                {coef(v)}
                            </text>
                        ) : null,
                    )}
            </svg>
        </div>
    );
}

/** A y axis for several drawings of the same thing. */
export function yAxis(points: readonly CurvePoint[], n = 4, least: [number, number] | null = null): Axis {
    return axis(points.flatMap((p) => [p.y, p.lo, p.hi]), n, least);
}
