// SPDX-License-Identifier: MIT
//
// result.ts - what a transfer comes to (docs/FORMATS.md, transfer), as far as the page shows it, and what can be read
// off it: conditions in their groups, tests with their limits.
import { interval, num, signed } from "../../base/format";
import { text } from "../../text/en";

export interface Interval {
    value: number | null;
    ci: [number | null, number | null];
}
export interface ModelInfo {
    name: string;
    arch: string;
    path: string;
    quant: string;
    chat: string;
    n_layer: number;
    n_embd: number;
}
export interface Row {
    condition: string;
    coefficient: number;
    score: number | null;
    ci: [number | null, number | null];
    coherence: number | null;
    coherence_sd: number | null;
    tokens: number | null;
    cut: number | null;
    n: number;
    n_unanswered: number;
    n_unjudged: number;
    sample: string | null;
}
export interface Spread {
    n: number;
    mean: number | null;
    sd: number | null;
    z: number | null;
    p: number | null;
    n_reaching: number;
    draws: { trait?: string; swing: Interval }[];
}
interface Gain {
    coefficient: number;
    gain: number;
    coherence: number;
}
export interface TransferResult {
    trait: string;
    output: string;
    from: ModelInfo;
    to: ModelInfo;
    kept: number;
    layer_from: number;
    layer_to: number;
    method: string;
    pairing: string;
    lambda: number | null;
    rank: number;
    n_texts: number;
    n_contrasts: number;
    r2_heldout: number | null;
    r2_contrast: number | null;
    r2_shuffled: number | null;
    r2_shuffled_max: number | null;
    r2: Record<"question" | "trait" | "both", { rows: number | null; contrasts: number | null }>;
    sample: string;
    leave_out: { judge: string | null; n_texts: number; levels: { leave: string; n_left: number; n_leaning: number; swing?: Interval }[] };
    arms: { condition: string; note: string | null; layer: number; dose: number | null; dose_kl: number | null; ratio: number | null; cosine_native: number | null }[];
    auroc: { value: number | null; ci: [number | null, number | null]; of: string; n_shown: number; n_not: number; n_questions: number; null: { mean: number | null; p: number | null }; reason: string | null };
    cosine_null: { n: number; mean: number | null; max: number | null };
    dose: number | null;
    unit: string;
    rows?: Row[];
    best: Record<string, { plus: Gain | null; minus: Gain | null }>;
    coherence_validity: string | null;
    retained: Interval;
    swing: Record<string, Interval>;
    spreads: Record<string, Spread>;
    margins: { condition: string; trait?: string; points: Interval }[];
    interval: string | null;
    repeats: { seed: number; layer_from: number; layer_to: number; n_texts: number; r2_contrast: number | null; dose: number | null; cosine_native: number | null; swing: Record<string, number | null>; seconds: number }[];
    spearman: Record<string, number | null>;
    specificity: { trait: string; swing: Interval }[];
    specific: boolean | null;
    panel: { dimension: string; unit: string; counted: boolean; spearman: Interval; swing: { transferred: Interval; native: Interval } }[];
    length: { swing: Interval; beside: Interval; explains: boolean } | null;
    second_judge: { judge: string; n: number; spearman: Interval; same_side: number; difference: Interval } | null;
    neutral: { judge: number; n: number; shift: Interval } | null;
    caution: string | null;
    notes: Record<string, string>;
    verdict: "PASS" | "FAIL" | null;
    reason: string | null;
    note: string;
    question: string;
    judge: string | null;
    seed: number;
    seconds: number;
}

/** The result of a job, if it has one of this shape. */
export function transferOf(result: unknown): TransferResult | null {
    const r = result as TransferResult | null;
    return r !== null && typeof r === "object" && "layer_to" in r ? r : null;
}

/** Conditions in the order of the table; those that were not run are left out by who draws. */
export const GROUPS = [
    { title: text.transfer.groups.question, conditions: ["transferred", "native"] },
    { title: text.transfer.groups.could, conditions: ["prompt", "text-bridge", "in-sample"] },
    { title: text.transfer.groups.not, conditions: ["other-trait", "lexical", "identity", "sampling", "shuffled", "random-source", "random"] },
] as const;

export function ran(r: TransferResult, condition: string): boolean {
    return (r.swing[condition]?.value ?? null) !== null;
}

export function rowAt(r: TransferResult, condition: string, coefficient: number): Row | null {
    const wanted = Math.abs(coefficient) < 1e-9 ? "unsteered" : condition;
    return r.rows?.find((x) => x.condition === wanted && Math.abs(x.coefficient - coefficient) < 1e-9) ?? null;
}

