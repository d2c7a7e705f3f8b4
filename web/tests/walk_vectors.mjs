// SPDX-License-Identifier: MIT
//
// walk_vectors.mjs - the library of vectors as one uses it: search, one in full against the server's own numbers, sums,
// cosines, a file out and in again, delete and Undo, files that are none, hostile text, states, widths.
import { readFileSync } from "node:fs";
import { walk } from "./page.mjs";

const HOSTILE = `<img src=x onerror=alert(1)>"'&lt;script>`;
const noMarkup = (page) => page.evaluate(() => document.querySelectorAll("img, script:not([src])").length);
const names = (page) => page.locator(".vt tbody th b").allInnerTexts();
const unit = (x) => x.toFixed(2).replace(/^(-?)0\./, "$1.").replace("-", "−");

async function library(w) {
    const page = await w.open("vectors", { expects: /40[0-9]/ });
    await page.locator(".vt tbody tr").first().waitFor();
    const all = (await w.server.json("api/v1/vectors")).vectors;
    w.equal((await names(page)).length, all.length, "every vector has a row");
    const carried = all.filter((v) => v.method === "transferred").map((v) => v.name);
    await page.getByRole("searchbox").fill(carried.length > 0 ? "carried" : "superficial");
    const wanted = carried.length > 0 ? carried : ["superficial"];
    await w.until(async () => (await names(page)).join() === wanted.join(), "the search knows names, and how one was made");
    await page.getByRole("searchbox").fill(HOSTILE);
    await page.getByText("No vector is like that").waitFor();
    await page.reload();
    await page.getByText("No vector is like that").waitFor();
    w.equal(await page.getByRole("searchbox").inputValue(), HOSTILE, "the address keeps what was sought");
    w.equal(await noMarkup(page), 0, "no markup of what was sought");
    await page.getByRole("button", { name: "Clear the search" }).click();
    await page.getByRole("combobox", { name: "Model" }).first().selectOption("persona-gpt-oss");
    await w.until(async () => (await names(page)).join() === "silly", "of one model");
    await page.getByRole("combobox", { name: "Model" }).first().selectOption("");
    return page;
}

async function detail(w, page) {
    await page.locator(".vt a", { hasText: "persona-qwen2" }).filter({ hasText: "silly" }).click();
    const of = page.getByRole("complementary");
    await of.getByRole("heading", { name: "silly for persona-qwen2" }).waitFor();
    const v = await w.server.json("api/v1/vectors/persona-qwen2/silly");
    await of.getByText(`One dose is ${v.dose.toFixed(2)} times the vector.`).waitFor();
    await of.getByText(`${v.kept.positive} and ${v.kept.negative} kept`).waitFor();
    w.equal(await of.locator(".dn").first().locator("rect").count(), v.layers.length, "a bar for each block");
    w.equal(await of.locator(".dn").first().locator("rect.best").count(), 1, "the chosen one is marked");
    await of.getByText("Numbers of every block").click();
    const row = await of.locator(".nums tr.best td").allInnerTexts();
    const best = v.layers.find((l) => l.layer === v.best_layer);
    w.equal(row[0], best.norm.toFixed(1), "its norm as the server has it");
    w.equal(row[2], unit(best.auroc), "and its AUROC");
    const lens = await w.server.json("api/v1/vectors/persona-qwen2/silly/explain?top=12");
    const promoted = lens.layers.find((l) => l.layer === v.best_layer).promoted[0].replace(/ /g, "␣");
    await of.getByRole("list", { name: "More likely" }).getByText(promoted, { exact: true }).waitFor();
    const steer = new URL(await of.getByRole("link", { name: "Steer with it" }).getAttribute("href"), w.server.url).hash;
    w.equal(new URLSearchParams(steer.split("?")[1]).get("steer"), "1*silly", "it leads to a steered answer");
    await w.axe(page, "one vector");
    await w.shot(page, "vectors-1280-light");
}

