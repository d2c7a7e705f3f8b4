// SPDX-License-Identifier: MIT
//
// screening.ts - what came of a screening, as the server keeps it: checked once here, so that the drawings need not.
import { csv } from "../../base/csv";
import type { Item } from "./texts";

export interface Along {
    vector: string;
    block: number;
    mean: number | null;
    ci: [number, number] | null;
    limit: number | null;
    byNeutral: boolean;
    flagged: number;
}
export interface Row {
    index: number;
    line: number;
    vector: string;
    block: number;
    delta: number | null;
    given: number | null;
    own: number | null;
    ownSe: number | null;
    flagged: boolean;
    rank: number | null;
}
export interface Screening {
    along: Along[];
    rows: Row[];
    unread: number;
    seconds: number | null;
}

type Dict = Record<string, unknown>;
const dict = (x: unknown): Dict => (x !== null && typeof x === "object" ? (x as Dict) : {});
const list = (x: unknown): Dict[] => (Array.isArray(x) ? x.map(dict) : []);
const numberOf = (x: unknown): number | null => (typeof x === "number" && Number.isFinite(x) ? x : null);
const wordOf = (x: unknown): string => (typeof x === "string" ? x : "");

function along(x: Dict): Along {
    const delta = dict(x["delta_projection"]);
    const ci = Array.isArray(delta["ci"]) ? delta["ci"].map(numberOf) : [];
    const [lo, hi] = [ci[0] ?? null, ci[1] ?? null];
    return {
        vector: wordOf(x["vector"]),
        block: numberOf(x["block"]) ?? 0,
        mean: numberOf(delta["value"]),
        ci: lo !== null && hi !== null ? [lo, hi] : null,
        limit: numberOf(x["limit"]),
        byNeutral: x["limit_by"] === "neutral",
        flagged: numberOf(x["flagged"]) ?? 0,
    };
}

function row(x: Dict): Row {
    return {
        index: numberOf(x["index"]) ?? 0,
        line: numberOf(x["line"]) ?? 0,
        vector: wordOf(x["vector"]),
        block: numberOf(x["block"]) ?? 0,
        delta: numberOf(x["delta_projection"]),
        given: numberOf(x["given"]),
        own: numberOf(x["own"]),
        ownSe: numberOf(x["own_se"]),
        flagged: x["flagged"] === true,
        rank: numberOf(x["rank"]),
    };
}

export function screeningOf(result: unknown): Screening | null {
    if (result === null || typeof result !== "object") {
        return null;
    }
    const r = result as Dict;
    return { along: list(r["vectors"]).map(along), rows: list(r["items"]).map(row), unread: numberOf(r["unread"]) ?? 0, seconds: numberOf(r["seconds"]) };
}

/** The texts that were sent. */
export function itemsOf(request: unknown): Item[] {
    return list(dict(request)["items"]).map((x) => ({
        messages: list(x["messages"]).map((m) => ({ role: wordOf(m["role"]), content: wordOf(m["content"]) })),
        response: wordOf(x["response"]),
    }));
}

export const lastAsked = (x: Item | undefined): string => [...(x?.messages ?? [])].reverse().find((m) => m.role === "user")?.content ?? x?.messages.at(-1)?.content ?? "";

export function csvOf(s: Screening, items: readonly Item[]): string {
    const head = ["line", "vector", "block", "rank", "flagged", "delta_projection", "given", "own", "own_se", "question", "answer"];
    const rows = s.rows.map((r) => [r.line, r.vector, r.block, r.rank, r.flagged, r.delta, r.given, r.own, r.ownSe, lastAsked(items[r.index]), items[r.index]?.response ?? ""]);
    return csv(head, rows);
}
