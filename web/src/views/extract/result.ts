// SPDX-License-Identifier: MIT
//
// result.ts - what an extraction was asked and what came of it, as docs/FORMATS.md has it: the server keeps both as
// JSON, which the description of its routes does not go into.
import type { JobWhole } from "../../parts/job_live";

export interface Layer {
    layer: number;
    norm: number | null;
    auroc: number | null;
    split_half_cosine: number | null;
    dose: number | null;
    ratio: number | null;
}
interface Sides {
    positive: number;
    negative: number;
}
export interface Result {
    trait: string;
    model: string;
    method: string;
    output: string;
    generated: Sides;
    kept: Sides;
    best_layer: number;
    layer_choice: string | null;
    swing: number | null;
    dose: number | null;
    dose_kl: number | null;
    coefficient: { safe: [number | null, number | null] };
    layers: Layer[];
    judge: string | null;
    judge_validity: string | null;
    note: string | null;
    seed: number;
}
export interface Request {
    trait: string;
    model?: string;
    judge?: string;
    method?: string;
    questions?: number;
    rollouts?: number;
    max_tokens?: number;
    min_trait?: number;
    min_coherence?: number;
    seed?: number;
    calibrate?: boolean;
}

export const resultOf = (j: JobWhole): Result | null => (j.result ?? null) as Result | null;
export const requestOf = (j: JobWhole): Request => (j.request ?? {}) as unknown as Request;

/** Which of the four stages runs. The dose is measured twice: to choose the block, and of the one that was chosen. */
export function stageAt(j: JobWhole): number {
    const log = j.log ?? [];
    const began = log.findLastIndex((l) => /^(started|goes on after)/.test(l.words));
    const seen = [...log.slice(began + 1).map((l) => l.words ?? ""), j.stage ?? ""];
    const chose = seen.findIndex((s) => s.startsWith("choose block"));
    let at = -1;
    seen.forEach((s, i) => {
        const now = /^(extract|read) /.test(s) ? 0 : s.startsWith("judge ") ? 1 : /^(neutral|dose response) /.test(s) ? 3 : s.startsWith("choose block") ? 2 : s.startsWith("dose ") ? (chose >= 0 && i > chose ? 3 : 2) : -1;
        at = Math.max(at, now);
    });
    return at;
}
