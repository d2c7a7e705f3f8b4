// SPDX-License-Identifier: MIT
//
// types.ts - what the playground is made of: tokens, answers, turns.
import type { Signal } from "@preact/signals";

export interface Alternative {
    text: string;
    id: number;
    logprob: number;
}

export interface Token {
    text: string;
    id: number;
    logprob: number;
    alternatives: Alternative[];
    /** One for each probe of the answer; null until it has been read. */
    z: (number | null)[];
    /** Where the token lies among all that were generated, reasoning and template included. */
    index: number;
}

/** A plan that took hold in the middle: from token `at` on. Pending while the server has not said. */
export interface PlanMark {
    at: number;
    words: string;
    pending: boolean;
}

export interface Receipt {
    expression: string;
    unit: string;
    layers: number[];
    n_tokens: number;
    n_steered: number;
    moved: number | null;
    delta_projection: number;
    edit_ratio: { mean: number; p95: number; most: number; most_block: number } | null;
    guard: { mode: string; ratio: number | null; n_over: number };
    steps: { operator: string; block: number; phases: string[]; n: number; asked: number; measured: number | null; vector?: string }[];
    note: string;
    [more: string]: unknown;
}

export type AnswerState = "waiting" | "writing" | "done" | "stopped" | "failed" | "stored";

/** One answer, which grows in place; `tick` counts its changes, at most once a frame. */
export interface Answer {
    requestId: string | null;
    expression: string | null;
    system: string;
    seed: number;
    probes: string[];
    tokens: Token[];
    reasoning: string;
    nReasoning: number;
    marks: PlanMark[];
    state: AnswerState;
    error: string | null;
    finish: string | null;
    receipt: Receipt | null;
    begun: number;
    firstToken: number | null; // seconds
    rate: number | null; // tokens per second
    limit: number;
    /** Tokens that it began with, of the answer that it was forked from. */
    given: number;
    /** All tokens behind the prompt, reasoning and template included; null until it is done. */
    ids: number[] | null;
    /** Of these, how many stand before the text. */
    before: number;
    tick: Signal<number>;
}

export interface Turn {
    parent: number; // -1: none
    question: string;
    answer: string;
    analysis: string;
    steering: string | null;
    /** What stood in the prompt for this answer alone; "": nothing. */
    prompt: string;
    seed: number;
    live: Answer | null; // with its tokens, while this page has them
    pair: number | null; // the turn beside it
}

/** What stands beside the steered answer. */
export type Compare = { kind: "plain" } | { kind: "none" } | { kind: "prompt"; trait: string } | { kind: "expression"; text: string };
