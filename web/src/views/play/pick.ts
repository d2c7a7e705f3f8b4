// SPDX-License-Identifier: MIT
//
// pick.ts - the token whose numbers are shown: one cursor for the text, the chart and the drawer.
import { signal } from "@preact/signals";
import type { Answer } from "./types";

export interface Picked {
    answer: Answer;
    i: number;
}
export const picked = signal<Picked | null>(null);

export function pick(answer: Answer, i: number): void {
    const n = answer.tokens.length;
    picked.value = n > 0 ? { answer, i: Math.max(0, Math.min(n - 1, i)) } : null;
}
export function unpick(): void {
    picked.value = null;
}
