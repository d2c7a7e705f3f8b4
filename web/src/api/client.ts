// SPDX-License-Identifier: MIT
//
// client.ts - one way to the server: typed by its own description (gen/api.d.ts, made from /openapi.json), with
// the errors in its words. Knows whether the server is there, and asks for a token if it wants one.
//
// The token lives in the tab's session and in the Authorization header, never in an address.
import { signal } from "@preact/signals";
import type { paths } from "../../gen/api";
import { text } from "../text/en";

type Method = "get" | "post" | "put" | "patch" | "delete";
/** Paths that have the method. */
export type PathOf<M extends Method> = { [P in keyof paths]: paths[P][M] extends object ? P : never }[keyof paths];
type Content<T> = T extends { content: { "application/json": infer C } } ? C : unknown;
/** The JSON that a route replies with. */
export type Reply<P extends keyof paths, M extends Method = "get"> = paths[P][M] extends { responses: { 200: infer R } }
    ? Content<R>
    : unknown;
/** The JSON that a route takes. */
export type Body<P extends keyof paths, M extends Method = "post"> = paths[P][M] extends { requestBody?: infer R }
    ? Content<NonNullable<R>>
    : never;

export class ApiError extends Error {
    readonly status: number; // 0: no answer came
    readonly param: string | null;
    readonly code: string | null;
    constructor(status: number, message: string, param: string | null = null, code: string | null = null) {
        super(message);
        this.status = status;
        this.param = param;
        this.code = code;
    }
}

/** False from the first request that got no answer until /health answers again. */
export const online = signal(true);
/** Counts returns of the server: what is shown may be old. */
export const returns = signal(0);
/** True: the server wants a token that it was not given. */
export const keyWanted = signal(false);

const KEY = "persona-key";
let key: string | null = null;
try {
    key = sessionStorage.getItem(KEY);
} catch {
    // a private window: the token lives as long as the page
}

export function setKey(value: string): void {
    key = value || null;
    try {
        sessionStorage.setItem(KEY, value);
    } catch {
        // see above
    }
    keyWanted.value = false;
    returns.value++;
}

let waiting = false;
function lost(): void {
    online.value = false;
    if (waiting) {
        return;
    }
    waiting = true;
    const ask = async () => {
        try {
            const r = await fetch("health", { cache: "no-store" });
            if (r.ok) {
                waiting = false;
                online.value = true;
                returns.value++;
                return;
            }
        } catch {
            // still away
        }
        setTimeout(ask, 1000);
    };
    setTimeout(ask, 500);
}

/** A stream has broken off, or held what no server of ours says: is the server still there? */
export function broken(): ApiError {
    fetch("health", { cache: "no-store" }).then((r) => r.ok || lost(), lost);
    return new ApiError(0, text.offline.none);
}

async function failure(r: Response): Promise<ApiError> {
    let message = `${r.status} ${r.statusText}`;
    let param: string | null = null;
    let code: string | null = null;
    try {
        const body: unknown = await r.json();
        const { error: e, detail } = body as { error?: { message?: string; param?: string; code?: string }; detail?: string };
        message = e?.message ?? detail ?? message; // the original project's routes have a detail
        param = e?.param ?? null;
        code = e?.code ?? null;
    } catch {
        // not ours: the status says it
    }
    if (r.status === 401) {
        keyWanted.value = true;
    }
    return new ApiError(r.status, message, param, code);
}

/** fetch with token and errors; the path without a leading slash. */
export async function raw(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (key) {
        headers.set("Authorization", `Bearer ${key}`);
    }
    let r: Response;
    try {
        r = await fetch(path, { ...init, headers });
    } catch (e) {
        if (e instanceof DOMException && e.name === "AbortError") {
            throw e;
        }
        lost();
        throw new ApiError(0, text.offline.none);
    }
    if (!r.ok) {
        throw await failure(r);
    }
    return r;
}

export interface Ask {
    path?: Record<string, string>;
    query?: Record<string, string | number | undefined>;
    body?: unknown;
    signal?: AbortSignal | undefined;
}

export function address(template: string, a: Ask = {}): string {
    let out = template.replace(/^\//, "").replace(/\{(\w+)\}/g, (_, name: string) => {
        return encodeURIComponent(a.path?.[name] ?? "");
    });
    const q = new URLSearchParams();
    for (const [name, value] of Object.entries(a.query ?? {})) {
        if (value !== undefined && value !== "") {
            q.set(name, String(value));
        }
    }
    out += q.size > 0 ? `?${q}` : "";
    return out;
}

async function call(method: Method, template: string, a: Ask): Promise<unknown> {
    const init: RequestInit = { method: method.toUpperCase(), signal: a.signal ?? null };
    if (a.body !== undefined) {
        init.body = JSON.stringify(a.body);
        init.headers = { "Content-Type": "application/json" };
    }
    return (await raw(address(template, a), init)).json();
}

export function get<P extends PathOf<"get">>(path: P, a: Ask = {}): Promise<Reply<P, "get">> {
    return call("get", path, a) as Promise<Reply<P, "get">>;
}
export function post<P extends PathOf<"post">>(path: P, a: Ask = {}): Promise<Reply<P, "post">> {
    return call("post", path, a) as Promise<Reply<P, "post">>;
}
export function put<P extends PathOf<"put">>(path: P, a: Ask = {}): Promise<Reply<P, "put">> {
    return call("put", path, a) as Promise<Reply<P, "put">>;
}
export function patch<P extends PathOf<"patch">>(path: P, a: Ask = {}): Promise<Reply<P, "patch">> {
    return call("patch", path, a) as Promise<Reply<P, "patch">>;
}
export function remove<P extends PathOf<"delete">>(path: P, a: Ask = {}): Promise<Reply<P, "delete">> {
    return call("delete", path, a) as Promise<Reply<P, "delete">>;
}

/** What to show of anything that was thrown. */
export function wordsOf(e: unknown): string {
    return e instanceof Error ? e.message : String(e);
}
