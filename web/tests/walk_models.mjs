// SPDX-License-Identifier: MIT
//
// walk_models.mjs - models are loaded and unloaded with what they take of the memory; one is downloaded from a hub on this
// machine and loaded; jobs are looked at, stopped, taken up again and forgotten.
import { spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { walk } from "./page.mjs";

const SOURCE = fileURLToPath(new URL("../../", import.meta.url));

const HOSTILE = "hf:<img src=x onerror=alert(1)>/it's:x.gguf";

const told = async (w) => Object.fromEntries((await w.server.json("api/v1/models")).models.map((m) => [m.id, m]));

async function load(w, page) {
    const row = page.getByRole("row").filter({ hasText: "persona-qwen2" }).first();
    await row.getByText("not loaded").waitFor();
    await row.getByRole("button", { name: "Load persona-qwen2" }).click();
    await page.getByText(/persona-qwen2 is loaded, after \d/).waitFor();
    await row.getByText(/ready for/).waitFor();
    const m = (await told(w))["persona-qwen2"];
    w.equal(m.state, "ready", "it is loaded");
    w.ok((await row.innerText()).includes(m.loaded.arch) && (await row.innerText()).includes(`${m.loaded.n_layer}`), "what it is");
    w.ok((await row.innerText()).includes("silly"), "its vectors");
    await page.getByText(/Memory for models: 6\.4 MB of/).waitFor();
    await w.everywhere(page, "models");
    await row.getByRole("button", { name: "Unload persona-qwen2" }).click();
    await row.getByText("not loaded").waitFor();
    w.equal((await told(w))["persona-qwen2"].state, "cold", "it is unloaded");
    await page.getByRole("button", { name: "Undo" }).click();
    await row.getByText(/ready for/).waitFor();
    w.equal((await told(w))["persona-qwen2"].state, "ready", "and back, by Undo");
    w.equal(await page.getByText("default", { exact: true }).count(), 1, "one is the default");
}

async function command(w, page) {
    await page.getByLabel("hf:OWNER/REPO:FILE, or").fill(HOSTILE);
    await page.getByRole("button", { name: "Copy" }).click();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    w.equal(copied, `persona models pull 'hf:<img src=x onerror=alert(1)>/it'\\''s:x.gguf'`, "one word for a shell");
    await page.getByRole("button", { name: "Download" }).click();
    await page.locator(".pull .badline").waitFor();
    await w.axe(page, "a source that was refused");
    w.equal(await page.locator("#main img").count(), 0, "and never markup");
}

async function download(w, page) {
    await page.getByLabel("hf:OWNER/REPO:FILE, or").fill("hf:maker/all:fetched.gguf");
    await page.getByRole("button", { name: "Download" }).click();
    const row = page.getByRole("row").filter({ hasText: /^fetched/ });
    await row.getByText("not loaded").waitFor();
    await page.getByRole("row").filter({ hasText: "Download hf:maker/all:fetched.gguf" }).getByText("done").waitFor();
    await row.getByRole("button", { name: "Load fetched" }).click();
    await row.getByText(/ready for/).waitFor();
    w.equal((await told(w))["fetched"].state, "ready", "what was downloaded is loaded");
    await page.getByRole("button", { name: "Forget: Download" }).click();
    await row.getByRole("button", { name: "Unload fetched" }).click();
    await row.getByText("not loaded").waitFor();
}

async function work(w, page) {
    const body = { model: "persona-qwen2", trait: "silly", max_tokens: 60, rollouts: 4, calibrate: false };
    const start = () => w.server.json("api/v1/jobs/extract", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const [first, second] = [await start(), await start()];
    const state = async (j) => (await w.server.json(`api/v1/jobs/${j.id}`)).state;
    await page.reload();
    const rows = page.locator("section[aria-labelledby=h-jobs] tbody tr");
    await rows.filter({ hasText: /%, extract silly/ }).waitFor();
    await w.until(async () => (await w.server.json(`api/v1/jobs/${first.id}`)).done > 0, "an answer is there");
    await rows.filter({ hasText: "waiting" }).getByRole("button", { name: /^Stop/ }).click();
    await w.until(async () => (await state(second)) === "canceled", "the one that waits is stopped");
    await rows.filter({ hasText: "%" }).getByRole("button", { name: /^Stop/ }).click();
    await w.until(async () => (await state(first)) === "canceled", "the one that runs is stopped");
    await rows.nth(1).getByRole("button", { name: /^Details/ }).click();
    await w.until(() => page.url().includes(`job=${first.id}`), "what is open stands in the address");
    await page.getByText(/answers?: rollout, persona-pair qwen2/).waitFor();
    await page.locator(".log time").first().waitFor();
    await page.getByText("What was asked").click();
    w.ok((await page.locator("pre.log").first().innerText()).includes('"rollouts": 4'), "what was asked, word by word");
    await w.everywhere(page, "models-job");
    await page.reload();
    await page.getByText(/answers?: rollout, persona-pair qwen2/).waitFor();
    await rows.nth(1).getByRole("button", { name: /^Go on/ }).click();
    await w.until(async () => ["queued", "running"].includes(await state(first)), "it goes on");
    await rows.filter({ hasText: "%" }).getByRole("button", { name: /^Stop/ }).click();
    await w.until(async () => (await state(first)) === "canceled", "stopped again");
    for (const j of [second, first]) {
        await rows.first().getByRole("button", { name: /^Forget/ }).click();
        await w.until(async () => !(await w.server.json("api/v1/jobs")).jobs.some((x) => x.id === j.id), "forgotten");
        await w.until(async () => !(await page.content()).includes(j.id), "also here");
    }
    await w.until(() => !page.url().includes("job="), "and its details");
    await page.goto(`${w.server.url}#/models?job=job-0`);
    await page.getByText("There is no such job").waitFor();
}

/** tests/cli/fake_hub.py, with a model in it. */
async function hub() {
    const folder = mkdtempSync(join(tmpdir(), "persona-hub-"));
    copyFileSync(join(SOURCE, "models/persona-qwen2.gguf"), join(folder, "fetched.gguf"));
    const process_ = spawn("python3", ["-B", join(SOURCE, "tests/cli/fake_hub.py"), folder], { stdio: ["pipe", "pipe", "inherit"] });
    const port = await new Promise((go) => process_.stdout.once("data", (d) => go(String(d).split(/\s/)[0])));
    for (const name of ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"]) {
        delete process.env[name];
    }
    process.env.HF_ENDPOINT = `http://127.0.0.1:${port}/`;
    return () => {
        process_.stdin.end();
        rmSync(folder, { recursive: true, force: true });
    };
}

const close = await hub();
await walk(async (w) => {
    const page = await w.open("models", { expects: /40[04] \((Not Found|Bad Request)\)/ });
    await load(w, page);
    await command(w, page);
    await download(w, page);
    await work(w, page);
});
close();
