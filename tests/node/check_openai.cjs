// SPDX-License-Identifier: MIT
// OpenAI's own client against the server: what it sends is understood, what it reads is there.
"use strict";
const OpenAI = require("openai");
const { check, equal, refused, until, run } = require("./server.cjs");

const QWEN = "persona-qwen2", OSS = "persona-gpt-oss";
const messages = [{ role: "user", content: "What do you think of soup?" }];
const ask = { model: QWEN, messages, temperature: 0, max_tokens: 24 };
const content = (r, i = 0) => r.choices[i].message.content;

async function models(client) {
    const ids = [];
    for await (const m of client.models.list()) {
        ids.push(m.id);
        equal([m.object, typeof m.created, typeof m.owned_by], ["model", "number", "string"], "a model");
    }
    check(ids.includes(QWEN) && ids.includes(OSS), `models: ${ids}`);
    equal((await client.models.retrieve(QWEN)).id, QWEN, "one model");
    const e = await refused(client.models.retrieve("nobody"), OpenAI.NotFoundError, 404, "no such model");
    equal([e.code, e.param, e.type], ["model_not_found", "model", "not_found_error"], "the error's members");
}

async function chat(client) {
    const r = await client.chat.completions.create({
        ...ask, messages: [{ role: "developer", content: "Be brief." }, { role: "user", content: [{ type: "text", text: "Hello" }] }],
        top_p: 0.9, presence_penalty: 0.1, frequency_penalty: 0.1, logit_bias: { 5: -100 }, user: "u", store: false,
        metadata: { a: "b" }, max_completion_tokens: 8, max_tokens: undefined,
    });
    equal([r.object, r.model, r.choices.length, r.choices[0].message.role], ["chat.completion", QWEN, 1, "assistant"], "a reply");
    check(["stop", "length"].includes(r.choices[0].finish_reason), "why it ended");
    equal(r.usage.total_tokens, r.usage.prompt_tokens + r.usage.completion_tokens, "the sum");
    equal(typeof r.usage.prompt_tokens_details.cached_tokens, "number", "what was reused");
    check(r.usage.completion_tokens > 0 && r.usage.completion_tokens <= 8, "as many as were asked for");
    const many = await client.chat.completions.create({ ...ask, n: 3, temperature: 1, seed: 5 });
    equal(many.choices.map((c) => c.index), [0, 1, 2], "three choices");
    const again = await client.chat.completions.create({ ...ask, n: 3, temperature: 1, seed: 5 });
    equal(again.choices.map((c) => c.message.content), many.choices.map((c) => c.message.content), "the same seed");
    const full = content(await client.chat.completions.create(ask));
    const stop = full.slice(8, 12);
    const cut = await client.chat.completions.create({ ...ask, stop });
    equal([content(cut), cut.choices[0].finish_reason], [full.slice(0, full.indexOf(stop)), "stop"], "stop");
    const thought = await client.chat.completions.create({ ...ask, model: OSS, max_tokens: 80, reasoning_effort: "low" });
    check(thought.choices[0].message.reasoning_content, "reasoning");
    check(thought.usage.completion_tokens_details.reasoning_tokens > 0, "and how much of it");
    equal((await client.chat.completions.create(ask).withResponse()).response.headers.get("content-type"), "application/json", "its type");
}

async function streaming(client) {
    const whole = await client.chat.completions.create(ask);
    let text = "", usage = null, roles = 0, reason = null;
    for await (const piece of await client.chat.completions.create({ ...ask, stream: true, stream_options: { include_usage: true } })) {
        equal(piece.object, "chat.completion.chunk", "a piece");
        for (const c of piece.choices) {
            text += c.delta.content ?? "";
            roles += c.delta.role === "assistant";
            reason = c.finish_reason ?? reason;
        }
        usage = piece.usage ?? usage;
    }
    equal([text, roles, reason], [content(whole), 1, whole.choices[0].finish_reason], "the stream");
    equal(usage.total_tokens, whole.usage.total_tokens, "its usage");
    const helper = client.chat.completions.stream({ ...ask, n: 2, logprobs: true, top_logprobs: 2, stream_options: { include_usage: true } });
    let soFar = "";
    helper.on("content", (delta, snapshot) => { soFar = snapshot; });
    const final = await helper.finalChatCompletion();
    equal(content(final), content(whole), "the helper puts it together");
    equal([final.choices.length, content(final, 1)], [2, content(whole)], "two choices");
    equal(soFar, content(whole), "pieces of text");
    equal(final.choices[0].logprobs.content.map((t) => t.token).join(""), content(whole), "log-probabilities in pieces");
    equal(final.usage.completion_tokens, 2 * whole.usage.completion_tokens, "usage of both");
    equal(await client.chat.completions.stream({ ...ask, model: OSS, max_tokens: 60 }).finalContent() !== null, true, "a reasoning model");
}

