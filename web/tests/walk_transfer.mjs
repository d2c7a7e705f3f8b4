// SPDX-License-Identifier: MIT
//
// walk_transfer.mjs - a real small transfer between the embedded pair: estimated, started, stopped and resumed in the page, followed to its
// verdict; the page against the program's own numbers; answers, exports, hostile text, states, widths.
import { readFileSync } from "node:fs";
import { WAIT, walk } from "./page.mjs";

const HOSTILE = `<img src=x onerror=alert(1)>"'&lt;script>`;
const SMALL = { questions: 3, max_tokens: 16, extract_tokens: 16, text_tokens: 16, neutral: 8, random: 3, draws: 2, draw_questions: 2, settle_questions: 3, candidates: 1 };
const FIELDS = {
    questions: "Questions, at most",
    max_tokens: "Longest answer, tokens",
    extract_tokens: "Longest rollout, tokens",
    text_tokens: "Longest text, tokens",
    neutral: "Neutral texts",
    random: "Random directions",
    draws: "Shuffled maps",
    draw_questions: "Questions of each draw",
    settle_questions: "Questions that choose a block",
    candidates: "Pairs of blocks",
};

const noMarkup = (page) => page.evaluate(() => document.querySelectorAll("img, script:not([src])").length);

async function empty(w) {
    const page = await w.open("transfer");
    await page.locator("#main").getByText("None yet").waitFor();
    await w.axe(page, "an empty list of transfers");
    await w.fits(page, "the form");
    await w.shot(page, "transfer-form-1280-light");
    return page;
}

/** Every field takes a hostile text as text; what the server refuses stands at its field. */
async function hostile(w) {
    const q = new URLSearchParams({ trait: HOSTILE, coefficients: HOSTILE, judge: HOSTILE, vector: HOSTILE });
    const page = await w.open(`transfer?${q}`, { expects: /400|404/ });
    await page.getByText("Numbers with commas between them").waitFor();
    await page.getByRole("textbox", { name: "Coefficients" }).fill("-1, 0, 1");
    await page.locator(".badline, .banner").first().waitFor();
    w.equal(await noMarkup(page), 0, "no markup of an address");
    w.ok((await page.getByLabel("Trait", { exact: true }).inputValue()) === HOSTILE, "the trait of the address is a text");
    await page.goto(`${w.server.url}#/transfer/${encodeURIComponent(HOSTILE)}`);
    await page.locator("main .empty, main .banner").first().waitFor();
    w.equal(await noMarkup(page), 0, "no markup of a job's name");
    await w.axe(page, "a job that is not there");
    await page.context().close();
}

async function fill(w, page) {
    await page.getByLabel("Source", { exact: true }).selectOption("persona-qwen2");
    await page.getByLabel("Target", { exact: true }).selectOption("persona-gpt-oss");
    await page.getByLabel("Trait", { exact: true }).selectOption("silly");
    await page.getByLabel("Vector of the source").selectOption("silly");
    await page.getByText("More settings").click();
    for (const [name, label] of Object.entries(FIELDS)) {
        await page.getByRole("spinbutton", { name: label, exact: true }).fill(String(SMALL[name]));
    }
    await page.getByRole("textbox", { name: "Coefficients" }).fill("-1, 0, 1");
    await page.getByRole("switch", { name: "All controls" }).uncheck();
    await page.reload();
    w.equal(await page.getByRole("spinbutton", { name: "Neutral texts", exact: true }).inputValue(), "8", "a reload loses nothing");
    await page.locator(".estimate b").first().waitFor();
    w.ok(/\d+ answers/.test(await page.locator(".estimate").innerText()), "an estimate before it starts");
    await w.axe(page, "the whole form");
}

