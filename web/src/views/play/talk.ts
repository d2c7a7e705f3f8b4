// SPDX-License-Identifier: MIT
//
// talk.ts - the conversation: a tree of turns that lives on the server (persona.chat/1) and in this page. Every answer
// stays. Two tabs may add to the same tree: who is late reads it again and hangs its own turns under it.
import { computed, signal } from "@preact/signals";
import { ApiError, get, post, put } from "../../api/client";
import { keep } from "../../app/router";
import { sayError } from "../../app/toast";
import { text } from "../../text/en";
import type { Turn } from "./types";
import { textOf } from "./write";

export const turns = signal<readonly Turn[]>([]);
/** The turn that is shown last; -1: the beginning. */
export const at = signal(-1);
export const system = signal("");
export const talkId = signal<string | null>(null);
let version = 0;
let saving: Promise<void> = Promise.resolve();
/** How many of our turns the server has. */
let stored = 0;

/** From the root to the shown turn. */
export const path = computed<number[]>(() => {
    const out: number[] = [];
    for (let i = at.value; i >= 0; i = turns.value[i]?.parent ?? -1) {
        out.unshift(i);
    }
    return out;
});

export function children(parent: number): number[] {
    return turns.value.flatMap((t, i) => (t.parent === parent ? [i] : []));
}

/** The turn beside the shown one. */
export function partner(i: number): number | null {
    const t = turns.value[i];
    return t?.pair ?? null;
}

/** Which of stored turns were asked together: same parent, question and seed, one right behind the other. */
function paired(list: Turn[]): Turn[] {
    return list.map((t, i) => {
        const same = (j: number) => {
            const u = list[j];
            return u !== undefined && u.parent === t.parent && u.question === t.question && u.seed === t.seed;
        };
        let first = i;
        while (same(first - 1)) {
            first--;
        }
        const j = (i - first) % 2 === 0 ? i + 1 : i - 1;
        return { ...t, pair: same(j) ? j : null };
    });
}

export function addTurn(t: Turn): number {
    turns.value = [...turns.value, t];
    return turns.value.length - 1;
}

export function answerOf(t: Turn): string {
    return t.live ? textOf(t.live) : t.answer;
}

/** How an answer was asked for, in words. */
export function planOf(t: Turn): string {
    return (t.live ? t.live.expression : t.steering) ?? (t.prompt === "" ? text.play.unsteered : text.play.instructed(t.prompt));
}

interface Stored {
    schema: string;
    model: string;
    system: string;
    turns: { parent: number; question: string; answer: string; analysis?: string; steering: string | null; prompt?: string; seed: number }[];
    at: number;
}

export function document_(model: string): Stored {
    return {
        schema: "persona.chat/1",
        model,
        system: system.value,
        turns: turns.value.map((t) => ({
            parent: t.parent,
            question: t.question,
            answer: answerOf(t),
            ...(t.live?.reasoning || t.analysis ? { analysis: t.live?.reasoning || t.analysis } : {}),
            steering: t.live ? t.live.expression : t.steering,
            ...(t.prompt === "" ? {} : { prompt: t.prompt }),
            seed: t.seed,
        })),
        at: at.value,
    };
}

/** The number of a turn before `end`; -1 for anything else, so that a tree from elsewhere has no loops. */
const within = (i: number, end: number): number => (Number.isInteger(i) && i >= 0 && i < end ? i : -1);

function fill(s: Stored): void {
    const list = Array.isArray(s.turns) ? s.turns : [];
    turns.value = paired(list.map((t, i) => ({ analysis: "", prompt: "", ...t, parent: within(t.parent, i), live: null, pair: null })));
    system.value = s.system ?? "";
    at.value = within(s.at, list.length);
    stored = list.length;
}

/** Our new turns behind those that somebody else has added. */
function merge(theirs: Stored): void {
    const fresh = turns.value.slice(stored);
    const moved = new Map<number, number>();
    const old = turns.value.slice(0, stored);
    const all: Turn[] = theirs.turns.map((t, i) => ({ analysis: "", prompt: "", ...t, live: old[i]?.live ?? null, pair: old[i]?.pair ?? null }));
    fresh.forEach((t, i) => {
        moved.set(stored + i, all.length);
        all.push({ ...t, parent: moved.get(t.parent) ?? t.parent });
    });
    for (const i of moved.values()) {
        const t = all[i]!;
        all[i] = { ...t, pair: t.pair === null ? null : (moved.get(t.pair) ?? t.pair) };
    }
    const here = at.value;
    turns.value = all;
    at.value = moved.get(here) ?? here;
    stored = theirs.turns.length;
}

async function saveOnce(model: string, again = true): Promise<void> {
    if (turns.value.length === 0) {
        return;
    }
    const title = (turns.value[0]?.question ?? "").slice(0, 120);
    const n = turns.value.length;
    if (talkId.value === null) {
        const r = await post("/api/v1/conversations", { body: { title, conversation: document_(model) } });
        talkId.value = r.id;
        version = r.version;
    } else {
        try {
            const r = await put("/api/v1/conversations/{id}", { path: { id: talkId.value }, body: { title, conversation: document_(model), version } });
            version = r.version;
        } catch (e) {
            if (again && e instanceof ApiError && e.status === 409) {
                const r = await get("/api/v1/conversations/{id}", { path: { id: talkId.value } });
                version = r.version;
                merge(r.conversation as unknown as Stored);
                return saveOnce(model, false);
            }
            if (again && e instanceof ApiError && e.status === 404) {
                talkId.value = null; // deleted elsewhere: what is here is kept under a new id
                return saveOnce(model, false);
            }
            throw e;
        }
    }
    stored = Math.max(stored, n);
}

/** One save after the other; turns that are being written are saved when they are done. */
export function save(model: string): Promise<void> {
    saving = saving.then(() => saveOnce(model)).catch(sayError);
    return saving;
}

export async function load(id: string): Promise<string> {
    const r = await get("/api/v1/conversations/{id}", { path: { id } });
    const s = r.conversation as unknown as Stored;
    version = r.version;
    talkId.value = id;
    fill(s);
    return s.model;
}

/** From a file or a link that somebody shared: becomes a conversation of its own. */
export function adopt(s: Stored): void {
    fill(s);
    talkId.value = null;
    version = 0;
    stored = 0;
}

export function fresh(): void {
    turns.value = [];
    at.value = -1;
    talkId.value = null;
    version = 0;
    stored = 0;
    keep({ c: null });
}