// A client that lets go ends the decoding.
async function abort(client, server) {
    const long = { ...ask, max_tokens: 3000, ignore_eos: true };
    const idle = async () => (await server.json("/api/v1/requests")).requests.length === 0;
    const stream = await client.chat.completions.create({ ...long, stream: true });
    let n = 0;
    for await (const piece of stream) {
        if (piece.choices.length && ++n === 5) {
            stream.controller.abort();
        }
    }
    await until(idle, "a stream that was let go ends");
    for await (const piece of await client.chat.completions.create({ ...long, stream: true })) {
        if (piece.choices.length) {
            break;
        }
    }
    await until(idle, "a loop that was left ends it");
    const control = new AbortController();
    const waiting = client.chat.completions.create(long, { signal: control.signal });
    setTimeout(() => control.abort(), 200);
    const e = await waiting.then(() => null, (e) => e);
    check(e instanceof OpenAI.APIUserAbortError, `aborted: ${e}`);
    await until(idle, "an answer that nobody waits for ends");
    const late = await client.chat.completions.create(long, { timeout: 200, maxRetries: 0 }).then(() => null, (e) => e);
    check(late instanceof OpenAI.APIConnectionTimeoutError, `timeout: ${late}`);
    await until(idle, "and after a timeout");
}

async function logprobs(client) {
    const c = (await client.chat.completions.create({ ...ask, logprobs: true, top_logprobs: 4 })).choices[0];
    equal(c.logprobs.content.map((t) => t.token).join(""), c.message.content, "tokens make up the text");
    for (const t of c.logprobs.content) {
        check(t.logprob <= 0 && t.top_logprobs.length === 4, "of each token");
        equal(Buffer.from(t.bytes).toString(), t.token, "its bytes");
        equal(t.top_logprobs[0].token, t.token, "greedy");
    }
}

async function errors(client, server) {
    const bad = async (more, type, status, param) => {
        const e = await refused(client.chat.completions.create({ ...ask, ...more }), type, status, JSON.stringify(more));
        equal(e.param, param, `${e}`);
        check(e.message.length > 5 && e.requestID !== undefined, `${e}`);
    };
    await bad({ messages: [] }, OpenAI.BadRequestError, 400, "messages");
    await bad({ temperature: -1 }, OpenAI.BadRequestError, 400, "temperature");
    await bad({ tools: [{ type: "function", function: { name: "f" } }] }, OpenAI.BadRequestError, 400, "tools");
    await bad({ model: "nobody" }, OpenAI.NotFoundError, 404, "model");
    await bad({ max_tokens: 4, nonsense: 1 }, OpenAI.BadRequestError, 400, "nonsense");
    const stream = { ...ask, stream: true, steering: "2*nothing" };
    await refused(client.chat.completions.create(stream), OpenAI.NotFoundError, 404, "a stream that never begins");
    const long = [{ role: "user", content: "soup ".repeat(9000) }];
    const e = await refused(client.chat.completions.create({ ...ask, messages: long }), OpenAI.BadRequestError, 400, "too long");
    equal(e.code, "context_length_exceeded", "its code");
    await refused(client.embeddings.create({ model: QWEN, input: "x" }), OpenAI.NotFoundError, 404, "no such route");
    await refused(client.get("/chat/completions"), OpenAI.APIError, 405, "the wrong method");
    const elsewhere = new OpenAI({ baseURL: "http://127.0.0.1:1/v1", apiKey: "x", maxRetries: 0 });
    check(await elsewhere.models.list().then(() => false, (e) => e instanceof OpenAI.APIConnectionError), "nobody there");
    equal((await server.json("/health")).status, "ok", "it is well");
}

