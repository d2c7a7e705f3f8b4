// SPDX-License-Identifier: MIT
//
// knobs.ts - the sliders' state: one expression, shown both as text and as sliders, with undo. While an answer is being
// written a change goes to it at once: at most one PATCH in 60 ms, the last value always, older replies ignored.
import { computed, effect, signal, untracked } from "@preact/signals";
import { patch, wordsOf, type Reply } from "../../api/client";
import { parse, print, type Term } from "../../base/expr";
import { text } from "../../text/en";
import type { Answer, PlanMark } from "./types";
import { told } from "./write";

export type Vector = Reply<"/api/v1/vectors">["vectors"][number];

/** The text as it stands in the field; sliders follow it when it can be read. */
export const expression = signal("");
export const terms = computed<Term[]>(() => parse(expression.value));
/** The plan as the server wants it: what is written, word by word; null where nothing is, or zeros alone. */
export const plan = computed<string | null>(() => (print(terms.value) === null ? null : expression.value.trim()));
/** Vectors whose sliders are shown although they stand at zero. */
export const shownNames = signal<readonly string[]>([]);
export const live = signal<string>("");

const past: string[] = [];
const future: string[] = [];
export const canUndo = signal(false);
export const canRedo = signal(false);

function noteHistory(): void {
    canUndo.value = past.length > 0;
    canRedo.value = future.length > 0;
}

/** `step`: one that undo takes back; a drag is one step, noted at its begin. */
export function setExpression(to: string, step = true): void {
    if (to === expression.value) {
        return;
    }
    if (step) {
        past.push(expression.value);
        future.length = 0;
        noteHistory();
    }
    expression.value = to;
}
/** A drag begins: what comes until the next step is taken back together. */
export function beginStep(): void {
    past.push(expression.value);
    future.length = 0;
    noteHistory();
}
export function undo(): void {
    let to = past.pop();
    while (to === expression.value) {
        to = past.pop(); // a drag that moved nothing
    }
    if (to !== undefined) {
        future.push(expression.value);
        expression.value = to;
        noteHistory();
    }
}
export function redo(): void {
    const to = future.pop();
    if (to !== undefined) {
        past.push(expression.value);
        expression.value = to;
        noteHistory();
    }
}

export function valueOf(name: string): number {
    return terms.value.filter((t) => t.name === name).reduce((sum, t) => sum + t.coefficient, 0);
}

export function setValue(name: string, value: number, step = true): void {
    const v = Number(value.toFixed(2));
    const now = terms.value;
    const first = now.findIndex((t) => t.name === name);
    const next: Term[] = now.filter((t, i) => t.name !== name || i === first).map((t) => (t.name === name ? { ...t, coefficient: v, text: "" } : t));
    if (first < 0) {
        next.push({ name, coefficient: v, text: "" });
    }
    setExpression(print(next) ?? "", step);
    if (!shownNames.value.includes(name)) {
        shownNames.value = [...shownNames.value, name];
    }
}

export function dropTerm(term: Term): void {
    setExpression(print(terms.value.filter((t) => t !== term)) ?? "");
}

/* ---- the running answer -------------------------------------------------------------------- */

const EVERY_MS = 60;
let running: Answer | null = null;
let sent: string | null = null;
let wanted: string | null = null;
let busy = false;
let timer: ReturnType<typeof setTimeout> | undefined;

let unwatch: (() => void) | undefined;

/** From now on changes go to this answer; null: to none. `to`: the plan as it stands by now. */
export function steerLive(a: Answer | null, to: string | null = a?.expression ?? null): void {
    unwatch?.();
    running = a;
    sent = a?.expression ?? null;
    wanted = to;
    clearTimeout(timer);
    timer = undefined;
    // what was moved before the first token goes out with it
    unwatch = a === null ? undefined : effect(() => {
        a.tick.value;
        if (a.state === "writing" && wanted !== sent) {
            untracked(() => pushPlan(wanted));
        }
    });
}

function markOf(a: Answer): PlanMark {
    let mark = a.marks.find((m) => m.pending);
    if (!mark) {
        mark = { at: a.tokens.length, words: "", pending: true };
        a.marks.push(mark);
    }
    return mark;
}

/** Which token of the text the new plan reached first; `n`: tokens that were generated before, reasoning included. */
function placeOf(a: Answer, n: number): number {
    if (a.nReasoning === 0) {
        return a.given + n;
    }
    const found = a.tokens.findIndex((t) => t.index >= n);
    return found >= 0 ? found : a.tokens.length;
}

async function send(): Promise<void> {
    const a = running;
    if (a === null || busy || wanted === sent || a.requestId === null || a.state !== "writing") {
        return;
    }
    busy = true;
    const to = wanted;
    const begun = performance.now();
    try {
        const r = await patch("/api/v1/requests/{id}/steering", { path: { id: a.requestId }, body: { steering: to } });
        if (running !== a) {
            return; // it has ended meanwhile, and another may run
        }
        sent = to;
        const ms = Math.round(performance.now() - begun);
        const at = placeOf(a, r.n_tokens);
        const mark = markOf(a);
        Object.assign(mark, { at, words: to ?? text.play.unsteered, pending: wanted !== to });
        a.expression = to;
        a.marks = a.marks.filter((m) => m === mark || m.at !== at);
        live.value = text.play.reached(at + 1, ms);
        told(a);
    } catch (e) {
        if (running !== a) {
            return;
        }
        sent = to; // not again: the reason is shown, the old plan goes on
        a.marks = a.marks.filter((m) => !m.pending);
        live.value = wordsOf(e);
        told(a);
    } finally {
        busy = false;
        if (wanted !== sent) {
            timer ??= setTimeout(() => {
                timer = undefined;
                void send();
            }, EVERY_MS);
        }
    }
}

/** The plan has changed: to the running answer, if there is one. */
export function pushPlan(to: string | null): void {
    wanted = to;
    const a = running;
    if (a === null || to === sent || a.state !== "writing") {
        return;
    }
    markOf(a);
    told(a);
    timer ??= setTimeout(() => {
        timer = undefined;
        void send();
    }, EVERY_MS / 2);
}
