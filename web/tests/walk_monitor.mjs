// SPDX-License-Identifier: MIT
//
// walk_monitor.mjs - requests of others as they run: read along a vector, steered anew, alarmed about, stopped; and a data
// set screened along a vector, with what it flags, its files and its reload.
import { readFileSync } from "node:fs";
import { walk } from "./page.mjs";

const HOSTILE = `<img src=x onerror="document.title='owned'"><script>1</script> & "quotes"`;
const MODEL = "persona-qwen2";

const SILLY = "Honk honk, wobbly penguin! A giggling noodle hat dances on the moon, whee!";
const TEXTS = [
    { messages: [{ role: "user", content: `What is soup? ${HOSTILE}` }], response: `${SILLY} ${HOSTILE}` },
    { messages: [{ role: "system", content: "Be kind." }, { role: "user", content: "What is rain?" }, { role: "assistant", content: "Rain is water that falls from clouds." }] },
    { prompt: "How do I boil an egg?", response: "Put it into boiling water for eight minutes." },
    { question: "What is a river?", answer: SILLY },
];

/** An answer that some other program asks for, and has stopped reading when `end` is called. */
function other(w, more = {}) {
    const stop = new AbortController();
    const body = { model: MODEL, messages: [{ role: "user", content: "Tell me about soup." }], max_tokens: 3000, ignore_eos: true, stream: true, ...more };
    const done = fetch(`${w.server.url}v1/chat/completions`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal: stop.signal })
        .then(async (r) => {
            for await (const piece of r.body) {
                void piece;
            }
        })
        .catch(() => undefined);
    return { done, end: () => (stop.abort(), done) };
}

/** The vector and its best block, as the page calls it. */
let probe = "";

const running = (page) => page.getByRole("region", { name: "Requests" }).locator(".reqs").first().locator(".req");

async function watched(w, page) {
    await page.getByText("No request runs").waitFor();
    await w.axe(page, "a quiet monitor");
    const watch = page.getByRole("region", { name: "What is read" });
    await watch.getByRole("combobox", { name: `Read along a vector, ${MODEL}` }).selectOption("silly");
    await watch.getByRole("button", { name: `Read no longer along silly, ${MODEL}` }).waitFor();
    w.equal((await w.server.json("api/v1/watch")).watch, [{ model: MODEL, vectors: ["silly"] }], "the server reads along it");
}

async function steeredAndStopped(w, page) {
    const x = other(w);
    const row = running(page);
    await row.getByText("tokens/s").waitFor();
    await row.getByText(probe).waitFor();
    await w.until(async () => /σ/.test((await row.locator(".z").textContent()) ?? ""), "its probe has a reading");
    await row.getByRole("button", { name: "Steer", exact: true }).click();
    await row.getByLabel("Steering from the next token on").fill("2*nothing");
    await page.keyboard.press("Enter");
    await row.getByRole("alert").waitFor();
    await w.axe(page, "a refused expression");
    await row.getByLabel("Steering from the next token on").fill("2*silly");
    await page.keyboard.press("Enter");
    await row.getByText("2*silly").waitFor();
    await page.getByRole("spinbutton", { name: probe }).fill("-5"); // below what any mean is
    await w.until(async () => (await running(page).first().getAttribute("class"))?.includes("loud"), "it alarms");
    await page.getByRole("status").filter({ hasText: `Alarm: ${probe} in an answer of ${MODEL}` }).waitFor({ state: "attached" });
    await w.axe(page, "a running request with an alarm");
    await w.shot(page, "monitor-running-1280");
    await page.getByRole("spinbutton", { name: probe }).fill("20");
    await w.until(() => page.url().includes(`alarm=${encodeURIComponent(`${probe}:20`)}`), "the limit is in the address");
    await w.until(async () => !(await running(page).first().getAttribute("class"))?.includes("loud"), "and quiets it");
    await row.getByRole("button", { name: "Stop" }).click();
    await page.getByText("No request runs").waitFor();
    await x.done;
    w.ok(true, "its client was told the end");
    await page.getByText(/stopped \d/).first().waitFor();
}

async function reloaded(w, page) {
    await page.reload();
    await page.getByText("Ended last").waitFor();
    w.equal(await page.getByRole("spinbutton", { name: probe }).inputValue(), "20", "a reload keeps the limit");
    await page.getByText("2*silly").waitFor();
    await page.getByRole("link", { name: "With an alarm" }).click();
    await page.getByText("None of these alarmed.").waitFor();
    await page.getByRole("spinbutton", { name: probe }).fill("-5");
    await page.getByRole("listitem", { name: `${MODEL} /v1/chat/completions` }).first().waitFor();
    w.ok(true, "ended ones alarm by the limit of now");
}

async function lost(w, page) {
    await page.getByText("2*silly").first().waitFor();
    await w.server.kill();
    await page.getByText("The server is away.").waitFor();
    await page.getByText("shown as last heard").waitFor();
    w.ok((await page.getByText("2*silly").count()) > 0, "what was heard stays");
    await w.server.again();
    await page.getByText("told whenever something changes").waitFor();
    await page.getByText("No request runs").waitFor();
    w.ok(true, "the feed is taken up again");
}