async function shaped(client) {
    const schema = { type: "object", properties: { mood: { enum: ["good", "bad"] }, n: { type: "integer" } },
                     required: ["mood", "n"], additionalProperties: false };
    const format = { type: "json_schema", json_schema: { name: "m", strict: true, schema } };
    const c = (await client.chat.completions.create({ ...ask, response_format: format })).choices[0];
    if (c.finish_reason === "stop") {
        const x = JSON.parse(c.message.content);
        check(["good", "bad"].includes(x.mood) && Number.isInteger(x.n), "as the schema says");
    }
    check(/^\s*\{/.test(c.message.content), "an object");
    const parsed = await client.chat.completions.parse({ ...ask, response_format: { type: "json_schema", json_schema: {
        name: "w", strict: true, schema: { type: "string", enum: ["yes", "no"] } } } });
    check(["\"yes\"", "\"no\""].includes(content(parsed).trim()), `a word: ${content(parsed)}`);
    const any = await client.chat.completions.create({ ...ask, response_format: { type: "json_object" } });
    check(/^\s*\{/.test(content(any)), "JSON mode");
    schema.properties.n.multipleOf = 3;
    const e = await refused(client.chat.completions.create({ ...ask, response_format: format }), OpenAI.BadRequestError, 400, "a keyword");
    equal(e.param, "response_format.json_schema.schema.properties.n.multipleOf", "its path");
}

async function responses(client) {
    const wish = { model: OSS, input: "What do you think of soup?", temperature: 0, max_output_tokens: 120 };
    const r = await client.responses.create(wish);
    equal([r.object, r.output.map((x) => x.type)], ["response", ["reasoning", "message"]], "a response");
    equal(r.output_text, r.output[1].content[0].text, "the client's own sum");
    equal(r.usage.total_tokens, r.usage.input_tokens + r.usage.output_tokens, "usage");
    const kinds = new Set();
    const helper = client.responses.stream({ ...wish, instructions: "Be brief." });
    helper.on("event", (e) => kinds.add(e.type));
    const final = await helper.finalResponse();
    for (const kind of ["response.created", "response.reasoning_text.delta", "response.output_text.delta", "response.output_text.done"]) {
        check(kinds.has(kind), `${kind} of ${[...kinds]}`);
    }
    equal(final.output.map((x) => x.type), ["reasoning", "message"], "the helper's output");
    check(final.output.every((x) => x.content[0].text), "both with text");
    const plain = await client.responses.stream({ ...wish, model: QWEN, max_output_tokens: 16 }).finalResponse();
    equal(plain.output.map((x) => x.type), ["message"], "without reasoning");
    const talk = await client.responses.create({ ...wish, model: QWEN, max_output_tokens: 16, input: [
        { role: "user", content: "Hello" }, ...r.output, { role: "user", content: [{ type: "input_text", text: "And tea?" }] }] });
    check(talk.output_text, "a conversation");
    const form = { type: "json_schema", name: "w", strict: true, schema: { type: "string", enum: ["yes", "no"] } };
    check(/"(yes|no)"/.test((await client.responses.create({ ...wish, text: { format: form } })).output_text), "a schema");
    const e = await refused(client.responses.create({ ...wish, previous_response_id: "resp-1" }), OpenAI.BadRequestError, 400, "nothing is stored");
    equal(e.param, "previous_response_id", "its name");
    await refused(client.responses.retrieve("resp-1"), OpenAI.NotFoundError, 404, "nothing is stored");
}

async function completions(client) {
    const wish = { model: QWEN, prompt: "The soup is", temperature: 0, max_tokens: 6, logprobs: 2 };
    const r = await client.completions.create(wish);
    equal([r.object, r.choices[0].logprobs.tokens.join("")], ["text_completion", r.choices[0].text], "a completion");
    let text = "";
    for await (const piece of await client.completions.create({ ...wish, logprobs: undefined, stream: true })) {
        text += piece.choices[0].text;
    }
    equal(text, r.choices[0].text, "as a stream");
    const two = await client.completions.create({ ...wish, prompt: ["One", "Two"], n: 2 });
    equal(two.choices.map((c) => c.index), [0, 1, 2, 3], "two of two");
}

async function steering(client, server) {
    const plain = await client.chat.completions.create({ ...ask, steering: null });
    const steered = await client.chat.completions.create({ ...ask, steering: "3*raw:silly", probes: ["silly"] });
    equal([plain.steering, steered.steering.expression], [null, "3*raw:silly"], "receipts");
    check(content(plain) !== content(steered), "another answer");
    equal(steered.choices[0].probes[0].per_token.length, steered.usage.completion_tokens, "a reading for each token");
    let readings = 0, patched = null, last = null, n = 0;
    const long = { ...ask, max_tokens: 300, ignore_eos: true, probes: ["silly"], stream: true };
    for await (const piece of await client.chat.completions.create(long)) {
        readings += piece.choices.filter((c) => c.probes).length > 0;
        if (++n === 10) {
            patched = await server.json(`/api/v1/requests/${piece.id}/steering`, { method: "PATCH",
                headers: { "Content-Type": "application/json" }, body: JSON.stringify({ steering: "-2*raw:silly" }) });
        }
        last = piece.steering !== undefined ? piece : last;
    }
    check(readings >= 300, "readings as they come");
    equal([patched.steering.expression, last.steering.expression], ["-2*raw:silly", "-2*raw:silly"], "moved under way");
    equal(last.steering_changes[0].n_tokens, patched.n_tokens, "and when");
    check(patched.n_tokens < 300, "in the middle");
}

run((server) => new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 }),
    [models, chat, streaming, abort, logprobs, errors, shaped, responses, completions, steering], "--fixed-shape", "--slots", "4");
