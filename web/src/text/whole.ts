// SPDX-License-Identifier: MIT
//
// whole.ts - whole numbers as English writes them: 12,345; a dash for what is none, an exponent for what is wider than any
// place for it.
const HUGE = 1e15;

export function whole(n: number | null | undefined): string {
    if (n === null || n === undefined || !Number.isFinite(n)) {
        return "–";
    }
    return Math.abs(n) < HUGE ? n.toLocaleString("en-GB") : n.toPrecision(3).replace("-", "\u2212");
}
