// SPDX-License-Identifier: MIT
//
// words.ts - what a vector is, in words: how it was made, for which model, and the term that steers with it.
import { quotedName } from "../../base/expr";
import type { Reply } from "../../api/client";
import { count, num } from "../../base/format";
import { text } from "../../text/en";

export type Entry = Reply<"/api/v1/vectors">["vectors"][number];
export type Whole = Reply<"/api/v1/vectors/{model}/{name}">;
export type Kind = "extracted" | "carried" | "sum" | "imported";
export const KINDS: readonly Kind[] = ["extracted", "carried", "sum", "imported"];
const T = text.vectors;

export function kindOf(v: { method: string }): Kind {
    const own: Record<string, Kind> = { transferred: "carried", combination: "sum", "": "imported" };
    return own[v.method] ?? "extracted";
}

/** Its model in paths and addresses: the id if the model is at hand, else the shelf. */
export const modelOf = (v: Entry): string => v.model ?? v.shelf;
export const modelName = (v: Entry): string => v.model ?? (v.model_name || v.shelf);
export const keyOf = (v: Entry): string => `${v.shelf}/${v.name}`;
export const isOf = (v: Entry, model: string): boolean => v.model === model || v.shelf === model;

/** The second line of how it was made. */
export function origin(v: Entry): string {
    switch (kindOf(v)) {
        case "carried":
            return `${T.from} ${v.parent_model || T.unknown}`;
        case "sum":
            return v.trait;
        case "imported":
            return v.source || T.noSource;
        default: {
            const n = v.kept.positive + v.kept.negative;
            return n > 0 ? `${v.kept.positive} + ${count(v.kept.negative, T.answer, T.answers)}` : T.noAnswers;
        }
    }
}

/** What the search looks through. */
export function searched(v: Entry): string {
    return [v.name, v.trait, modelName(v), v.method, T.kinds[kindOf(v)], origin(v)].join(" ").toLowerCase();
}

/** The term of an expression that adds this vector once; without a dose in raw multiples, without a best block everywhere. */
export function term(v: { name: string; dose?: number; best_layer: number }, blocks: readonly number[]): string {
    const name = quotedName(v.name);
    const where = v.best_layer < 0 && blocks.length > 0 ? `@${blocks[0]}-${blocks[blocks.length - 1]}` : "";
    return `1*${v.dose ? "" : "raw:"}${name}${where}`;
}

/** Dose and safe range as two sentences. */
export function doseWords(v: Entry): string {
    const dose = v.dose ? T.dose(num(v.dose, v.dose < 10 ? 2 : 1)) : T.noDose;
    const safe = v.safe_low != null && v.safe_high != null ? T.safe(num(v.safe_low), num(v.safe_high)) : v.dose ? T.noSafe : "";
    return `${dose} ${safe}`.trim();
}
