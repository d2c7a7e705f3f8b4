// SPDX-License-Identifier: MIT
// Ollama's own client against the server: it lists models and chats.
"use strict";
const { Ollama } = require("ollama");
const { check, equal, until, run } = require("./server.cjs");

const QWEN = "persona-qwen2", OSS = "persona-gpt-oss";
const messages = [{ role: "user", content: "What do you think of soup?" }];
const options = { temperature: 0, num_predict: 20 };

async function models(client) {
    const { models: all } = await client.list();
    const names = all.map((m) => m.name.replace(":latest", ""));
    check(names.includes(QWEN) && names.includes(OSS), `models: ${names}`);
    for (const m of all) {
        check(m.size > 0 && !Number.isNaN(Date.parse(m.modified_at)) && typeof m.details === "object", `${m.name}`);
    }
    equal(typeof (await client.show({ model: QWEN })).details.family, "string", "one model");
    check(Array.isArray((await client.ps()).models), "what is loaded");
}

async function chat(client) {
    const r = await client.chat({ model: QWEN, messages, options });
    equal([r.model.replace(":latest", ""), r.message.role, r.done], [QWEN, "assistant", true], "a reply");
    check(r.message.content && r.eval_count > 0 && r.prompt_eval_count > 0, "with its counts");
    let text = "", last = null;
    for await (const piece of await client.chat({ model: QWEN, messages, options, stream: true })) {
        text += piece.message.content;
        last = piece;
    }
    equal([text, last.done], [r.message.content, true], "as a stream");
    const steered = await client.chat({ model: QWEN, messages, options: { ...options, steer: "3*raw:silly" } });
    check(steered.message.content !== r.message.content, "steered");
    const form = { type: "object", properties: { n: { type: "integer" } }, required: ["n"], additionalProperties: false };
    check(/^\s*\{/.test((await client.chat({ model: QWEN, messages, options, format: form })).message.content), "a format");
    const g = await client.generate({ model: QWEN, prompt: "What do you think of soup?", options });
    check(g.response && g.done, "generate");
    const e = await client.chat({ model: "nobody", messages }).then(() => null, (e) => e);
    equal([e.status_code, typeof e.error], [404, "string"], "an unknown model");
}

async function abort(client, server) {
    const stream = await client.chat({ model: QWEN, messages, options: { temperature: 0, num_predict: 3000 }, stream: true });
    let n = 0, aborted = false;
    try {
        for await (const piece of stream) {
            if (piece && ++n === 3) {
                stream.abort();
            }
        }
    } catch (e) {
        aborted = e.name === "AbortError";
    }
    check(aborted, "aborted");
    await until(async () => (await server.json("/api/v1/requests")).requests.length === 0, "its decoding ends");
}

run((server) => new Ollama({ host: server.url }), [models, chat, abort]);
