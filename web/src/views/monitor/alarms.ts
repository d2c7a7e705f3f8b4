// SPDX-License-Identifier: MIT
//
// alarms.ts - from where on a probe alarms, by the mean of the answer or of its last tokens: a number for each probe, kept in
// the address (alarm=silly@2:2.5,...), 3 for those that are not named. The first tokens do not alarm: their mean still jumps.
import { type Limits, readLimits, writeLimits } from "../../app/alarm_query";
import { keep, place } from "../../app/router";
import { type Probed, probeName } from "./feed";

export const USUAL = 3;
const FIRST_TOKENS = 8;

export const limits = (): Limits => readLimits(place.value.query.get("alarm"));

export function setLimit(probe: string, value: number): void {
    const all = new Map(limits());
    if (value === USUAL) {
        all.delete(probe);
    } else {
        all.set(probe, value);
    }
    keep({ alarm: writeLimits(all) });
}

export const limitOf = (all: Limits, p: { vector: string; block: number }): number => all.get(probeName(p)) ?? USUAL;

export function alarms(p: Probed, all: Limits): boolean {
    const above = (x: number | null | undefined) => typeof x === "number" && x > limitOf(all, p);
    return p.tokens >= FIRST_TOKENS && (above(p.z) || above(p.recent));
}
