// SPDX-License-Identifier: MIT
//
// walk_traits.mjs - trait packs as one uses them: read, imported after a look, changed and put back, copied, exported
// and imported again, deleted and brought back; a model too small to write one says so; hostile text; widths.
import { readFileSync } from "node:fs";
import { walk } from "./page.mjs";

const HOSTILE = `<img src=x onerror=alert(1)>"'&lt;script>`;
const noMarkup = (page) => page.evaluate(() => document.querySelectorAll("img, script:not([src])").length);

/** custom_traits.json of the original project, with a hostile description. */
function foreign(silly) {
    const custom = {
        id: "romantic",
        prompt_pairs: silly.instructions.map((x) => ({ pos: x.positive, neg: x.negative })),
        evaluation_questions: [HOSTILE + "?", ...silly.questions.slice(1)],
        description: `How romantic an answer is, ${HOSTILE} from none of it to much.`,
        eval_prompt: silly.eval_prompt,
        metadata: { positive_trait: "romantic", negative_trait: "reserved" },
    };
    return Buffer.from(JSON.stringify({ A: custom }));
}

const one = (w, name) => w.server.json(`api/v1/traits/${name}`);

async function imported(w) {
    const page = await w.open("traits?new=import", { expects: /40[0-9]|422/ });
    await page.getByLabel("File with the traits").setInputFiles({ name: "bad.json", mimeType: "application/json", buffer: Buffer.from("{") });
    await page.getByText("bad.json is no JSON.").waitFor();
    await page.getByLabel("File with the traits").setInputFiles({ name: "custom_traits.json", mimeType: "application/json", buffer: foreign(await one(w, "silly")) });
    await page.getByRole("button", { name: "Look at it first" }).click();
    await page.locator(".note").getByText("5 pairs, 40 questions.").waitFor();
    w.ok((await one(w, "romantic")).error, "a look keeps nothing");
    await w.axe(page, "an import that is looked at");
    await page.locator("form, section").getByRole("button", { name: "Import", exact: true }).click();
    await page.getByRole("heading", { name: /^romantic/ }).waitFor();
    w.equal((await one(w, "romantic")).own, true, "it is the user's now");
    await page.getByText(`${HOSTILE}?`).waitFor();
    w.equal(await noMarkup(page), 0, "its text is text");
    return page;
}

/** The pack as a file has it, with another positive pole. */
async function pack(w, name, positive) {
    const p = await one(w, name);
    return { schema: "persona.trait/1", name, positive, negative: p.negative, description: p.description, instruction: p.instructions.map((x) => ({ pos: x.positive, neg: x.negative })), questions: p.questions, eval_prompt: p.eval_prompt, sampling: p.sampling };
}

async function changed(w, page) {
    await page.getByRole("link", { name: "Change" }).click();
    await page.getByLabel("With the trait").fill(HOSTILE);
    await page.getByLabel("Questions, one a line").fill("Only one?");
    await page.getByText("1 of 40").waitFor();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("alert").waitFor();
    await w.axe(page, "a pack that is refused");
    w.equal((await one(w, "romantic")).n_questions, 40, "a pack that is none is not written");
    await page.reload();
    await page.getByLabel("With the trait").waitFor();
    w.equal(await page.getByLabel("With the trait").inputValue(), HOSTILE, "a reload keeps what was written");
    await page.getByLabel("With the trait").fill("besotted");
    await page.getByLabel("Questions, one a line").fill((await one(w, "romantic")).questions.join("\n"));
    await w.server.json("api/v1/traits", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ pack: await pack(w, "romantic", "another tab's"), replace: true }) });
    await page.reload();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("It was changed elsewhere meanwhile").waitFor();
    w.equal((await one(w, "romantic")).positive, "another tab's", "a reload does not make an old draft a new one");
    await page.getByRole("button", { name: "Leave it" }).click();
    await page.getByRole("link", { name: "Change" }).click();
    await page.getByLabel("With the trait").fill("amorous");
    await page.getByRole("button", { name: "Save" }).click();
    await w.until(async () => (await one(w, "romantic")).positive === "amorous", "it is changed");
    await page.getByRole("button", { name: "Undo" }).click();
    await w.until(async () => (await one(w, "romantic")).positive === "another tab's", "and put back");
}

async function exported(w, page) {
    await page.goto(`${w.server.url}#/traits/silly`);
    await page.getByRole("heading", { name: /^silly/ }).waitFor();
    w.equal(await page.getByRole("button", { name: "Delete" }).count(), 0, "what is built in cannot be deleted");
    await page.getByRole("link", { name: "Make a copy" }).click();
    await page.getByLabel("Name", { exact: true }).fill("goofy");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { name: /^goofy/ }).waitFor();
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export" }).click()]);
    const bytes = readFileSync(await file.path());
    w.equal(JSON.parse(bytes.toString()).questions, (await one(w, "silly")).questions, "the file has the questions");
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByText("Deleted goofy").waitFor();
    w.ok((await one(w, "goofy")).error, "it is gone");
    await page.getByRole("button", { name: "Undo" }).click();
    await w.until(async () => (await one(w, "goofy")).own === true, "and back");
}

async function small(w, page) {
    await page.goto(`${w.server.url}#/traits?new=model`);
    await page.getByLabel("Name of the trait").fill("grumpy");
    await page.getByLabel("With the trait, an adjective").fill("grumpy");
    await page.getByLabel("Its opposite").fill("cheerful");
    await page.getByLabel("Rounds at most").fill("1");
    await page.getByRole("button", { name: "Write it" }).click();
    await page.getByText(/could not write this trait.*5 of 5 instruction pairs/).waitFor();
    await w.axe(page, "a model that cannot");
}

async function widths(w) {
    for (const [width, scheme] of [[360, "light"], [768, "dark"], [1280, "light"], [2560, "dark"]]) {
        const page = await w.open("traits/silly", { width, scheme, touch: width < 800 });
        await page.getByRole("heading", { name: "Rubric of the judge" }).waitFor();
        await w.fits(page, `Traits at ${width}`);
        await w.axe(page, `Traits at ${width}, ${scheme}`);
        await w.shot(page, `traits-${width}-${scheme}`);
        await page.context().close();
    }
}

await walk(async (w) => {
    const page = await imported(w);
    await changed(w, page);
    await exported(w, page);
    await small(w, page);
    await widths(w);
});
