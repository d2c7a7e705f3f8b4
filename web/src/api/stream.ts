// SPDX-License-Identifier: MIT
//
// stream.ts - server-sent events over fetch, which can carry a token and a body where EventSource cannot.
import { broken, raw } from "./client";

export interface Event {
    event: string; // "message" if it has no name
    id: string;
    data: string;
}

/** Events of one reply until it ends or `signal` aborts it; the connection is closed however the loop is left. */
export async function* events(path: string, init: RequestInit): AsyncGenerator<Event> {
    const r = await raw(path, init);
    const reader = r.body!.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let now: Event = { event: "message", id: "", data: "" };
    let some = false;
    try {
        for (;;) {
            const { done, value } = await reader.read().catch((e: unknown) => {
                throw e instanceof DOMException && e.name === "AbortError" ? e : broken();
            });
            if (done) {
                return;
            }
            rest += value;
            for (;;) {
                const end = rest.indexOf("\n");
                if (end < 0) {
                    break;
                }
                const line = rest.slice(0, end).replace(/\r$/, "");
                rest = rest.slice(end + 1);
                if (line === "") {
                    if (some) {
                        yield now;
                    }
                    now = { event: "message", id: now.id, data: "" };
                    some = false;
                    continue;
                }
                const colon = line.indexOf(":");
                const name = colon < 0 ? line : line.slice(0, colon);
                const text = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
                if (name === "data") {
                    now.data = some ? `${now.data}\n${text}` : text;
                    some = true;
                } else if (name === "event") {
                    now.event = text;
                } else if (name === "id") {
                    now.id = text;
                }
            }
        }
    } finally {
        reader.cancel().catch(() => undefined);
    }
}

function parsed(data: string): unknown {
    try {
        return JSON.parse(data);
    } catch {
        throw broken();
    }
}

/** The same with each event's data parsed; "[DONE]" ends it. */
export async function* objects<T>(path: string, init: RequestInit): AsyncGenerator<{ event: string; data: T }> {
    for await (const e of events(path, init)) {
        if (e.data === "[DONE]") {
            return;
        }
        yield { event: e.event, data: parsed(e.data) as T };
    }
}

export function jsonPost(body: unknown, signal?: AbortSignal): RequestInit {
    return {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        signal: signal ?? null,
    };
}
