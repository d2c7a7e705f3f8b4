// SPDX-License-Identifier: MIT
//
// walk_sweeps.mjs - a real sweep on the embedded pair: estimated, started, its points as they come, stopped and resumed; curves, failed
// points and answers against the program's own numbers; comparison, files, hostile text, states, widths.
import { readFileSync } from "node:fs";
import { walk } from "./page.mjs";

const HOSTILE = `<img src=x onerror=alert(1)>"'&lt;script>`;
const noMarkup = (page) => page.evaluate(() => document.querySelectorAll("img, script:not([src])").length);
const round = (x) => String(Math.round(x)).replace("-", "−").replace(/^−0$/, "0");

async function form(w) {
    const page = await w.open("sweeps");
    await page.locator("#main").getByText("None yet").waitFor();
    await w.axe(page, "an empty list of sweeps");
    await page.getByLabel("Model", { exact: true }).selectOption("persona-qwen2");
    await page.getByLabel("Vector", { exact: true }).selectOption("silly");
    await page.getByLabel("Least coefficient").fill("-2");
    await page.getByLabel("Greatest coefficient").fill("2");
    await page.getByLabel("Points").fill("5");
    await page.getByText("−2, −1, 0, 1, 2").waitFor();
    await page.getByText("More settings").click();
    await page.getByLabel("add, norm kept").check();
    await page.getByLabel("Questions, at most").fill("4");
    await page.getByLabel("Longest answer, tokens").fill("20");
    await page.reload();
    w.equal(await page.getByLabel("Points").inputValue(), "5", "a reload loses nothing");
    w.ok(await page.getByLabel("add, norm kept").isChecked(), "not even a tick");
    await page.locator(".estimate b").first().waitFor();
    w.ok(/\d+ answers/.test(await page.locator(".estimate").innerText()), "an estimate before it starts");
    await w.axe(page, "the whole form");
    await w.shot(page, "sweeps-form-1280-light");
    return page;
}

async function hostile(w) {
    const q = new URLSearchParams({ vector: HOSTILE, coefficients: HOSTILE, blocks: HOSTILE, trait: HOSTILE, operators: HOSTILE });
    const page = await w.open(`sweeps?${q}`, { expects: /400|404/ });
    await page.getByLabel("Questions of your own").fill(HOSTILE);
    await page.getByText("Numbers with commas between them").first().waitFor();
    await page.getByRole("textbox", { name: "Or a list" }).fill("-1, 0, 1");
    await page.getByRole("textbox", { name: "Blocks to compare" }).fill("");
    await page.locator(".badline, .banner").first().waitFor();
    w.equal(await noMarkup(page), 0, "no markup of an address");
    await page.goto(`${w.server.url}#/sweeps/${encodeURIComponent(HOSTILE)}`);
    await page.locator("main .empty, main .banner").first().waitFor();
    w.equal(await noMarkup(page), 0, "no markup of a job's name");
    await page.context().close();
}

/** A long one is watched, stopped, and resumed from where it was. */
async function live(w) {
    const long = {
        ask: [HOSTILE, "Why do cats purr?"],
        model: "persona-qwen2",
        vector: "silly",
        coefficients: [-2, -1, 0, 1, 2],
        answers: 24,
        max_tokens: 40,
    };
    const { id } = await w.server.json("api/v1/jobs/sweep", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(long) });
    const page = await w.open(`sweeps/${id}`);
    await page.locator(".stages li.now").waitFor();
    await page.getByText(/[1-9]\d* answers written, /).waitFor();
    await page.locator(".answerlist").getByText(HOSTILE).first().waitFor();
    w.equal(await noMarkup(page), 0, "a question of one's own is a text");
    await w.axe(page, "a running sweep");
    await w.shot(page, "sweeps-running-1280-light");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Resume" }).waitFor();
    await w.axe(page, "a stopped sweep");
    await page.getByRole("button", { name: "Resume" }).click();
    await page.locator("#draw-sweep circle.accent").nth(2).waitFor();
    w.ok(true, "points as they come");
    if (await page.getByRole("button", { name: "Cancel" }).isVisible()) {
        await page.getByRole("button", { name: "Cancel" }).click();
        await page.getByRole("button", { name: "Resume" }).waitFor();
    }
    await page.context().close();
}

