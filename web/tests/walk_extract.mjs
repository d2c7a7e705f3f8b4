// SPDX-License-Identifier: MIT
//
// walk_extract.mjs - a vector is extracted from the page: the estimate, a start, its stages to the end, what came of
// it; a second one is stopped and goes on; a third one lives through a reload of the page and a kill of the server;
// refusals and failures are told in words.
import { walk } from "./page.mjs";

const HOSTILE = "<img src=x onerror=alert(1)>";
const QUERY = "model=persona-qwen2&trait=silly&questions=4&max_tokens=40";
const idOf = (page) => /#\/extract\/(job-[0-9a-f]+)/.exec(page.url())?.[1];
const stateOf = async (w, id) => (await w.server.json(`api/v1/jobs/${id}`)).state;

async function refused(w, page) {
    await page.getByLabel("Questions", { exact: true }).fill("0");
    await page.getByText("questions: 0 is not within 1 and 100000").waitFor();
    w.ok(await page.getByLabel("Questions", { exact: true }).evaluate((e) => e.getAttribute("aria-invalid") === "true"), "the field says that it is wrong");
    await page.goto(`${w.server.url}#/extract?trait=${encodeURIComponent(HOSTILE)}&model=${encodeURIComponent(HOSTILE)}`);
    await page.getByRole("alert").getByText(HOSTILE, { exact: false }).waitFor();
    w.equal(await page.getByLabel("Trait", { exact: true }).evaluate((e) => e.value), HOSTILE, "a name is text, also in a list");
    w.equal(await page.locator("#main img").count(), 0, "and never markup");
}

async function whole(w, page) {
    await page.goto(`${w.server.url}#/extract?${QUERY}&seed=5`);
    await page.getByText(/^About/).waitFor();
    w.ok(/44 answers of at most 40 tokens, at \d[\d,]* tok\/s/.test(await page.locator(".estimate").innerText()), "what it takes");
    await w.everywhere(page, "extract-form");
    await page.getByRole("button", { name: /^Start/ }).click();
    await w.until(() => idOf(page), "the address is the job's");
    await page.locator(".stages .now, .stages .done").first().waitFor();
    await page.locator(".feed li").first().waitFor();
    await w.axe(page, "an extraction that runs");
    await w.shot(page, "extract-running");
    await page.getByRole("heading", { name: "Tokens it promotes" }).waitFor();
    w.equal(await page.locator(".stages .done").count(), 4, "all stages are done");
    const job = await w.server.json(`api/v1/jobs/${idOf(page)}`);
    w.ok((await page.locator(".perblock .accent-t").innerHTML()).startsWith(`block ${job.result.best_layer},`), "the chosen block");
    w.ok(await page.getByText(`${job.result.kept.positive} of ${job.result.generated.positive}`).first().isVisible(), "kept answers, as the server counts them");
    await w.until(async () => (await page.locator(".words-list li").count()) === 20, "tokens on both sides");
    await page.locator(".lines canvas").waitFor();
    const over = await page.evaluate(() => {
        document.querySelector(".lines .uplot").style.width = "3000px"; // as after a change of the window's width
        return document.documentElement.scrollWidth - document.documentElement.clientWidth;
    });
    w.equal(over, 0, "a chart never widens the page");
    const vectors = (await w.server.json("api/v1/vectors")).vectors;
    w.ok(vectors.some((v) => v.model === "persona-qwen2" && v.name === "silly"), "the vector is in the library");
    await page.getByText("Dropped", { exact: true }).click();
    await w.until(() => page.url().includes("show=dropped"), "the filter stands in the address");
    await page.getByText("All", { exact: true }).click();
    await w.everywhere(page, "extract-done");
    const steer = await page.getByRole("link", { name: "Steer with it" }).first().getAttribute("href");
    w.equal(steer, "#/play?model=persona-qwen2&steer=1*silly", "on to the playground");
    return idOf(page);
}

async function begin(w, page, seed, questions) {
    await page.goto(`${w.server.url}#/extract?model=persona-qwen2&trait=silly&questions=${questions}&max_tokens=40&seed=${seed}&calibrate=no`);
    const button = page.getByRole("button", { name: /^Start/ });
    await w.until(() => button.isEnabled(), "one can start");
    await button.click();
    await w.until(() => idOf(page), "the address is the job's");
    const id = idOf(page);
    await w.until(async () => (await w.server.json(`api/v1/jobs/${id}`)).done > 0, "it writes");
    return id;
}

async function stopped(w, page) {
    const id = await begin(w, page, 11, 20);
    await page.locator(".feed").hover();
    const chip = page.getByRole("button", { name: /^\d+ new$/ });
    await chip.waitFor();
    await chip.click();
    w.ok(true, "what is new waits for the reader");
    await page.getByRole("button", { name: "Stop" }).click();
    await w.until(async () => (await stateOf(w, id)) === "canceled", "it stops");
    await page.getByText(/Stopped \d/).waitFor();
    await w.axe(page, "an extraction that was stopped");
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByText(/Done \d/).waitFor();
    w.equal(await stateOf(w, id), "done", "and went on");
    await page.getByText("Log", { exact: true }).click();
    const log = await page.locator(".log").innerText();
    w.ok(/asked for[\s\S]*started[\s\S]*canceled[\s\S]*asked to go on[\s\S]*done/.test(log), `its log: ${log}`);
}

async function overAKill(w, page) {
    const id = await begin(w, page, 12, 20);
    await page.reload();
    await page.locator(".stages").waitFor();
    w.equal(idOf(page), id, "a reload shows the same");
    await w.server.kill();
    await page.getByText("The server is away.").waitFor();
    await w.shot(page, "extract-away", false);
    await w.server.again();
    await page.getByText("The server is away.").waitFor({ state: "detached" });
    await page.getByText(/Done \d/).waitFor();
    const job = await w.server.json(`api/v1/jobs/${id}`);
    w.equal([job.state, job.resumed], ["done", true], "it went on after the restart");
    await page.getByText("Log", { exact: true }).click();
    await page.getByText("goes on after a restart of the server").waitFor();
}

async function failed(w, page) {
    await page.goto(`${w.server.url}#/extract?model=persona-gpt-oss&trait=silly&questions=2&max_tokens=8&seed=3`);
    await page.getByRole("button", { name: /^Start/ }).click();
    await page.getByText(/show the contrast/).first().waitFor();
    w.ok(!/\bnan\b/.test(await page.getByRole("alert").innerText()), "in words, without what was not measured");
    await w.axe(page, "an extraction that failed");
    await w.shot(page, "extract-failed");
    await page.getByRole("link", { name: "Change and start anew" }).click();
    w.equal(await page.getByLabel("Longest answer, tokens").inputValue(), "8", "the form has what was asked");
    await page.getByRole("link", { name: "silly" }).first().waitFor();
    await page.goto(`${w.server.url}#/extract/job-0`);
    await page.getByText("There is no such job").waitFor();
}

await walk(async (w) => {
    const page = await w.open("extract", { expects: /ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|Failed to load resource/ });
    await refused(w, page);
    const first = await whole(w, page);
    await stopped(w, page);
    await overAKill(w, page);
    await failed(w, page);
    await page.goto(`${w.server.url}#/extract/${first}`);
    await page.getByRole("heading", { name: "Tokens it promotes" }).waitFor();
    await page.getByRole("button", { name: "Forget" }).click();
    await w.until(async () => !(await w.server.json("api/v1/jobs")).jobs.some((j) => j.id === first), "forgotten");
});
