// SPDX-License-Identifier: MIT
//
// texts.ts - pasted texts as prompts with answers: a JSON object on each line (messages and response, messages that end
// with the answer, or prompt and response under the names that data sets use), a JSON list of them, or plain blocks: a
// question, below it the answer, an empty line between two.

export interface Item {
    messages: { role: string; content: string }[];
    response: string;
}
export interface Read {
    items: Item[];
    /** Lines, or blocks, that were left out: from 1. */
    bad: number[];
}

const ROLES = ["system", "developer", "user", "assistant"];
const ASKED = ["prompt", "question", "instruction", "input", "query"];
const ANSWERED = ["response", "answer", "output", "completion", "chosen"];

function textIn(o: Record<string, unknown>, names: readonly string[]): string | null {
    for (const n of names) {
        const v = o[n];
        if (typeof v === "string" && v.trim() !== "") {
            return v;
        }
    }
    return null;
}

function messagesIn(v: unknown): Item["messages"] | null {
    if (!Array.isArray(v) || v.length === 0) {
        return null;
    }
    const out: Item["messages"] = [];
    for (const m of v as { role?: unknown; content?: unknown }[]) {
        if (typeof m?.content !== "string" || typeof m.role !== "string" || !ROLES.includes(m.role)) {
            return null;
        }
        out.push({ role: m.role, content: m.content });
    }
    return out;
}

function itemOf(v: unknown): Item | null {
    if (v === null || typeof v !== "object") {
        return null;
    }
    const o = v as Record<string, unknown>;
    const messages = messagesIn(o["messages"] ?? o["prompt"]);
    const response = textIn(o, ANSWERED);
    if (messages !== null && response !== null) {
        return { messages, response };
    }
    if (messages !== null && messages.length > 1 && messages[messages.length - 1]!.role === "assistant") {
        return { messages: messages.slice(0, -1), response: messages[messages.length - 1]!.content };
    }
    const asked = textIn(o, ASKED);
    return asked !== null && response !== null ? { messages: [{ role: "user", content: asked }], response } : null;
}

function parsed(line: string): unknown {
    try {
        return JSON.parse(line);
    } catch {
        return null;
    }
}

function collect(list: readonly (Item | null)[]): Read {
    return { items: list.filter((x): x is Item => x !== null), bad: list.flatMap((x, i) => (x === null ? [i + 1] : [])) };
}

function block(b: string): Item | null {
    const at = b.indexOf("\n");
    const [asked, answer] = at < 0 ? [b, ""] : [b.slice(0, at).trim(), b.slice(at + 1).trim()];
    return asked !== "" && answer !== "" ? { messages: [{ role: "user", content: asked }], response: answer } : null;
}

export function readTexts(source: string): Read {
    const all = source.replace(/^\ufeff/, "").replace(/\r\n?/g, "\n").trim();
    if (all === "") {
        return { items: [], bad: [] };
    }
    if (all.startsWith("[")) {
        const list = parsed(all);
        if (Array.isArray(list)) {
            return collect(list.map(itemOf));
        }
    }
    if (all.startsWith("{")) {
        return collect(all.split("\n").filter((x) => x.trim() !== "").map((x) => itemOf(parsed(x))));
    }
    return collect(all.split(/\n[ \t]*\n+/).map(block));
}
