// SPDX-License-Identifier: MIT
//
// state.ts - what the playground has chosen and what it does: the model, the sampling, the comparison, the probes; ask,
// queue, stop, answer again, branch, fork. Turns are in talk.ts, sliders in knobs.ts, writing in write.ts.
import { computed, effect, signal } from "@preact/signals";
import { get, type Reply } from "../../api/client";
import { refreshModels } from "../../api/live";
import { type Limits, readLimits, writeLimits } from "../../app/alarm_query";
import { keep } from "../../app/router";
import { sayError } from "../../app/toast";
import { expression, plan, pushPlan, setExpression, shownNames, steerLive, type Vector } from "./knobs";
import { addTurn, answerOf, at, save, system, talkId, turns } from "./talk";
import type { Answer, Compare, Token, Turn } from "./types";
import { cancel, type Message, newAnswer, type Sampling, type Wish, write } from "./write";

export const model = signal<string | null>(null);
export const vectors = signal<readonly Vector[]>([]);
export const sampling = signal<Sampling>({ temperature: 0.7, topP: 1, maxTokens: 256, pace: 0 });
export const seed = signal<number>(7);
export const compare = signal<Compare>({ kind: "plain" });
export const pinned = signal(true);
/** Questions that wait for the running answer; after a reload also the one whose answer it has cut off. */
export const queue = signal<readonly string[]>([]);
/** Probe that colours the tokens, "surprise", "difference" or "", null: the first slider's; and what underlines them. */
export const chosenColour = signal<string | null>(null);
export const underline = signal<string>("");
/** Probes that are asked for; null: those of the sliders. */
export const chosenProbes = signal<readonly string[] | null>(null);
/** From where on a probe alarms. */
export const alarms = signal<Limits>(new Map());
/** The question that is being written. */
export const draft = signal("");

export const colour = computed<string>(() => {
    const c = chosenColour.value;
    const shown = c === null || ["", "surprise", "difference"].includes(c) || vectors.value.some((v) => v.name === c);
    return (shown ? c : null) ?? shownNames.value[0] ?? "surprise";
});

const MOST_PROBES = 6;
export const probes = computed<string[]>(() => {
    const there = vectors.value.map((v) => v.name);
    const wished = chosenProbes.value ?? [...new Set([...shownNames.value, ...there])];
    return wished.filter((n) => there.includes(n)).slice(0, MOST_PROBES);
});

interface Running {
    stop: AbortController;
    answers: Answer[];
    asked: Asked;
}
export const running = signal<Running | null>(null);
export const busy = computed(() => running.value !== null);

export type Trait = Reply<"/api/v1/traits/{name}">;
const packs = new Map<string, Trait>();

/** What the trait's instruction says to the model, for the comparison with a prompt. */
async function instruction(trait: string): Promise<string> {
    let pack = packs.get(trait);
    if (!pack) {
        pack = await get("/api/v1/traits/{name}", { path: { name: trait } });
        packs.set(trait, pack);
    }
    const first = (pack.instructions as { positive: string }[])[0];
    return first?.positive ?? "";
}

function messages(parent: number, question: string, extra: string): Message[] {
    const out: Message[] = [];
    const words = [system.value, extra].filter((s) => s !== "").join("\n\n");
    if (words !== "") {
        out.push({ role: "system", content: words });
    }
    const ids: number[] = [];
    for (let i = parent; i >= 0; i = turns.value[i]!.parent) {
        ids.unshift(i);
    }
    for (const i of ids) {
        const t = turns.value[i]!;
        out.push({ role: "user", content: t.question }, { role: "assistant", content: answerOf(t) });
    }
    out.push({ role: "user", content: question });
    return out;
}

/** What the model was shown before this turn's answer, without the words of a comparison. */
export function promptOf(t: Turn): Message[] {
    return messages(t.parent, t.question, t.prompt);
}

function wish(parent: number, question: string, steering: string | null, words: string, begin: Token[], beginIds: number[], seed_: number): Wish {
    return {
        model: model.value!,
        messages: messages(parent, question, words),
        sampling: sampling.value,
        seed: seed_,
        steering,
        probes: probes.value,
        system: words,
        begin,
        beginIds,
    };
}

interface Asked {
    parent: number;
    question: string;
    seed: number;
    begin: Token[]; // of the steered answer
    beginIds: number[];
    reasoning: string; // that stands before these
    both: boolean;
    steering: string | null;
    fresh?: boolean; // a new question, not an answer once more
}

async function other(a: Asked): Promise<Wish | null> {
    const c = compare.value;
    if (!a.both || c.kind === "none") {
        return null;
    }
    const words = c.kind === "prompt" ? await instruction(c.trait) : "";
    const steering = c.kind === "expression" ? c.text : null;
    return wish(a.parent, a.question, steering, words, [], [], a.seed);
}

