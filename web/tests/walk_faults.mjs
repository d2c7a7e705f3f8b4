// SPDX-License-Identifier: MIT
//
// walk_faults.mjs - what goes wrong around the page: two tabs on one conversation and one recipe, a stream that is cut, a
// server that is killed in the middle of an answer and of a job and comes back. Nothing that was written is lost, and the
// page says what is.
import { createServer, connect } from "node:net";
import { walk } from "./page.mjs";

const question = (page) => page.getByRole("textbox", { name: "Question" });
const answer = (page) => page.locator(".ans").first().locator(".text");
const idle = (page) => page.getByRole("button", { name: "Ask", exact: true }).waitFor();
const said = async (page) => ((await answer(page).textContent()) ?? "").trim();

async function start(page, words) {
    await question(page).fill(words);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: words, exact: true }).waitFor();
}
async function ask(page, words) {
    await start(page, words);
    await idle(page);
}
const talkOf = (page) => /c=(talk-\w+)/.exec(page.url())?.[1];
const stored = async (w, id) => (await w.server.json(`api/v1/conversations/${id}`)).conversation;

async function sameConversation(w) {
    const late = { expects: /status of 409/ }; // what the server says to the later of two
    const one = await w.open("play?model=persona-qwen2&max=16&cmp=none", late);
    await ask(one, "What is soup?");
    await w.until(() => talkOf(one), "it is kept");
    const id = talkOf(one);
    const two = await w.open(`play?model=persona-qwen2&max=16&cmp=none&c=${id}`, late);
    await two.getByRole("heading", { name: "What is soup?" }).waitFor();
    await ask(one, "What is rain?");
    await ask(two, "What is a river?");
    await w.until(async () => (await stored(w, id)).turns.length === 3, "turns of both tabs are kept");
    await ask(one, "What is the sea?");
    await w.until(async () => (await stored(w, id)).turns.length === 4, "also those after");
    const { turns } = await stored(w, id);
    const of = (q) => turns.findIndex((t) => t.question === q);
    w.equal([turns[of("What is rain?")].parent, turns[of("What is a river?")].parent, turns[of("What is the sea?")].parent], [of("What is soup?"), of("What is soup?"), of("What is rain?")], "each hangs where it was asked");
    await two.reload();
    await two.locator("#main").waitFor();
    await w.until(async () => (await stored(w, id)).turns.length === 4, "a reload changes nothing");
    await two.context().close();
    return one;
}

async function sameRecipe(w, one) {
    const two = await w.open("play?model=persona-qwen2");
    const keep = async (page, expression) => {
        await page.getByRole("textbox", { name: "Expression" }).fill(expression);
        await page.getByRole("button", { name: "Keep", exact: true }).click();
        await page.getByRole("textbox", { name: "Name of a recipe" }).fill("both");
        await page.getByRole("button", { name: "Keep", exact: true }).click();
        await page.getByText("Kept as both").waitFor();
    };
    const now = async () => (await w.server.json("api/v1/recipes")).recipes.find((r) => r.name === "both")?.expression;
    await one.locator("#k-silly").waitFor();
    await two.locator("#k-silly").waitFor();
    await keep(one, "0.7*silly");
    w.equal(await now(), "0.7*silly", "kept in one tab");
    await keep(two, "-0.7*silly");
    w.equal(await now(), "-0.7*silly", "the last one counts");
    await two.context().close();
    await one.reload();
    await one.getByRole("combobox", { name: "Recipe" }).selectOption("both");
    w.equal(await one.getByRole("textbox", { name: "Expression" }).inputValue(), "-0.7*silly", "and is what the other tab reads");
}