/** What random directions reach, least to most; null: none were drawn. */
export function randomReach(r: TransferResult): [number, number] | null {
    const all = (r.spreads["random"]?.draws ?? []).map((d) => d.swing.value).filter((v): v is number => v !== null);
    return all.length > 0 ? [Math.min(...all), Math.max(...all)] : null;
}

export interface Test {
    name: string;
    /** null: it was not run, or needs more than this run had. */
    met: boolean | null;
    found: string;
    wants: string;
    /** Said beside the verdict; decides nothing. */
    beside?: boolean;
}

const MAX_P = 0.05;
const RISES = 0.8 - 1e-9;

function spreadTest(r: TransferResult, condition: string): Test {
    const s = r.spreads[condition];
    const t = text.transfer.tests;
    const name = t.draw(condition);
    if (!s || s.p === null) {
        return { name, met: null, found: t.notRun, wants: t.wantsP };
    }
    return { name, met: s.p <= MAX_P, found: t.drawFound(s.n, num(s.mean, 1), num(s.sd, 1), s.n_reaching, num(s.p, 3)), wants: t.wantsP };
}

function marginTest(r: TransferResult, condition: string): Test {
    const m = r.margins.find((x) => x.condition === condition && x.trait === undefined)?.points;
    const t = text.transfer.tests;
    const name = t.beyond(condition);
    if (!m || m.value === null) {
        return { name, met: null, found: t.notRun, wants: t.wantsAbove };
    }
    return { name, met: (m.ci[0] ?? -1) > 0, found: t.farther(signed(m.value), interval(m.ci[0], m.ci[1], 1)), wants: t.wantsAbove };
}

function missingTest(r: TransferResult): Test {
    const t = text.transfer.tests;
    const share = (x: Row | null) => (x && x.n > 0 ? (x.n_unanswered + x.n_unjudged) / x.n : 0);
    const all = [-1, 0, 1].map((c) => share(rowAt(r, "transferred", c)));
    const met = Math.max(...all) <= 0.1 && Math.max(...all) - Math.min(...all) <= 0.05 + 1e-9;
    return { name: t.answers, met, found: t.missing(all.map((x) => `${Math.round(100 * x)} %`).join(", ")), wants: t.wantsAnswers };
}

function coherenceTest(r: TransferResult): Test {
    const t = text.transfer.tests;
    const at = (c: number) => rowAt(r, "transferred", c)?.coherence ?? null;
    const [lo, base, hi] = [at(-1), at(0), at(1)];
    const least = lo === null || hi === null ? null : Math.min(lo, hi);
    return { name: t.coherent, met: least === null || base === null ? null : least >= 0.5 * base, found: t.coherence(num(lo, 0), num(hi, 0), num(base, 0)), wants: t.wantsHalf };
}

function specificTest(r: TransferResult): Test {
    const t = text.transfer.tests;
    const others = r.margins.filter((m) => m.trait !== undefined && m.points.ci[0] !== null).sort((a, b) => a.points.ci[0]! - b.points.ci[0]!);
    const closest = others[0];
    return { name: t.specific, met: closest ? r.specific : null, found: closest ? t.closest(closest.trait!, interval(closest.points.ci[0], closest.points.ci[1], 1)) : t.notRun, wants: t.wantsAbove, beside: true };
}

/** What the program asked of this transfer (docs/METHOD.md, Verdict), with what was found. The verdict itself and its
 * reason are the program's; this names every test by itself. */
export function testsOf(r: TransferResult): Test[] {
    const t = text.transfer.tests;
    const rises = r.spearman["transferred"] ?? null;
    return [
        { name: t.leftOut, met: r.sample === "held-out", found: text.transfer.samples[r.sample] ?? r.sample, wants: t.wantsLeftOut },
        missingTest(r),
        spreadTest(r, "random"),
        spreadTest(r, "random-source"),
        spreadTest(r, "shuffled"),
        marginTest(r, "lexical"),
        ...(ran(r, "identity") ? [marginTest(r, "identity")] : []),
        { name: t.rises, met: rises === null ? null : rises >= RISES, found: t.spearman(num(rises, 2)), wants: t.wantsRises },
        coherenceTest(r),
        { name: t.length, met: r.length && !r.length.explains, found: r.length ? t.lengthFound(num(r.length.beside.value, 2), num(r.length.swing.value, 2)) : t.notRun, wants: t.wantsLength },
        specificTest(r),
    ];
}
