// SPDX-License-Identifier: MIT
//
// bare.ts - tables of words without what every object inherits: a name from outside ("__proto__", "constructor") that is
// looked up in one finds nothing, instead of an object that all others share.
export function bare<T extends object>(table: T): T {
    for (const x of Object.values(table) as unknown[]) {
        if (x !== null && typeof x === "object") {
            bare(x);
        }
    }
    return Array.isArray(table) ? table : (Object.setPrototypeOf(table, null) as T);
}
