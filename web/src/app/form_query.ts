// SPDX-License-Identifier: MIT
//
// form_query.ts - a form whose fields are parameters of the address: what was filled in survives a reload and can be
// sent as a link. What the server is asked for is made of them here.
import { keep, place } from "./router";

export function given(name: string): string {
    return place.value.query.get(name) ?? "";
}
export function give(name: string): (value: string) => void {
    return (value) => keep({ [name]: value });
}

/** The number of a field; undefined: nothing was given. What is no number goes to the server as it is, and comes back
 * with words. */
export function numberOf(name: string): number | string | undefined {
    const s = given(name).trim().replace("\u2212", "-");
    return s === "" ? undefined : Number.isFinite(Number(s)) ? Number(s) : s;
}

/** "-1, 0, 1" as numbers; null: something in it is none. */
export function listOf(s: string): number[] | null {
    const parts = s.replace(/\u2212/g, "-").split(/[,;\s]+/).filter((p) => p !== "");
    const numbers = parts.map(Number);
    return parts.length > 0 && numbers.every(Number.isFinite) ? numbers : null;
}

/** A request as parameters of the form's address, to fill it in again. */
export function asQuery(request: unknown): Record<string, string> {
    const out: Record<string, string> = {};
    for (const [name, value] of Object.entries((request ?? {}) as Record<string, unknown>)) {
        out[name] = Array.isArray(value) ? value.join(typeof value[0] === "string" && name === "ask" ? "\n" : ", ") : typeof value === "boolean" ? (value ? "" : "off") : String(value);
    }
    return out;
}