async function run(a: Asked): Promise<void> {
    const stop = new AbortController();
    const asked = model.value!;
    running.value = { stop, answers: [], asked: a }; // before anything is waited for: a second question queues
    let done = false;
    try {
        done = await runBoth(a, stop);
    } finally {
        steerLive(null);
        running.value = null;
        void refreshModels();
    }
    await save(asked);
    if (done) {
        askNext();
    }
}

/** The first of the queue. */
export function askNext(): void {
    const [next, ...rest] = queue.value;
    if (next !== undefined && !busy.value) {
        queue.value = rest;
        ask(next).catch((e: unknown) => {
            queue.value = [next, ...queue.value];
            sayError(e);
        });
    }
}

/** Whether the steered answer came to its end. */
async function runBoth(a: Asked, stop: AbortController): Promise<boolean> {
    const wishes: Wish[] = [wish(a.parent, a.question, a.steering, "", a.begin, a.beginIds, a.seed)];
    const beside = await other(a);
    if (beside) {
        wishes.push(beside);
    }
    const answers = wishes.map((w) => newAnswer({ ...w, limit: w.sampling.maxTokens }));
    answers[0]!.reasoning = a.reasoning;
    const ids = answers.map((x, i) => addTurn({ parent: a.parent, question: a.question, answer: "", analysis: "", steering: wishes[i]!.steering, prompt: wishes[i]!.system, seed: a.seed, live: x, pair: null }));
    if (ids.length === 2) {
        turns.value = turns.value.map((t, i) => (i === ids[0] ? { ...t, pair: ids[1]! } : i === ids[1] ? { ...t, pair: ids[0]! } : t));
    }
    at.value = ids[0]!;
    running.value = { stop, answers, asked: a };
    steerLive(answers[0]!, a.both ? plan.peek() : a.steering);
    const compared = compare.value;
    await Promise.all(wishes.map((w, i) => write(w, answers[i]!, stop.signal)));
    if (!pinned.value && compare.value === compared) {
        compare.value = { kind: "plain" };
    }
    return answers[0]!.state === "done";
}

/** The next question, or one more for the queue. */
export async function ask(question: string): Promise<void> {
    const q = question.trim();
    if (q === "" || model.value === null) {
        return;
    }
    if (busy.value) {
        queue.value = [...queue.value, q];
        return;
    }
    await run({ parent: at.value, question: q, seed: seed.value, begin: [], beginIds: [], reasoning: "", both: true, steering: plan.value, fresh: true });
}

export function stop(): void {
    const r = running.value;
    queue.value = [];
    r?.answers.forEach((a) => {
        if (a.state === "writing" || a.state === "waiting") {
            cancel(a);
        }
    });
    r?.stop.abort();
}

/** The same question once more, on the next seed. */
export async function again(i: number): Promise<void> {
    const t = turns.value[i];
    if (t && !busy.value) {
        seed.value = t.seed + 1;
        await run({ parent: t.parent, question: t.question, seed: t.seed + 1, begin: [], beginIds: [], reasoning: "", both: true, steering: plan.value });
    }
}

/** A new branch before this turn: its question goes back to the field. */
export function branch(i: number): string {
    const t = turns.value[i];
    at.value = t?.parent ?? -1;
    return t?.question ?? "";
}

/** The answer of turn `i` up to token `n`, then `instead` (or its own next token), and on. */
export async function fork(i: number, n: number, instead: { text: string; id: number } | null, steering: string | null): Promise<void> {
    const t = turns.value[i];
    const from = t?.live;
    if (!t || !from || busy.value) {
        return;
    }
    const ids = from.ids ?? from.tokens.map((x) => x.id);
    const beginIds = ids.slice(0, from.before + n);
    const begin: Token[] = from.tokens.slice(0, n).map((x) => ({ ...x, z: probes.value.map((p) => x.z[from.probes.indexOf(p)] ?? null) }));
    if (instead) {
        const known = from.tokens[n]?.alternatives.find((x) => x.id === instead.id);
        beginIds.push(instead.id);
        begin.push({ text: instead.text, id: instead.id, logprob: known?.logprob ?? NaN, alternatives: from.tokens[n]?.alternatives ?? [], z: probes.value.map(() => null), index: -1 });
    }
    await run({ parent: t.parent, question: t.question, seed: t.seed, begin, beginIds, reasoning: from.reasoning, both: false, steering });
}

