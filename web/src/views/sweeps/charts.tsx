// SPDX-License-Identifier: MIT
//
// charts.tsx - trait score, coherence and distance over the coefficient, on one x axis: the chosen curve in colour, the
// others beside it.
import { keep, place } from "../../app/router";
import { num } from "../../base/format";
import { axis, coef } from "../../base/scale";
import { Curve, type CurvePoint, type CurveSeries } from "../../parts/curve";
import { text } from "../../text/en";
import { type Drawn, instructed, type SweepResult } from "./result";

const t = text.sweeps;
const NAMED = 6; // curves whose names still have room at the ends

/** Which curve is looked at; it lies in the address. */
export function chosen(curves: readonly { name: string }[]): number {
    const wanted = place.value.query.get("curve");
    return Math.max(0, curves.findIndex((c) => c.name === wanted));
}

export function CurveChoice({ curves }: { curves: readonly { name: string }[] }) {
    return curves.length < 2 ? null : (
        <div class="mt-4">
            <label class="form-label" for="curve">
                {t.curve}
            </label>
            <select class="form-select w-auto" id="curve" value={curves[chosen(curves)]!.name} onChange={(e) => keep({ curve: e.currentTarget.value })}>
                {curves.map((c, i) => (
                    <option key={c.name} value={c.name} selected={i === chosen(curves)}>
                        {c.name}
                    </option>
                ))}
            </select>
        </div>
    );
}

/** What tells a curve from the others. */
function short(curves: readonly Drawn[], i: number): string {
    const parts = curves.map((c) => c.name.split(", "));
    const own = parts[i]!.filter((x) => !parts.every((other) => other.includes(x)));
    return own.length > 0 ? own.join(", ") : t.steered;
}

function seriesOf(curves: readonly Drawn[], what: "score" | "coherence" | "kl"): CurveSeries[] {
    const at = chosen(curves);
    const all = curves.map((c, i) => ({
        name: c.name,
        end: short(curves, i),
        tone: i === at ? ("accent" as const) : ("plain" as const),
        points: i === at ? c[what] : c[what].map(({ x, y, failed }) => ({ x, y, failed })),
    }));
    return [...all.filter((_, i) => i !== at), all[at]!];
}

function words(what: string, s: readonly CurvePoint[]): string {
    return `${what}: ${s.filter((p) => p.y !== null).map((p) => `${num(p.y, 0)} ${t.at} ${coef(p.x)}${p.failed ? `, ${p.failed}` : ""}`).join("; ")}.`;
}

/** What the numbers of the axis count. */
export function unitWords(r: SweepResult): string {
    const operators = [...new Set(r.curves.map((c) => c.operator))];
    const own = operators.length === 1 ? t.numberOf[operators[0]!] : undefined;
    return operators.length > 1 && operators.some((o) => t.numberOf[o]) ? text.work.coefficient : t.coefficientIn(own ?? t.units[r.unit] ?? r.unit);
}

export interface ChartsProps {
    curves: readonly Drawn[];
    result: SweepResult | null; // null: it still runs
    onPick?: (x: number) => void;
}

export function Charts({ curves, result: r, onPick }: ChartsProps) {
    const mine = curves[chosen(curves)];
    const facts = r?.curves[chosen(curves)];
    const safe = facts && facts.safe[0] !== null && facts.safe[1] !== null ? ([facts.safe[0], facts.safe[1]] as const) : null;
    const xs = [...new Set(curves.flatMap((c) => c.score.map((p) => p.x)))].sort((a, b) => a - b);
    if (!mine || xs.length === 0) {
        return <p class="soft">{t.noPoints}</p>;
    }
    const asked = r ? instructed(r) : [];
    const score = seriesOf(curves, "score");
    const kl = curves.flatMap((c) => c.kl.map((p) => p.y));
    const hasKl = kl.some((v) => v !== null && v > 0);
    const scored = curves.some((c) => c.score.some((p) => p.y !== null));
    const common = { xs, safe, ends: curves.length <= NAMED && curves.length > 1, ...(onPick ? { onPick } : {}) };
    const withPrompt: CurveSeries[] = asked.length > 0 && xs.includes(-1) && xs.includes(1) ? [{ name: t.instruction, tone: "plain", line: "dash", points: asked }, ...score] : score;
    return (
        <div id="draw-sweep">
            {scored ? (
                <>
                    <h3>{t.score}</h3>
                    <Curve {...common} ends={common.ends || withPrompt.length > score.length} label={words(t.score, mine.score)} series={withPrompt} y={axis([0, 100], 4)} safeLabel={t.safe} foot={false} />
                    <h3>{t.coherence}</h3>
                    <Curve {...common} label={words(t.coherence, mine.coherence)} series={seriesOf(curves, "coherence")} y={axis([0, 100], 2)} size="coh" foot={!hasKl} />
                </>
            ) : (
                <p class="soft">{t.noScores}</p>
            )}
            {hasKl && (
                <>
                    <h3>
                        {t.kl_}, {t.klUnit}
                    </h3>
                    <Curve {...common} label={words(t.kl_, mine.kl)} series={seriesOf(curves, "kl")} y={axis([0, ...kl], 2)} size="coh" />
                </>
            )}
            <p class="text-center soft small m-0">{r ? unitWords(r) : text.work.coefficient}</p>
        </div>
    );
}
