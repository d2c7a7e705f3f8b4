// SPDX-License-Identifier: MIT
//
// write.ts - one answer from the server, token by token, into an Answer. Pieces are gathered and told once a frame, so a
// fast model costs no more drawing than a slow one.
import { signal } from "@preact/signals";
import { ApiError, remove, wordsOf } from "../../api/client";
import { jsonPost, objects } from "../../api/stream";
import { text } from "../../text/en";
import type { Alternative, Answer, Receipt, Token } from "./types";

export interface Message {
    role: "system" | "user" | "assistant";
    content: string;
}
export interface Sampling {
    temperature: number;
    pace: number; // tokens a second at most; 0: as fast as they come
    topP: number;
    maxTokens: number;
}
export interface Wish {
    model: string;
    messages: Message[];
    sampling: Sampling;
    seed: number;
    steering: string | null;
    probes: string[];
    system: string;
    /** Tokens of the text that it begins with, and the numbers of all that it begins with. */
    begin: Token[];
    beginIds: number[];
    effort?: string | undefined;
}

interface Entry {
    token: string;
    id: number;
    logprob: number;
    top_logprobs: { token: string; id: number; logprob: number }[];
}
interface Choice {
    delta: { content?: string | null; reasoning_content?: string | null };
    logprobs: { content: Entry[] | null } | null;
    finish_reason: string | null;
    probes?: { index: number; values: number[]; z: (number | null)[] } | unknown[];
    steering?: Receipt | null;
    token_ids?: number[];
}
interface Chunk {
    id?: string;
    choices?: Choice[];
    error?: { message: string };
    usage?: { completion_tokens: number; completion_tokens_details?: { reasoning_tokens?: number } } | null;
}

const ALTERNATIVES = 8;

export function newAnswer(w: Pick<Wish, "seed" | "steering" | "probes" | "system"> & { limit: number }): Answer {
    return {
        requestId: null,
        expression: w.steering,
        system: w.system,
        seed: w.seed,
        probes: w.probes,
        tokens: [],
        reasoning: "",
        nReasoning: 0,
        marks: [],
        state: "waiting",
        error: null,
        finish: null,
        receipt: null,
        begun: performance.now(),
        firstToken: null,
        rate: null,
        limit: w.limit,
        given: 0,
        ids: null,
        before: 0,
        tick: signal(0),
    };
}

/** The text of an answer, for the next turn and for the store. */
export function textOf(a: Answer): string {
    return a.tokens.map((t) => t.text).join("");
}

export function body(w: Wish): Record<string, unknown> {
    return {
        model: w.model,
        messages: w.messages,
        temperature: w.sampling.temperature,
        ...(w.sampling.topP < 1 ? { top_p: w.sampling.topP } : {}),
        max_tokens: w.sampling.maxTokens,
        seed: w.seed,
        steering: w.steering,
        ...(w.effort ? { reasoning_effort: w.effort } : {}),
    };
}

const due = new Set<Answer>();
let frame = 0;
/** Tells who shows the answer that it has grown, in the next frame. */
export function told(a: Answer): void {
    due.add(a);
    frame ||= requestAnimationFrame(() => {
        frame = 0;
        for (const x of due) {
            x.tick.value++;
        }
        due.clear();
    });
}

function alternatives(e: Entry): Alternative[] {
    return e.top_logprobs.map((t) => ({ text: t.token, id: t.id, logprob: t.logprob }));
}

/** Tokens of one chunk. What a token adds to the text may come later than the token (half a code point). */
function take(a: Answer, c: Choice): void {
    const entries = c.logprobs?.content ?? [];
    const said = c.delta.content ?? "";
    const broken = entries.length > 1 && entries.some((e) => e.token.includes("\uFFFD"));
    entries.forEach((e, i) => {
        const alone = entries.length === 1 || (broken && i === entries.length - 1);
        a.tokens.push({
            text: alone ? said : broken ? "" : e.token,
            id: e.id,
            logprob: e.logprob,
            alternatives: alternatives(e),
            z: a.probes.map(() => null),
            index: -1,
        });
    });
    if (entries.length === 0 && said !== "" && a.tokens.length > 0) {
        a.tokens[a.tokens.length - 1]!.text += said;
    }
}

