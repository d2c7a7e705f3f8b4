// SPDX-License-Identifier: MIT
//
// dose.tsx - score and coherence over the coefficients, the transferred vector beside its controls.
import { keep } from "../../app/router";
import { num } from "../../base/format";
import { axis, coef } from "../../base/scale";
import { Curve, type CurveSeries, yAxis } from "../../parts/curve";
import { text } from "../../text/en";
import { ran, rowAt, type TransferResult } from "./result";

const t = text.transfer;
const COHERENT = 70;
const SHOWN: readonly { condition: string; tone: CurveSeries["tone"]; line?: "dash" | "dots" }[] = [
    { condition: "random", tone: "plain" },
    { condition: "prompt", tone: "plain", line: "dash" },
    { condition: "shuffled", tone: "plain", line: "dots" },
    { condition: "native", tone: "ink" },
    { condition: "transferred", tone: "accent" },
];

export function coefficientsOf(r: TransferResult): number[] {
    return [...new Set(r.rows?.filter((x) => x.condition === "transferred").map((x) => x.coefficient).concat(0))].sort((a, b) => a - b);
}

function seriesOf(r: TransferResult, what: "score" | "coherence", conditions = SHOWN): CurveSeries[] {
    const xs = coefficientsOf(r);
    return conditions
        .filter((c) => ran(r, c.condition))
        .map(({ condition, tone, line }) => ({
            name: t.conditions[condition]![0],
            tone,
            ...(line ? { line } : {}),
            points: xs.flatMap((x) => {
                const row = rowAt(r, condition, x);
                return row ? [{ x, y: row[what], ...(what === "score" && tone !== "plain" ? { lo: row.ci[0], hi: row.ci[1] } : {}) }] : [];
            }),
        }));
}

/** Where the transferred answers' coherence stays at 70, interpolated, around 0; null: not even there. */
export function coherentRange(r: TransferResult): [number, number] | null {
    const points = coefficientsOf(r).map((x) => ({ x, c: rowAt(r, "transferred", x)?.coherence ?? 0 }));
    const zero = points.findIndex((p) => p.x === 0);
    if (zero < 0 || points[zero]!.c < COHERENT) {
        return null;
    }
    const walk = (by: 1 | -1): number => {
        for (let i = zero; ; i += by) {
            const [a, b] = [points[i]!, points[i + by]];
            if (!b) {
                return a.x;
            }
            if (b.c < COHERENT) {
                return a.x + ((b.x - a.x) * (a.c - COHERENT)) / (a.c - b.c);
            }
        }
    };
    return [walk(-1), walk(1)];
}

function words(s: readonly CurveSeries[]): string {
    return s
        .filter((x) => x.points.length > 1)
        .map((x) => t.fromTo(x.name, num(x.points[0]!.y, 0), coef(x.points[0]!.x), num(x.points.at(-1)!.y, 0), coef(x.points.at(-1)!.x)))
        .join(" ");
}

export function Dose({ r }: { r: TransferResult }) {
    const score = seriesOf(r, "score");
    const coherence = seriesOf(r, "coherence", SHOWN.slice(-2));
    const range = coherentRange(r);
    const xs = coefficientsOf(r);
    const all = coherence.flatMap((s) => s.points);
    const pick = (x: number) => keep({ c: x });
    return (
        <section class="half" aria-labelledby="h-dose">
            <h2 id="h-dose">{t.dose}</h2>
            <p class="soft">
                {t.doseHint} {range && t.doseSafe(coef(range[0]), coef(range[1]))}
            </p>
            <div id="draw-dose">
                <Curve label={t.curveLabel(t.dose, words(score))} series={score} xs={xs} y={axis([0, 100], 4)} safe={range} safeLabel={t.safe} foot={false} onPick={pick} />
                <h3>{t.coherenceTitle}</h3>
                <Curve label={t.curveLabel(t.coherenceTitle, words(coherence))} series={coherence} xs={xs} y={yAxis(all, 2, [50, 100])} safe={range} size="coh" onPick={pick} />
                <p class="text-center soft small m-0">{r.unit === "dose" ? t.inDoses : t.inRaw}</p>
            </div>
        </section>
    );
}
