// SPDX-License-Identifier: MIT
//
// router.ts - the address says where one is: #/view/part/part?name=value. Views keep what matters in it, so that a
// reload, the back button and a shared link show the same.
import { signal } from "@preact/signals";

export interface Place {
    view: string;
    parts: string[];
    query: URLSearchParams;
}

function read(): Place {
    const hash = location.hash.replace(/^#\/?/, "");
    const mark = hash.indexOf("?");
    const path = mark < 0 ? hash : hash.slice(0, mark);
    const [view = "", ...parts] = path.split("/").map((p) => {
        try {
            return decodeURIComponent(p);
        } catch {
            return p;
        }
    });
    return { view, parts: parts.filter((p) => p !== ""), query: new URLSearchParams(mark < 0 ? "" : hash.slice(mark + 1)) };
}

export const place = signal<Place>(read());
/** Counts links that were followed: what keep() writes is the view's own and not to be obeyed again. */
export const visits = signal(0);
let seen = location.hash;

/** Takes what the address says now, which is before its event comes; whether that is another place than before. */
function arrive(): boolean {
    if (location.hash === seen) {
        return false;
    }
    seen = location.hash;
    place.value = read();
    visits.value++;
    return true;
}
addEventListener("hashchange", arrive);

export type Query = Record<string, string | number | null | undefined>;

function search(q: Query | URLSearchParams): string {
    if (q instanceof URLSearchParams) {
        return q.size > 0 ? `?${q}` : "";
    }
    const out = new URLSearchParams();
    for (const [name, value] of Object.entries(q)) {
        if (value !== null && value !== undefined && value !== "") {
            out.set(name, String(value));
        }
    }
    return out.size > 0 ? `?${out}` : "";
}

export function link(view: string, parts: readonly string[] = [], query: Query | URLSearchParams = {}): string {
    return `#/${[view, ...parts].map(encodeURIComponent).join("/")}${search(query)}`;
}

export function go(view: string, parts: readonly string[] = [], query: Query = {}): void {
    visit(link(view, parts, query));
}

/** Goes to a link at once: the next key finds the view that it leads to, on a slow machine, too. */
export function visit(hash: string): void {
    location.hash = hash;
    arrive();
}

/** Changes parameters of the address without a step in the history. What a view still wants to write after a link
 *  was followed is dropped: it would bring the old address back. */
export function keep(change: Query): void {
    if (arrive()) {
        return;
    }
    const now = place.peek();
    const query = new URLSearchParams(now.query);
    for (const [name, value] of Object.entries(change)) {
        if (value === null || value === undefined || value === "") {
            query.delete(name);
        } else {
            query.set(name, String(value));
        }
    }
    if (query.toString() !== now.query.toString()) {
        history.replaceState(null, "", link(now.view, now.parts, query));
        seen = location.hash;
        place.value = { ...now, query };
    }
}
