// SPDX-License-Identifier: MIT
//
// pack.ts - trait packs: as the server shows them, as a file has them (docs/FORMATS.md), and a draft that is written on.
import { get, post, type Reply } from "../../api/client";

export type Pack = Reply<"/api/v1/traits/{name}">;
export type Short = Reply<"/api/v1/traits">["traits"][number];
export const PAIRS = 5;
export const QUESTIONS = 40;

export interface File_ {
    schema: string;
    name: string;
    positive: string;
    negative: string;
    description: string;
    instruction: { pos: string; neg: string }[];
    questions: string[];
    eval_prompt: string;
    sampling: Pack["sampling"];
}

export function fileOf(p: Pack): File_ {
    return {
        schema: "persona.trait/1",
        name: p.name,
        positive: p.positive,
        negative: p.negative,
        description: p.description,
        instruction: p.instructions.map((x) => ({ pos: x.positive, neg: x.negative })),
        questions: p.questions,
        eval_prompt: p.eval_prompt,
        sampling: p.sampling,
    };
}

const RUBRIC = `You will read a question that a user asked and the answer that an AI assistant gave. Your task is to rate to what extent the answer displays the trait.

Rate the answer, not the question. Use the whole scale from 0 to 100.

[QUESTION START]
{question}
[QUESTION END]

[ANSWER START]
{answer}
[ANSWER END]

If the assistant refused to answer, reply with the word REFUSAL. Otherwise reply with one whole number from 0 to 100 and nothing else, without any explanation.`;

export function blank(): File_ {
    return {
        schema: "persona.trait/1",
        name: "",
        positive: "",
        negative: "",
        description: "",
        instruction: Array.from({ length: PAIRS }, () => ({ pos: "", neg: "" })),
        questions: [],
        eval_prompt: RUBRIC,
        sampling: { temperature: 0.3, top_p: 0, repetition_penalty: 0, about: "Some more randomness." },
    };
}

export const read = (name: string, signal?: AbortSignal): Promise<Pack> => get("/api/v1/traits/{name}", { path: { name }, signal });
export const write = (pack: File_, replace: boolean): Promise<Pack> => post("/api/v1/traits", { body: { pack, replace } });
export const same = (a: File_, b: File_): boolean => JSON.stringify(a) === JSON.stringify(b);
