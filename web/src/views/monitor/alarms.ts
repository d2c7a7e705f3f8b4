// SPDX-License-Identifier: MIT
//
// alarms.ts - from where on a probe alarms, by the mean of the answer or of its last tokens: a number for each probe, kept in
// the address (alarm=silly@2:2.5,...), 3 for those that are not named. The first tokens do not alarm: their mean still jumps.
import { keep, place } from "../../app/router";
import { type Probed, probeName } from "./feed";

export const USUAL = 3;
const FIRST_TOKENS = 8;

export type Limits = ReadonlyMap<string, number>;

export function limits(): Limits {
    const out = new Map<string, number>();
    for (const part of (place.value.query.get("alarm") ?? "").split(",")) {
        const colon = part.lastIndexOf(":");
        const value = Number(part.slice(colon + 1));
        if (colon > 0 && Number.isFinite(value)) {
            out.set(part.slice(0, colon), value);
        }
    }
    return out;
}

export function setLimit(probe: string, value: number): void {
    const all = new Map(limits());
    if (value === USUAL) {
        all.delete(probe);
    } else {
        all.set(probe, value);
    }
    keep({ alarm: [...all].map(([name, x]) => `${name}:${x}`).join(",") });
}

export const limitOf = (all: Limits, p: { vector: string; block: number }): number => all.get(probeName(p)) ?? USUAL;

export function alarms(p: Probed, all: Limits): boolean {
    const above = (x: number | null | undefined) => typeof x === "number" && x > limitOf(all, p);
    return p.tokens >= FIRST_TOKENS && (above(p.z) || above(p.recent));
}