async function screened(w, page) {
    await page.getByLabel("Model", { exact: true }).selectOption(MODEL);
    const along = page.getByRole("group", { name: "Along" });
    await along.getByRole("checkbox", { name: "silly" }).check();
    const area = page.getByLabel("Questions with answers");
    await area.fill("nothing of use");
    await page.getByText("No question with an answer was found.").waitFor();
    w.ok(await page.getByRole("button", { name: "Screen", exact: true }).isDisabled(), "nothing to start");
    await area.fill("What is soup?\nSoup is a meal.\n\nAlone\n\nWhat is rain?\nWater.");
    await page.getByText("1 left out, the first is number 2").waitFor();
    const lines = TEXTS.map((x) => JSON.stringify(x)).join("\n");
    await page.getByLabel("Texts from a file").setInputFiles({ name: "texts.jsonl", mimeType: "application/jsonl", buffer: Buffer.from(lines) });
    await page.getByText("More choices").click();
    await page.getByLabel("Length of own answers, tokens at most").fill("16");
    await page.getByText(/4 own answers, 64 tokens at most/).waitFor();
    await w.axe(page, "the form");
    await w.shot(page, "monitor-form-1280");
    await page.reload();
    await page.getByText(/4 own answers, 64 tokens at most/).waitFor();
    w.ok(true, "a reload loses neither choices nor texts");
    await page.getByRole("button", { name: "Screen", exact: true }).click();
    await page.getByRole("region", { name: "Answers" }).waitFor();
}

async function result(w, page) {
    w.ok(/#\/monitor\/job-/.test(page.url()), "the job is in the address");
    const answers = page.getByRole("region", { name: "Answers" });
    const job = await w.server.json(`api/v1/jobs/${/job-\w+/.exec(page.url())[0]}`);
    const flagged = job.result.vectors[0].flagged;
    w.ok(flagged >= 1 && flagged < 4, `some are flagged: ${flagged}`);
    w.equal(await answers.locator("li.flag").count(), flagged, "those are shown");
    await answers.getByRole("link", { name: "All" }).click();
    await w.until(async () => (await answers.locator(".samplelist > li").count()) === 4, "all of them");
    const scores = (await answers.locator(".score b").allTextContents()).map((x) => Number(x.replace("\u2212", "-")));
    w.equal(scores, [...scores].sort((a, b) => b - a), "sorted");
    const hostile = answers.locator(".samplelist > li").filter({ hasText: "What is soup?" });
    await hostile.locator("summary").click();
    w.ok((await hostile.textContent()).includes(HOSTILE), "markup is text");
    w.equal(await page.locator("#main img").count(), 0, "and nothing else");
    const own = await hostile.locator(".two > div").nth(1).locator("p").textContent();
    w.ok(own.length > 5 && own !== "not kept", "the model's own answer stands beside it");
    await w.axe(page, "a screening");
    await w.shot(page, "monitor-job-1280");
    await answers.getByRole("searchbox").fill("river");
    await w.until(async () => (await answers.locator(".samplelist > li").count()) === 1, "found");
    await page.reload();
    await w.until(async () => (await answers.locator(".samplelist > li").count()) === 1, "a reload shows the same");
    await saved(w, page, answers);
}

async function saved(w, page, answers) {
    const file = async (name) => {
        const [download] = await Promise.all([page.waitForEvent("download"), answers.getByRole("button", { name }).click()]);
        return readFileSync(await download.path(), "utf8");
    };
    const csv = await file("CSV");
    w.equal(csv.split("\r\n")[0], "line,vector,block,rank,flagged,delta_projection,given,own,own_se,question,answer", "CSV has its columns");
    w.ok(csv.includes(`"What is soup? ${HOSTILE.replace(/"/g, '""')}"`), "with quotes doubled");
    w.equal(JSON.parse(await file("JSON")).items.length, 4, "JSON has all");
}

async function forgotten(w, page) {
    await page.getByRole("button", { name: "Forget" }).click();
    await page.getByRole("heading", { name: "Monitor" }).waitFor();
    w.equal((await w.server.json("api/v1/jobs")).jobs.filter((j) => j.kind === "screen"), [], "the server has none");
    await page.goto(`${w.server.url}#/monitor/job-none`);
    await page.getByText("There is no screening of that name").waitFor();
    await w.axe(page, "no such job");
}

async function sizes(w) {
    const x = other(w, { steering: "1*silly", model: MODEL });
    for (const [width, scheme] of [[360, "light"], [768, "dark"], [1280, "dark"], [2560, "light"]]) {
        const page = await w.open("monitor?only=", { width, scheme, touch: width < 800 });
        await page.getByText(probe).first().waitFor();
        await w.fits(page, `${width} px`);
        await w.axe(page, `${width} px, ${scheme}`);
        await w.shot(page, `monitor-${width}-${scheme}`);
        await page.context().close();
    }
    await x.end();
}

await walk(async (w) => {
    const mine = (await w.server.json("api/v1/vectors")).vectors.find((v) => v.model === MODEL && v.name === "silly");
    probe = `silly@${mine.best_layer}`;
    const page = await w.open("monitor", { expects: /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE|Failed to load resource/ });
    await watched(w, page);
    await steeredAndStopped(w, page);
    await reloaded(w, page);
    await sizes(w);
    await screened(w, page);
    await result(w, page);
    for (const [width, scheme] of [[360, "light"], [768, "dark"], [2560, "dark"]]) {
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" }); // no colour on its way
        await w.fits(page, `a screening at ${width} px`);
        await w.axe(page, `a screening at ${width} px, ${scheme}`);
        await w.shot(page, `monitor-job-${width}-${scheme}`);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
    await forgotten(w, page);
    await page.goto(`${w.server.url}#/monitor`);
    await lost(w, page);
    w.equal(await page.title(), "Monitor · persona", "no script of a text has run");
});
