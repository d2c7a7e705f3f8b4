// SPDX-License-Identifier: MIT
//
// scale.ts - axes: round ticks around what is to be shown, and the place of a number between two others in percent.

import { num, signed } from "./format";

export interface Axis {
    lo: number;
    hi: number;
    ticks: number[];
}

/** Round numbers from lo to hi, about `n` steps, that hold every one of `values`. */
export function axis(values: readonly (number | null | undefined)[], n = 5, least: [number, number] | null = null): Axis {
    const all = values.filter((v): v is number => v !== null && v !== undefined && Number.isFinite(v));
    const [lo, hi] = [Math.min(...all, least?.[0] ?? Infinity), Math.max(...all, least?.[1] ?? -Infinity)];
    if (!(lo < hi)) {
        const at = Number.isFinite(lo) ? lo : 0;
        return { lo: at - 1, hi: at + 1, ticks: [at] };
    }
    const rough = (hi - lo) / n;
    const ten = 10 ** Math.floor(Math.log10(rough));
    const by = [1, 2, 2.5, 5, 10].find((m) => m * ten >= rough)! * ten;
    const from = Math.floor(lo / by + 1e-9);
    const to = Math.ceil(hi / by - 1e-9);
    const ticks = Array.from({ length: to - from + 1 }, (_, i) => Number(((from + i) * by).toPrecision(12)));
    return { lo: from * by, hi: to * by, ticks };
}

/** Of an axis in percent, kept within it. */
export function at(a: Axis, v: number): number {
    return (100 * (Math.min(a.hi, Math.max(a.lo, v)) - a.lo)) / (a.hi - a.lo);
}

export const pct = (x: number): string => `${Math.round(x * 100) / 100}%`;

/** As few decimals as tell the ticks apart. */
export function tickDigits(ticks: readonly number[]): number {
    return Math.max(0, ...ticks.map((t) => (String(t).split(".")[1] ?? "").length));
}

const few = (c: number | null): number => (c === null ? 0 : Math.min(2, tickDigits([Number(c.toFixed(2))])));

/** A coefficient with as many decimals as it has, two at most. */
export const coef = (c: number | null): string => num(c, few(c));
export const signedCoef = (c: number): string => signed(c, few(c));