async function sums(w, page) {
    const maker = page.locator(".maker");
    await maker.getByLabel("Sum of vectors").fill("silly - 0.4*superficia");
    await maker.getByText("did you mean").waitFor();
    await maker.getByLabel("Sum of vectors").fill("-2*silly");
    await maker.getByText("silly −1.00").waitFor();
    await maker.getByLabel("Name of the new vector").fill(HOSTILE);
    await maker.getByRole("button", { name: "Make" }).click();
    await maker.getByRole("alert").getByText("cannot be the name").waitFor();
    w.equal(await noMarkup(page), 0, "no markup of a name");
    await maker.getByLabel("Name of the new vector").fill("serious");
    await maker.getByRole("button", { name: "Make" }).click();
    await page.getByRole("heading", { name: "serious for persona-qwen2" }).waitFor();
    const region = page.getByRole("region", { name: /agree, persona-qwen2/ });
    await region.getByRole("row", { name: /^serious/ }).getByText("−1.00").waitFor();
    await w.until(async () => (await region.locator("td.m5").count()) >= 2, "opposites have the strongest blue");
    await maker.getByLabel("Sum of vectors").fill("silly");
    await maker.getByLabel("Name of the new vector").fill("serious");
    await maker.getByRole("button", { name: "Make" }).click();
    await maker.getByText("There is a vector serious already.").waitFor();
    await maker.getByRole("button", { name: "Replace it" }).click();
    await page.getByText("Replaced serious").waitFor();
    await w.until(async () => (await w.server.json("api/v1/vectors/persona-qwen2/serious")).note === "silly", "it is another now");
    await page.getByRole("button", { name: "Undo" }).click();
    await w.until(async () => (await w.server.json("api/v1/vectors/persona-qwen2/serious")).note === "-2*silly", "and the old one again");
}

async function files(w, page) {
    await page.goto(`${w.server.url}#/vectors/persona-qwen2/silly`);
    await page.getByRole("heading", { name: "silly for persona-qwen2" }).waitFor();
    await page.locator(".detail .pop summary").click();
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: /^safetensors/ }).click()]);
    w.equal(file.suggestedFilename(), "silly.safetensors", "the file's name");
    const bytes = readFileSync(await file.path());
    const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString());
    w.ok(Object.values(header).some((t) => Array.isArray(t.shape) && t.shape.includes(192)), "its header tells directions of the model's width");

    await page.getByRole("button", { name: "Upload", exact: true }).click();
    const panel = page.locator(".uploader");
    const put = async (name, buffer) => {
        await panel.locator("input[type=file]").setInputFiles({ name, mimeType: "application/octet-stream", buffer });
        await panel.getByLabel("Model").selectOption("persona-qwen2");
    };
    await put("broken.gguf", Buffer.from("GGUF and nothing more"));
    await panel.getByRole("button", { name: "Upload it" }).click();
    await panel.getByRole("alert").waitFor();
    w.ok(/upload: .{10,}/.test(await panel.getByRole("alert").innerText()), "what is wrong with a file is said");
    await w.axe(page, "a refused file");
    await put(`${HOSTILE.replaceAll("/", "")}.safetensors`, bytes);
    w.equal(await noMarkup(page), 0, "no markup of a file's name");
    await panel.getByLabel("Name in the library").fill("again");
    await panel.getByRole("button", { name: "Upload it" }).click();
    await page.getByRole("heading", { name: "again for persona-qwen2" }).waitFor();
    const norms = async (name) => (await w.server.json(`api/v1/vectors/persona-qwen2/${name}`)).layers.map((l) => l.norm.toFixed(2));
    w.equal(await norms("again"), await norms("silly"), "the same directions came back");
}

async function deleting(w, page) {
    const there = async () => (await w.server.json("api/v1/vectors")).vectors.some((v) => v.name === "again");
    await page.locator(".detail").getByRole("button", { name: "Delete" }).click();
    await page.getByText("Deleted again").waitFor();
    w.ok(!(await there()), "it is gone");
    await page.getByRole("button", { name: "Undo" }).click();
    await w.until(there, "and back");
    await page.goto(`${w.server.url}#/vectors/persona-qwen2/again`);
    await page.locator(".detail").getByRole("button", { name: "Delete" }).click();
    await w.until(async () => !(await there()), "gone again");
    await page.reload();
    await page.locator("details.trash summary").click();
    await page.getByRole("button", { name: "Bring back again" }).click();
    await w.until(there, "brought back from the list");
}

async function states(w) {
    const lost = await w.open(`vectors/persona-qwen2/${encodeURIComponent(HOSTILE)}`);
    await lost.getByText("No vector <img").waitFor();
    w.equal(await noMarkup(lost), 0, "no markup of an address");
    await lost.context().close();
    for (const [width, scheme] of [[360, "light"], [768, "dark"], [1280, "dark"], [2560, "light"]]) {
        const page = await w.open("vectors/persona-qwen2/silly", { width, scheme, touch: width < 800 });
        await page.getByRole("list", { name: "More likely" }).waitFor();
        await page.locator(".heat.cos td.own").first().waitFor();
        await w.fits(page, `Vectors at ${width}`);
        await w.axe(page, `Vectors at ${width}, ${scheme}`);
        await w.shot(page, `vectors-${width}-${scheme}`);
        await page.context().close();
    }
}

await walk(async (w) => {
    const page = await library(w);
    await detail(w, page);
    await sums(w, page);
    await files(w, page);
    await deleting(w, page);
    await states(w);
});