async function follow(w, page) {
    await page.getByRole("button", { name: "Start the transfer" }).click();
    await w.until(() => /#\/transfer\/job-/.test(page.url()), "the job's own address");
    const id = /job-[0-9a-f]+/.exec(page.url())[0];
    await page.locator(".stages li.now").waitFor();
    await page.locator(".facts").waitFor();
    await w.axe(page, "a running transfer");
    await w.shot(page, "transfer-running-1280-light");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByRole("button", { name: "Cancel" }).waitFor();
    await page.reload();
    await page.locator("main .verdict").waitFor({ timeout: 180_000 });
    const job = await w.server.json(`api/v1/jobs/${id}`);
    w.equal(job.state, "done", "the server agrees");
    return job;
}

async function verdict(w, page, job) {
    const r = job.result;
    w.equal((await page.locator("main .verdict").innerText()).trim(), r.verdict, "the program's verdict");
    w.ok((await page.locator(".verdictbox").innerText()).includes(r.reason), "and its reason");
    const row = page.getByRole("row", { name: /^transferred/ }).first();
    const words = String(Math.round(r.swing.transferred.value)).replace("-", "−").replace(/^−0$/, "0");
    w.equal(await row.locator(".sw").innerText(), words, "the swing of the table");
    w.ok((await row.locator("circle").count()) === 1 && (await row.locator(".wh").count()) === 1, "a dot and its whisker");
    w.equal(await page.getByRole("row", { name: /^random 3 draws/ }).locator("circle.o").count(), 3, "each random direction");
    w.ok((await page.locator("#draw-conditions .band").count()) > 3, "the band behind all");
    const unmet = await page.locator(".tests .unmet").count();
    w.ok(r.verdict === "PASS" ? unmet <= 1 : unmet > 0, "tests that are not met are named");
    w.ok((await page.locator("#draw-dose circle").count()) >= 9, "points of the curves");
}

async function reading(w, page, job) {
    const answers = (await w.server.json(`api/v1/jobs/${job.id}/answers?limit=1000`)).answers;
    const one = answers.find((a) => a.condition === "transferred" && a.coefficient === -1);
    await page.getByRole("radio", { name: "−1", exact: true }).check({ force: true });
    await page.locator(".samples .hero").getByText(one.response.trim().slice(0, 12)).waitFor();
    w.ok(page.url().includes("c=-1"), "the coefficient lies in the address");
    await page.getByText("Every answer", { exact: true }).click();
    await page.getByText(new RegExp(`of ${answers.length} answers`)).waitFor();
    await page.getByLabel("Search in the answers").fill(HOSTILE);
    await page.getByText("No answer is like that").waitFor();
    w.equal(await noMarkup(page), 0, "no markup of a search");
    await page.getByLabel("Search in the answers").fill("");
    await page.getByLabel("Condition").last().selectOption("transferred");
    const some = new RegExp(`of ${answers.filter((a) => a.condition === "transferred").length} answers`);
    await page.getByText(some).waitFor();
    w.ok(true, "narrowed to a condition");
    await page.reload();
    await page.getByText(some).waitFor();
    w.ok(true, "also after a reload");
}

async function saved(page, name) {
    await page.getByText("Export", { exact: true }).click();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name }).click()]);
    return readFileSync(await download.path(), "utf8");
}

async function files(w, page, job) {
    const json = JSON.parse(await saved(page, /^JSON/));
    w.equal(json.verdict, job.result.verdict, "JSON is the program's");
    const table = await saved(page, /one line for each condition/);
    w.equal(table.trim().split("\r\n").length, job.result.rows.length + 1, "CSV has every row");
    w.ok((await saved(page, /every answer with its scores/)).startsWith("condition,coefficient"), "answers as CSV");
    const svg = await saved(page, /^SVG: Against/);
    const blank = await w.browser.newPage(); // the page's own policy has no parser of markup
    const parsed = await blank.evaluate((s) => {
        const d = new DOMParser().parseFromString(s, "image/svg+xml");
        return { bad: d.querySelectorAll("parsererror").length, texts: [...d.querySelectorAll("text")].map((t) => t.textContent), circles: d.querySelectorAll("circle").length };
    }, svg);
    await blank.setContent(svg.replace(/^<[?].*?[?]>/, ""));
    await w.shot(blank, "transfer-svg");
    await blank.close();
    w.equal(parsed.bad, 0, "an SVG that parses");
    w.ok(parsed.texts.includes("transferred") && parsed.circles > 5, "with its words and dots");
    w.ok(!/light-dark|color-mix|oklab|var\(/.test(svg), "in plain colours");
    await page.getByText("Commands that repeat this run").click();
    await page.getByRole("button", { name: "Copy: On this server" }).click();
    w.ok((await page.evaluate(() => navigator.clipboard.readText())).includes(`"trait":"silly"`), "the command was copied");
    const there = await page.getByRole("link", { name: "Try it in the playground" }).getAttribute("href");
    w.ok(decodeURIComponent(there).includes("steer=1*silly"), "a way to the playground");
}

/** Carried over and not measured: no verdict, no numbers that nobody has. */
async function unmeasured(w) {
    const body = { ...SMALL, from: "persona-qwen2", to: "persona-gpt-oss", trait: "silly", vector: "silly", evaluate: false };
    const { id } = await w.server.json("api/v1/jobs/transfer", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const page = await w.open(`transfer/${id}`);
    await page.getByText("carried over and not measured").waitFor();
    w.equal(await page.locator("main .verdict, .whisk, .tests").count(), 0, "nothing is claimed");
    await w.axe(page, "a transfer that was not measured");
    await page.context().close();
}

async function widths(w, job) {
    for (const [width, scheme] of [[360, "dark"], [768, "light"], [1280, "dark"], [2560, "light"]]) {
        const page = await w.open(`transfer/${job.id}`, { width, scheme, touch: width < 800 });
        await page.locator(".samples blockquote").first().waitFor();
        await w.fits(page, `a transfer at ${width}`);
        await w.axe(page, `a transfer at ${width}, ${scheme}`);
        await w.shot(page, `transfer-${width}-${scheme}`);
        await page.goto(`${w.server.url}#/transfer`);
        await page.locator(".vt .verdict").waitFor();
        await w.fits(page, `the list at ${width}`);
        await page.context().close();
    }
}

await walk(async (w) => {
    const page = await empty(w);
    await hostile(w);
    await fill(w, page);
    const job = await follow(w, page);
    await page.locator(".samples blockquote").first().waitFor({ timeout: WAIT });
    await verdict(w, page, job);
    await w.axe(page, "a verdict");
    await w.shot(page, "transfer-1280-light");
    await reading(w, page, job);
    await files(w, page, job);
    await unmeasured(w);
    await widths(w, job);
});
