// SPDX-License-Identifier: MIT
//
// answer_filter.ts - what of a job's answers is shown, kept in the address.
import type { AnswerFilter } from "../parts/answer_list";
import { keep, place } from "./router";

const NAMES: readonly (keyof AnswerFilter)[] = ["find", "condition", "coefficient", "question"];

export function answerFilter(): AnswerFilter {
    const q = place.value.query;
    return { find: q.get("find") ?? "", condition: q.get("condition") ?? "", coefficient: q.get("coefficient") ?? "", question: q.get("question") ?? "", pages: Number(q.get("pages")) || 1 };
}
export function changeFilter(part: Partial<AnswerFilter>): void {
    const now = { ...answerFilter(), ...part };
    keep({ ...Object.fromEntries(NAMES.map((n) => [n, now[n]])), pages: now.pages > 1 ? now.pages : null });
}
