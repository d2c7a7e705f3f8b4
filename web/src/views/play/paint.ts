// SPDX-License-Identifier: MIT
//
// paint.ts - from a token's numbers to the classes that colour and underline it. Classes, not styles: the policy holds,
// and 4,000 tokens cost 4,000 words.
import { step } from "../../base/format";
import type { Answer, Token } from "./types";

export const SURPRISE = "surprise";
export const DIFFERENCE = "difference";
const LN2 = Math.LN2;

export const bits = (logprob: number): number => -logprob / LN2;

/** Log-probabilities of an answer's tokens without steering, from the server's score; by answer. */
export const unsteered = new WeakMap<Answer, { logprob: number; alternatives: { text: string; id: number; logprob: number }[] }[]>();

/** How much more likely a token was made by the steering, in bits. */
export function difference(a: Answer, i: number): number | null {
    const plain = unsteered.get(a)?.[i];
    const t = a.tokens[i];
    return plain && t && Number.isFinite(t.logprob) ? (t.logprob - plain.logprob) / LN2 : null;
}

/** The value that a token has of what colours it; in standard deviations, or bits. */
export function valueAt(a: Answer, i: number, of: string): number | null {
    const t = a.tokens[i];
    if (!t || of === "") {
        return null;
    }
    if (of === SURPRISE) {
        return Number.isFinite(t.logprob) ? bits(t.logprob) : null;
    }
    if (of === DIFFERENCE) {
        return difference(a, i);
    }
    return t.z[a.probes.indexOf(of)] ?? null;
}

function gray(b: number | null): string {
    return b === null ? "" : ["", "s1", "s2", "s3", "s4", "s5"][Math.min(5, Math.floor(b / 1.5))]!;
}

export function classes(a: Answer, i: number, colour: string, underline: string): string {
    const v = valueAt(a, i, colour);
    const paint = colour === SURPRISE ? gray(v) : step(v, colour === DIFFERENCE ? 1 : 0.5);
    const u = valueAt(a, i, underline);
    const line = underline === "" || u === null ? "" : ` u${underline === SURPRISE ? gray(u) : step(u, underline === DIFFERENCE ? 1 : 0.5)}`;
    return `tk ${paint}${line === " u" ? "" : line}`;
}

/** Whether everything is known that the classes need. */
export function settled(t: Token, a: Answer, ...of: string[]): boolean {
    return of.every((o) => o === "" || o === SURPRISE || o === DIFFERENCE || t.z[a.probes.indexOf(o)] !== null);
}

/** Mean over the last `n` tokens that have a reading. */
export function recentMean(a: Answer, of: string, n: number): number | null {
    let sum = 0;
    let k = 0;
    for (let i = a.tokens.length - 1; i >= 0 && k < n; i--) {
        const v = valueAt(a, i, of);
        if (v !== null) {
            sum += v;
            k++;
        }
    }
    return k > 0 ? sum / k : null;
}