/** A wire between page and server that can be cut. */
function wire(to) {
    const target = new URL(to);
    const ends = new Set();
    const server = createServer((near) => {
        const far = connect(Number(target.port), target.hostname);
        for (const [a, b] of [[near, far], [far, near]]) {
            ends.add(a);
            a.on("error", () => b.destroy());
            a.on("close", () => (ends.delete(a), b.destroy()));
            a.pipe(b);
        }
    });
    return new Promise((go) => {
        server.listen(0, "127.0.0.1", () => go({ url: `http://127.0.0.1:${server.address().port}/`, cut: () => ends.forEach((s) => s.destroy()), close: () => (ends.forEach((s) => s.destroy()), server.close()) }));
    });
}

async function lostStream(w) {
    const between = await wire(w.server.url);
    const real = w.server;
    w.server = { ...real, url: between.url };
    const page = await w.open("play?model=persona-qwen2&max=400&pace=20&cmp=none", { expects: /ERR_|Failed to load resource/ });
    w.server = real;
    await page.locator("#k-silly").waitFor();
    await start(page, "Tell me a long story about soup.");
    await w.until(async () => (await said(page)).length > 30, "it writes");
    between.cut();
    await page.getByText("The connection was lost; what was written stays").first().waitFor();
    const left = await said(page);
    w.ok(left.length > 30, "what was written stays");
    await w.axe(page, "an answer that was cut off");
    await idle(page);
    await w.until(async () => (await real.json("api/v1/requests")).requests.length === 0, "the server has stopped, too");
    await page.getByRole("button", { name: "New conversation" }).click();
    await page.evaluate(() => (location.hash = location.hash.replace("max=400", "max=16").replace("&pace=20", "")));
    await ask(page, "What is rain?");
    w.ok((await said(page)).length > 3, "and the next answer comes");
    await page.context().close();
    between.close();
}

async function restart(w) {
    const page = await w.open("play?model=persona-qwen2&max=400&pace=20&cmp=none", { expects: /ERR_|Failed to load resource/ });
    await page.locator("#k-silly").waitFor();
    await start(page, "Tell me a long story about rain.");
    await w.until(async () => (await said(page)).length > 30, "it writes");
    await w.server.kill();
    await page.getByText("The connection was lost; what was written stays").first().waitFor();
    await page.getByText("The server is away.").waitFor();
    const left = await said(page);
    w.ok(left.length > 30, "what was written stays");
    await w.server.again();
    await page.getByText("The server is away.").waitFor({ state: "detached" });
    w.equal(await said(page), left, "and is not written over");
    await idle(page);
    await page.evaluate(() => (location.hash = location.hash.replace("max=400", "max=16").replace("&pace=20", "")));
    await ask(page, "What is a river?");
    await w.until(() => talkOf(page), "the conversation is kept now");
    const talk = await stored(w, talkOf(page));
    w.equal(talk.turns.map((t) => t.question), ["Tell me a long story about rain.", "What is a river?"], "with both turns");
    w.equal(talk.turns[0].answer.trim(), left, "and what there was of the first");
    await page.context().close();
}

async function job(w) {
    const items = Array.from({ length: 60 }, (_, i) => ({ messages: [{ role: "user", content: `What is number ${i}?` }], response: `It is ${i}.` }));
    const made = await w.server.json("api/v1/jobs/screen", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ model: "persona-qwen2", vectors: ["silly"], items, max_tokens: 40 }) });
    const page = await w.open(`monitor/${made.id}`, { expects: /ERR_|Failed to load resource/ });
    await w.until(async () => (await w.server.json(`api/v1/jobs/${made.id}`)).done > 2, "it works");
    await w.server.kill();
    await page.getByText("The server is away.").waitFor();
    await page.getByRole("heading", { name: /Screen/ }).waitFor();
    await w.server.again();
    await page.getByText("The server is away.").waitFor({ state: "detached" });
    await page.getByRole("region", { name: "Answers" }).waitFor();
    const after = await w.server.json(`api/v1/jobs/${made.id}`);
    w.equal([after.state, after.resumed], ["done", true], "the job went on where it was, and the page with it");
    await page.context().close();
}

await walk(async (w) => {
    const one = await sameConversation(w);
    await sameRecipe(w, one);
    await one.context().close();
    await lostStream(w);
    await restart(w);
    await job(w);
});
