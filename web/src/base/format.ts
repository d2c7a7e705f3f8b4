// SPDX-License-Identifier: MIT
//
// format.ts - numbers as the page writes them: a true minus, tabular digits, units after a space, no leading zero
// where a quantity lies between -1 and 1 by nature (cosine, AUROC).
import { text } from "../text/en";
import { whole } from "../text/whole";

const MINUS = "\u2212";
const HUGE = 1e15; // written with an exponent: all its digits would be wider than any place for them

export function num(x: number | null | undefined, digits = 1): string {
    if (x === null || x === undefined || !Number.isFinite(x)) {
        return "–";
    }
    const s = Math.abs(x) < HUGE ? x.toFixed(digits) : x.toPrecision(3);
    return Number(s) === 0 ? s.replace("-", "") : s.replace("-", MINUS);
}

/** With its sign, also if it is positive. */
export function signed(x: number | null | undefined, digits = 1): string {
    const s = num(x, digits);
    return x !== null && x !== undefined && x > 0 && Number(x.toFixed(digits)) !== 0 ? `+${s}` : s;
}

/** .93, for what cannot leave -1 to 1. */
export function unit(x: number | null | undefined, digits = 2): string {
    return num(x, digits).replace(/^(\u2212?)0\./, "$1.");
}

/** The class of a number's colour; none where it is written as zero. */
export function tone(x: number | null | undefined, digits = 1): string {
    return x === null || x === undefined || !Number.isFinite(x) || Number(x.toFixed(digits)) === 0 ? "" : x < 0 ? "neg" : "pos";
}

export function percent(share: number | null | undefined): string {
    if (share === null || share === undefined || !Number.isFinite(share)) {
        return "–";
    }
    return share > 0 && share < 0.01 ? "< 1 %" : `${Math.round(100 * share)} %`;
}

export function interval(lo: number | null | undefined, hi: number | null | undefined, digits = 0): string {
    return lo === null || lo === undefined || hi === null || hi === undefined
        ? "–"
        : `${num(lo, digits)} ${text.to} ${num(hi, digits)}`;
}

export function bytes(n: number | null | undefined): string {
    if (n === null || n === undefined || !Number.isFinite(n)) {
        return "–";
    }
    const units = ["B", "KB", "MB", "GB", "TB"];
    let at = 0;
    while (n >= 1000 && at < units.length - 1) {
        n /= 1000;
        at++;
    }
    return `${num(n, n < 10 && at > 0 ? 1 : 0)} ${units[at]}`;
}

/** 42 s, 3 min 40 s, 3 h 10 min. */
export function duration(seconds: number | null | undefined): string {
    if (seconds === null || seconds === undefined || !Number.isFinite(seconds) || seconds < 0) {
        return "–";
    }
    if (seconds < 10) {
        return `${num(seconds, seconds < 1 ? 2 : 1)} s`;
    }
    const s = Math.round(seconds);
    if (s < 60) {
        return `${s} s`;
    }
    const minutes = Math.floor(s / 60);
    return minutes < 60 ? `${minutes} min ${s % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

/** Of seconds since 1970: the time if it was today, else the day. */
export function when(epoch: number | null | undefined): string {
    if (!epoch) {
        return "–";
    }
    const d = new Date(epoch * 1000);
    if (Number.isNaN(d.getTime())) {
        return "–";
    }
    return d.toDateString() === new Date().toDateString() ? clock.format(d) : `${day.format(d)}, ${clock.format(d)}`;
}

export function count(n: number | null | undefined, one: string, many: string): string {
    return `${whole(n)} ${n === 1 ? one : many}`;
}

/** Spaces and line ends made visible, for tokens that stand alone. */
export function token(s: string | null | undefined): string {
    return (s ?? "").replace(/ /g, "␣").replace(/\n/g, "↵").replace(/\t/g, "⇥") || "∅";
}

/** The class of the diverging scale for a value in standard deviations: m5 … m1, "", q1 … q5, one per half. */
export function step(z: number | null | undefined, per = 0.5): string {
    if (z === null || z === undefined || !Number.isFinite(z)) {
        return "";
    }
    const n = Math.min(5, Math.floor(Math.abs(z) / per + 1e-4)); // a cosine of -0.9999999 is -1
    return n === 0 ? "" : `${z < 0 ? "m" : "q"}${n}`;
}
