// SPDX-License-Identifier: MIT
//
// score.ts - reading an answer again with every token given: what the unsteered model would have said at each place, and
// a probe's readings at every block. Once for an answer as long as it is; numbers of a text that a model is made to read
// are those of its writing up to the rounding of another batch.
import { post } from "../../api/client";
import { unsteered } from "./paint";
import { model, probes, promptOf } from "./state";
import { turns } from "./talk";
import type { Answer, Turn } from "./types";
import { newAnswer, told } from "./write";

interface Scored {
    tokens: { token: string; id: number; logprob: number; top_logprobs: { token: string; id: number; logprob: number }[] }[];
    probes: { vector: string; block: number; index: number[]; values: number[]; z: (number | null)[] }[];
}
const ALTERNATIVES = 20;

function turnOf(a: Answer): Turn | null {
    return turns.value.find((t) => t.live === a) ?? null;
}

async function ask(a: Answer, more: Record<string, unknown>): Promise<Scored | null> {
    const t = turnOf(a);
    if (t === null || a.tokens.length === 0) {
        return null;
    }
    const body = { model: model.value, messages: promptOf(t), tokens: a.ids ?? a.tokens.map((x) => x.id), ...more };
    const r = (await post("/api/v1/score", { body })) as unknown as Scored;
    // of the text alone: what stands before it is reasoning and template
    const own = <T>(all: T[]) => all.slice(a.before, a.before + a.tokens.length);
    return { tokens: own(r.tokens), probes: r.probes.map((p) => ({ ...p, z: own(p.z), values: own(p.values), index: own(p.index) })) };
}

const asking = new WeakSet<Answer>();

/** Fills paint.ts's `unsteered` for the whole answer so far. */
export async function scoreUnsteered(a: Answer): Promise<void> {
    if (asking.has(a) || (unsteered.get(a)?.length ?? 0) >= a.tokens.length) {
        return;
    }
    asking.add(a);
    try {
        const r = await ask(a, { steering: null, top_logprobs: ALTERNATIVES });
        if (r) {
            unsteered.set(
                a,
                r.tokens.map((t) => ({ logprob: t.logprob, alternatives: t.top_logprobs.map((x) => ({ text: x.token, id: x.id, logprob: x.logprob })) })),
            );
            told(a);
        }
    } finally {
        asking.delete(a);
    }
}

export interface BlockReadings {
    blocks: number[];
    /** [block][token] */
    z: (number | null)[][];
}

/** One probe at every block that its vector has, under the answer's own plan. */
export async function scoreBlocks(a: Answer, probe: string, from: number, to: number): Promise<BlockReadings | null> {
    const r = await ask(a, { steering: a.expression, probes: [from === to ? `${probe}@${from}` : `${probe}@${from}-${to}`] });
    return r && { blocks: r.probes.map((p) => p.block), z: r.probes.map((p) => p.z) };
}

/** A turn from the store, whose tokens this page never saw: read again, so that its colours are back. What a plan that
 * changed under way did cannot come back; the last one is read. Reasoning would have to stand before the text. */
export async function readAgain(i: number): Promise<void> {
    const t = turns.value[i];
    if (!t || t.live !== null || t.answer === "" || t.analysis !== "" || model.value === null) {
        return;
    }
    const body = { model: model.value, messages: promptOf(t), text: t.answer, steering: t.steering, probes: probes.value, top_logprobs: 8 };
    const r = (await post("/api/v1/score", { body })) as unknown as Scored;
    const a = newAnswer({ seed: t.seed, steering: t.steering, probes: probes.value, system: t.prompt, limit: r.tokens.length });
    a.tokens = r.tokens.map((x, k) => ({
        text: x.token,
        id: x.id,
        logprob: x.logprob,
        alternatives: x.top_logprobs.map((o) => ({ text: o.token, id: o.id, logprob: o.logprob })),
        z: r.probes.map((p) => p.z[k] ?? null),
        index: k,
    }));
    a.ids = a.tokens.map((x) => x.id);
    a.state = "stored";
    // half code points cannot be written token by token: then the text stays as it was kept
    if (a.tokens.map((x) => x.text).join("") === t.answer && turns.value[i] === t) {
        turns.value = turns.value.map((u) => (u === t ? { ...u, live: a } : u));
    }
}
