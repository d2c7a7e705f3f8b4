// SPDX-License-Identifier: MIT
//
// alarm_query.ts - from where on probes alarm, as a parameter of the address: silly@2:2.5,humorous:3.

export type Limits = ReadonlyMap<string, number>;

export function readLimits(s: string | null): Limits {
    const out = new Map<string, number>();
    for (const part of (s ?? "").split(",")) {
        const colon = part.lastIndexOf(":");
        const value = Number(part.slice(colon + 1));
        if (colon > 0 && Number.isFinite(value)) {
            out.set(part.slice(0, colon), value);
        }
    }
    return out;
}

export const writeLimits = (all: Limits): string => [...all].map(([name, x]) => `${name}:${x}`).join(",");