/** Reading a model's library when the model changes; its sliders are those of the expression and the first three. */
export async function useModel(id: string, again = false): Promise<void> {
    if (model.value === id && !again) {
        return;
    }
    if (model.value !== id) {
        vectors.value = []; // not those of another model
    }
    model.value = id;
    const list = (await get("/api/v1/vectors", { query: { model: id } })).vectors.filter((v) => v.model === id);
    if (model.value !== id) {
        return;
    }
    vectors.value = list;
    const used = list.map((v) => v.name).filter((n) => new RegExp(`\\b${n.replace(/[.-]/g, "\\$&")}\\b`).test(expression.value));
    if (again && shownNames.value.length > 0) {
        const there = list.map((v) => v.name);
        shownNames.value = [...new Set([...shownNames.value.filter((n) => there.includes(n)), ...used])];
        return;
    }
    shownNames.value = [...new Set([...used, ...list.slice(0, 3).map((v) => v.name)])].slice(0, Math.max(3, used.length));
}

export function compareWord(c: Compare): string | null {
    return c.kind === "plain" ? null : c.kind === "prompt" ? `prompt:${c.trait}` : c.kind === "expression" ? `expr:${c.text}` : "none";
}

/** The address, the tab's session and the running answer follow what is chosen. */
export function follow(): () => void {
    const ends = [
        effect(() => pushPlan(plan.value)),
        effect(() => {
            keep({ steer: expression.value });
        }),
        effect(() => {
            keep({ cmp: compareWord(compare.value), pin: pinned.value ? null : "no", colour: chosenColour.value === "" ? "none" : chosenColour.value, under: underline.value, probes: chosenProbes.value?.join(",") ?? null, alarm: writeLimits(alarms.value) });
        }),
        effect(() => {
            if (model.value !== null) {
                keep({ model: model.value });
            }
            if (talkId.value !== null) {
                keep({ c: talkId.value });
            }
        }),
        effect(keepAsking),
        effect(() => {
            keep({ system: system.value, top_p: sampling.value.topP === 1 ? null : sampling.value.topP });
        }),
        effect(() => {
            keep({ seed: seed.value === 7 ? null : seed.value, t: sampling.value.temperature === 0.7 ? null : sampling.value.temperature, max: sampling.value.maxTokens === 256 ? null : sampling.value.maxTokens, pace: sampling.value.pace || null });
        }),
    ];
    return () => ends.forEach((end) => end());
}

const STORE = "persona-asking";

/** A page that goes cuts its streams off first: that is no end of what it asked. */
let leaving = false;
addEventListener("beforeunload", () => {
    leaving = true;
    setTimeout(() => (leaving = false), 2000);
});

/** What is not yet a turn of the conversation: it stays in the tab's session. */
function keepAsking(): void {
    const now = running.value?.asked;
    const waiting = [...(now?.fresh ? [now.question] : []), ...queue.value];
    if (leaving) {
        return;
    }
    try {
        sessionStorage.setItem(STORE, JSON.stringify({ draft: draft.value, waiting }));
    } catch {
        // lasts as long as the page
    }
}

/** Once, when the page begins. */
function restoreAsking(): void {
    try {
        const s = JSON.parse(sessionStorage.getItem(STORE) ?? "{}") as { draft?: unknown; waiting?: unknown };
        draft.value = typeof s.draft === "string" ? s.draft : "";
        queue.value = Array.isArray(s.waiting) ? s.waiting.filter((x): x is string => typeof x === "string") : [];
    } catch {
        // there is nothing
    }
}
restoreAsking();

export function restore(q: URLSearchParams): void {
    const steer = q.get("steer");
    if (steer !== null) {
        setExpression(steer, false);
    }
    const number = (name: string, otherwise: number, lo: number, hi: number) => {
        const x = Number(q.get(name) ?? otherwise);
        return Number.isFinite(x) ? Math.min(hi, Math.max(lo, x)) : otherwise;
    };
    seed.value = Math.round(number("seed", 7, 0, 2 ** 31));
    sampling.value = { ...sampling.value, temperature: number("t", 0.7, 0, 5), topP: number("top_p", 1, 0.01, 1), maxTokens: Math.round(number("max", 256, 1, 32768)), pace: number("pace", 0, 0, 10000) };
    const cmp = q.get("cmp");
    if (cmp === "none") {
        compare.value = { kind: "none" };
    } else if (cmp?.startsWith("prompt:")) {
        compare.value = { kind: "prompt", trait: cmp.slice(7) };
    } else if (cmp?.startsWith("expr:")) {
        compare.value = { kind: "expression", text: cmp.slice(5) };
    }
    system.value = q.get("system") ?? system.value;
    pinned.value = q.has("pin") ? false : pinned.value;
    const c = q.get("colour");
    chosenColour.value = c === "none" ? "" : (c ?? chosenColour.value);
    underline.value = q.get("under") ?? underline.value;
    chosenProbes.value = q.get("probes")?.split(",").filter((p) => p !== "") ?? chosenProbes.value;
    alarms.value = q.has("alarm") ? readLimits(q.get("alarm")) : alarms.value;
}