async function result(w, page) {
    await page.getByRole("button", { name: "Start the sweep" }).click();
    await w.until(() => /#\/sweeps\/job-/.test(page.url()), "the job's own address");
    await page.getByRole("heading", { name: "Every point" }).waitFor();
    const job = await w.server.json(`api/v1/jobs/${/job-[0-9a-f]+/.exec(page.url())[0]}`);
    const r = job.result;
    const rows = page.locator("table.numbers tbody tr");
    w.equal(await rows.count(), r.points.length, "every point has its row");
    w.equal(await rows.nth(0).locator("td").nth(0).innerText(), round(r.points[0].score), "the score is the program's");
    const failed = r.points.filter((p) => p.condition === "steered" && p.operator === "add" && p.coherence < r.coherence_from).length;
    w.ok((await page.locator("#draw-sweep svg.dose circle.o").count()) >= failed, "failed points are hollow");
    w.equal(await page.getByText(/coherence [\d.]+, below/).count(), r.points.filter((p) => p.coherence < r.coherence_from).length, "and say why");
    w.equal(await page.locator("#draw-sweep .safe").count() > 0, r.curves[0].safe[0] !== null, "the safe range is shaded");
    await w.axe(page, "a sweep");
    await w.shot(page, "sweeps-1280-light");
    return job;
}

/** Without a judge there is nothing but distance; that is said, and nothing is called failed. */
async function unjudged(w) {
    const body = { model: "persona-qwen2", vector: "silly", judge: "none", coefficients: [-1, 0, 1], questions: 2, max_tokens: 12 };
    const { id } = await w.server.json("api/v1/jobs/sweep", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const page = await w.open(`sweeps/${id}`);
    await page.getByText("Nobody has scored these answers").waitFor();
    w.equal(await page.locator("#draw-sweep svg.plot").count(), 1, "distance alone");
    w.equal(await page.locator("circle.o").count(), 0, "no failed points");
    await page.context().close();
}

async function compare(w, page) {
    await page.getByLabel("Curve", { exact: true }).selectOption({ index: 1 });
    await w.until(async () => /norm kept/.test(await page.locator("#draw-sweep .accent-t").first().textContent()), "the other curve in colour");
    w.ok(page.url().includes("curve="), "and in the address");
}

async function reading(w, page, job) {
    await page.getByRole("button", { name: "+1 norm kept" }).click();
    await page.getByText(/of 4 answers/).waitFor();
    const { answers } = await w.server.json(`api/v1/jobs/${job.id}/answers?limit=1000`);
    const one = answers.find((a) => a.operator === "keepnorm" && a.coefficient === 1);
    await page.locator(".answerlist").getByText(one.response.trim().slice(0, 16)).first().waitFor();
    w.ok(true, "its answers");
    await page.reload();
    await page.getByText(/of 4 answers/).waitFor();
    await page.getByLabel("Search in the answers").fill(HOSTILE);
    await page.getByText("No answer is like that").waitFor();
    w.equal(await noMarkup(page), 0, "no markup of a search");
}

async function saved(page, name) {
    await page.getByText("Export", { exact: true }).click();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name }).click()]);
    return readFileSync(await download.path(), "utf8");
}

async function files(w, page, job) {
    w.equal(JSON.parse(await saved(page, /^JSON/)).points.length, job.result.points.length, "JSON is the program's");
    const table = await saved(page, /one line for each point/);
    w.equal(table.split("\r\n")[0], "condition,operator,phase,layer,coefficient,score,score_low,score_high,shift,shift_low,shift_high,coherence,kl,kl_p95,nll,repetition,tokens,n,n_unanswered,n_unjudged,text", "CSV as the program writes it");
    w.ok((await saved(page, /every answer with its scores/)).includes("keepnorm"), "answers as CSV");
    const svg = await saved(page, /^SVG/);
    w.ok(/<circle/.test(svg) && /Trait score/.test(svg) && !/var\(|light-dark|oklab/.test(svg), "the curves as SVG");
}

async function widths(w, job) {
    for (const [width, scheme] of [[360, "dark"], [768, "light"], [1280, "dark"], [2560, "light"]]) {
        const page = await w.open(`sweeps/${job.id}`, { width, scheme, touch: width < 800 });
        await page.locator(".answerlist li").first().waitFor();
        await w.fits(page, `a sweep at ${width}`);
        await w.axe(page, `a sweep at ${width}, ${scheme}`);
        await w.shot(page, `sweeps-${width}-${scheme}`);
        await page.goto(`${w.server.url}#/sweeps`);
        await page.locator(".vt th").first().waitFor();
        await w.fits(page, `the list at ${width}`);
        await page.context().close();
    }
}

await walk(async (w) => {
    const page = await form(w);
    await hostile(w);
    const job = await result(w, page);
    await unjudged(w);
    await compare(w, page);
    await reading(w, page, job);
    await files(w, page, job);
    await live(w);
    await widths(w, job);
});
