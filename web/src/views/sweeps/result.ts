// SPDX-License-Identifier: MIT
//
// result.ts - what a sweep comes to (docs/FORMATS.md, sweep), as curves to draw; and the same from answers alone while
// it runs.
import { num } from "../../base/format";
import type { Answer } from "../../parts/answers";
import type { CurvePoint } from "../../parts/curve";
import { text } from "../../text/en";

const t = text.sweeps;

export interface Point {
    condition: string;
    operator: string | null;
    phase: string | null;
    layer: number | null;
    coefficient: number;
    score: number | null;
    ci: [number | null, number | null];
    shift: { value: number | null; ci: [number | null, number | null] };
    coherence: number | null;
    coherence_sd: number | null;
    kl: number | null;
    kl_p95: number | null;
    nll: number | null;
    repetition: number | null;
    tokens: number | null;
    n: number;
    n_unanswered: number;
    n_unjudged: number;
    text: string | null;
}
export interface CurveFacts {
    operator: string;
    phase: string;
    layer: number;
    agreement: number | null;
    spearman: number | null;
    anti_steered: number | null;
    n_sloped: number;
    safe: [number | null, number | null];
    promote: number | null;
    suppress: number | null;
}
export interface SweepResult {
    model: { name: string; path: string; n_layer: number; quant: string };
    vector: string;
    trait: string;
    unit: string;
    question: string;
    n_questions: number;
    points: Point[];
    spearman: number | null;
    coherence_from: number | null; // null: nobody judged
    curves: CurveFacts[];
    judge: string | null;
    judge_validity?: string | null;
    seed: number;
    seconds: number;
}

export function sweepOf(result: unknown): SweepResult | null {
    const r = result as SweepResult | null;
    return r !== null && typeof r === "object" && Array.isArray(r.points) && Array.isArray(r.curves) && r.curves.length > 0 ? r : null;
}

interface Steered {
    operator?: string | null | undefined;
    phase?: string | null | undefined;
    layer?: number | null | undefined;
}
/** How a point was steered, in words: also the name of its curve. */
export function nameOf(p: Steered & { condition?: string | undefined; coefficient?: number | undefined }): string {
    if (p.operator) {
        return t.curveName(t.operatorShort[p.operator] ?? p.operator, p.layer ?? 0, p.phase ?? "");
    }
    return p.condition === "prompt" ? t.promptRow(p.coefficient ?? 0) : t.unsteered;
}

/** Why a point does not count; undefined: it does. */
export function failure(p: Point, from: number | null): string | undefined {
    if (from === null) {
        return undefined;
    }
    const f = t.failed;
    const why = [
        ...(p.n_unanswered > 0.1 * p.n ? [f.unanswered(p.n_unanswered)] : []),
        ...(p.n_unjudged > 0.1 * p.n ? [f.unjudged(p.n_unjudged)] : []),
        ...(p.coherence !== null && p.coherence < from ? [f.incoherent(num(p.coherence, 1), num(from, 0))] : []),
        ...(p.score === null && p.n_unjudged === 0 ? [f.noScore] : []),
    ];
    return why.length > 0 ? why.join(", ") : undefined;
}

export interface Drawn {
    name: string;
    score: CurvePoint[];
    coherence: CurvePoint[];
    kl: CurvePoint[];
}

export function drawn(r: SweepResult): Drawn[] {
    return r.curves.map((c) => {
        const mine = r.points.filter((p) => p.condition === "steered" && p.operator === c.operator && p.layer === c.layer && p.phase === c.phase);
        const each = (y: (p: Point) => Partial<CurvePoint> & { y: number | null }) => mine.map((p) => ({ x: p.coefficient, failed: failure(p, r.coherence_from), ...y(p) }));
        return {
            name: nameOf(c),
            score: each((p) => ({ y: p.score, lo: p.ci[0], hi: p.ci[1] })),
            coherence: each((p) => ({ y: p.coherence })),
            kl: each((p) => ({ y: p.kl, failed: undefined })),
        };
    });
}

/** The instruction in the prompt, at -1 and 1. */
export function instructed(r: SweepResult): CurvePoint[] {
    return r.points.filter((p) => p.condition === "prompt").map((p) => ({ x: p.coefficient, y: p.score }));
}

const mean = (x: readonly number[]): number | null => (x.length > 0 ? x.reduce((a, b) => a + b, 0) / x.length : null);

/** What is known so far: means of the answers that were scored. */
export function soFar(answers: readonly Answer[]): Drawn[] {
    const curves = new Map<string, Map<number, Answer[]>>();
    const plain = answers.filter((a) => a.condition === "unsteered");
    for (const a of answers) {
        if (a.condition === "steered" && a.coefficient !== undefined) {
            const curve = curves.get(nameOf(a)) ?? curves.set(nameOf(a), new Map(plain.length > 0 ? [[0, plain]] : [])).get(nameOf(a))!;
            curve.set(a.coefficient, [...(curve.get(a.coefficient) ?? []), a]);
        }
    }
    const numbers = (list: readonly Answer[], what: "label" | "coherence") => list.map((a) => a[what]).filter((v): v is number => typeof v === "number");
    return [...curves].map(([name, by]) => {
        const xs = [...by.keys()].sort((a, b) => a - b);
        const points = (what: "label" | "coherence") => xs.map((x) => ({ x, y: mean(numbers(by.get(x)!, what)) }));
        return { name, score: points("label"), coherence: points("coherence"), kl: [] };
    });
}