/** Readings come as their own chunk, right behind the token that they are of. */
function read(a: Answer, c: Choice, reasoning: boolean): void {
    const p = c.probes;
    if (!p || Array.isArray(p) || reasoning) {
        return;
    }
    const last = a.tokens[a.tokens.length - 1];
    if (last && last.index < 0) {
        last.index = p.index;
        last.z = p.z;
    }
}

function clockIt(a: Answer): void {
    const now = (performance.now() - a.begun) / 1000;
    const n = a.tokens.length - a.given + a.nReasoning;
    a.firstToken ??= now;
    const writing = now - a.firstToken;
    a.rate = writing > 0.25 ? (n - 1) / writing : n / now; // many pieces may come at once
}

/** Where the text's tokens stand among all: they are one run, the last of its kind. */
function beginOf(ids: number[], tokens: Token[]): number {
    for (let k = ids.length - tokens.length; k >= 0; k--) {
        if (tokens.every((t, i) => ids[k + i] === t.id)) {
            return k;
        }
    }
    return -1;
}

function piece(a: Answer, chunk: Chunk, at: { reasoning: boolean }, begin: number[]): void {
    if (chunk.error) {
        throw new ApiError(200, chunk.error.message);
    }
    a.requestId = chunk.id ?? a.requestId;
    const c = chunk.choices?.[0];
    if (!c) {
        return;
    }
    if (c.delta?.reasoning_content) {
        a.reasoning += c.delta.reasoning_content;
        a.nReasoning++;
        at.reasoning = true;
        clockIt(a);
    } else if (c.delta?.content || c.logprobs?.content?.length) {
        at.reasoning = false;
        take(a, c);
        clockIt(a);
    }
    read(a, c, at.reasoning);
    a.state = "writing";
    if (c.finish_reason) {
        a.finish = c.finish_reason;
        a.receipt = c.steering ?? null;
        if (c.token_ids) {
            const ids = [...begin, ...c.token_ids];
            const before = beginOf(ids, a.tokens);
            a.ids = before < 0 ? null : ids;
            a.before = Math.max(0, before);
        }
    }
}

/** Writes until the end, `stop`, or an error, which stands in the answer then. */
export async function write(w: Wish, a: Answer, stop: AbortSignal): Promise<void> {
    const at = { reasoning: false };
    a.tokens.push(...w.begin);
    a.given = w.begin.length;
    try {
        const request = {
            ...body(w),
            stream: true,
            logprobs: true,
            top_logprobs: ALTERNATIVES,
            probes: w.probes,
            store: true,
            return_token_ids: true,
            ...(w.sampling.pace > 0 ? { pace: w.sampling.pace } : {}),
            ...(w.beginIds.length > 0 ? { answer_tokens: w.beginIds } : {}),
        };
        for await (const { data } of objects<Chunk>("v1/chat/completions", jsonPost(request, stop))) {
            piece(a, data, at, w.beginIds);
            told(a);
        }
        a.state = a.finish === null ? "stopped" : "done";
    } catch (e) {
        if (stop.aborted) {
            a.state = "stopped";
        } else {
            a.state = "failed";
            a.error = e instanceof ApiError && e.status === 0 ? text.play.lost : wordsOf(e);
        }
    } finally {
        a.marks = a.marks.filter((m) => !m.pending);
        told(a);
    }
}

/** The server stops when the connection closes; this also works for one whose connection is gone. */
export function cancel(a: Answer): void {
    if (a.requestId !== null) {
        remove("/api/v1/requests/{id}", { path: { id: a.requestId } }).catch(() => undefined);
    }
}
