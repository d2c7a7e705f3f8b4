// SPDX-License-Identifier: MIT
//
// answers.ts - what became of each answer of an extraction: an answer is kept if it passes by
// itself and the one that it is compared with does (the rule of the extraction, rollout.c).
import type { Answer } from "../../parts/answers";

export type Fate = keyof typeof import("../../text/en").text.extract.fate;
export interface Judged extends Answer {
    side: 1 | -1 | 0;
    fate: Fate;
}
export interface Limits {
    trait: number;
    coherence: number;
    judged: boolean; // somebody scores them
}


/** What the answer is by itself. */
function alone(a: Answer, l: Limits): Fate {
    if (!a.answered) {
        return "unanswered";
    }
    if (!l.judged || a.polarity === undefined) {
        return "judgeless";
    }
    if (a.label === undefined || a.coherence === undefined) {
        return "open";
    }
    if (a.coherence < l.coherence) {
        return "unclear";
    }
    const passes = a.polarity === "positive" ? a.label >= l.trait : a.label < 100 - l.trait;
    return passes ? "kept" : "dropped";
}

const pairOf = (a: Answer) => `${(a.question_id ?? "").replace(/_(pos|neg)_/, "_")}/${a.index ?? 0}`;
const passed = (f: Fate | undefined) => f === undefined || f === "kept" || f === "judgeless";

export function judge(answers: readonly Answer[], l: Limits): Judged[] {
    const own = answers.map((a) => alone(a, l));
    const partners = new Map<string, number>();
    answers.forEach((a, i) => a.polarity !== undefined && partners.set(`${a.polarity}/${pairOf(a)}`, i));
    return answers.map((a, i) => {
        const side = a.polarity === "positive" ? 1 : a.polarity === "negative" ? -1 : 0;
        let fate = own[i]!;
        if (side !== 0 && fate === "kept") {
            const other = partners.get(`${side > 0 ? "negative" : "positive"}/${pairOf(a)}`);
            const theirs = other === undefined ? undefined : own[other];
            fate = passed(theirs) || theirs === "open" ? fate : "partner";
        }
        return { ...a, side, fate };
    });
}

export const isKept = (a: Judged) => a.fate === "kept" || a.fate === "judgeless";
export const isDropped = (a: Judged) => !isKept(a) && a.fate !== "open";
