// SPDX-License-Identifier: MIT
//
// walk_first.mjs - the first minute of who has nothing yet: each step is ticked by what has happened, stays ticked after a
// reload, and the line goes when it is closed.
import { walk } from "./page.mjs";

const steps = (page) => page.getByRole("region", { name: "The first minute" });
const ticked = (page) => steps(page).locator("li.done").count();

await walk(async (w) => {
    const page = await w.open("play?model=persona-qwen2&max=120&pace=15&steer=0.5*silly", { expects: /status of 404/ }); // stopping one that has just ended
    await steps(page).getByText("Choose a question below, or write one.").waitFor();
    await page.locator("#k-silly").waitFor();
    w.equal(await ticked(page), 0, "nothing is done yet");
    await w.axe(page, "the first minute");
    await w.shot(page, "first-1280", false);
    await steps(page).getByRole("button", { name: "Ask something" }).click();
    w.equal(await page.evaluate(() => document.activeElement.tagName), "TEXTAREA", "it leads to the field");
    await page.keyboard.type("How do I keep my houseplants alive?");
    await page.keyboard.press("Enter");
    await steps(page).getByText("The next token obeys").waitFor();
    await w.until(async () => (await page.locator(".ans .tk").count()) > 8, "it writes");
    await steps(page).getByRole("button", { name: "Move the slider" }).click();
    await page.keyboard.press("ArrowRight");
    await w.until(async () => (await ticked(page)) >= 3, "moving it in the middle of the answer counts, and so does the one beside it");
    await steps(page).getByText("Transfer takes the trait to the other model").waitFor();
    await page.getByRole("button", { name: "Stop", exact: true }).click();
    await page.getByRole("button", { name: "Ask", exact: true }).waitFor();
    for (const [width, scheme] of [[360, "dark"], [768, "light"], [2560, "dark"]]) {
        await page.setViewportSize({ width, height: 860 });
        await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
        await w.fits(page, `${width} px`);
        await w.axe(page, `the first minute at ${width} px`);
        await w.shot(page, `first-${width}-${scheme}`, false);
    }
    await page.reload();
    await w.until(async () => (await ticked(page)) === 3, "a reload keeps the ticks");
    w.ok((await steps(page).getByRole("link", { name: "Carry it over" }).getAttribute("href")).startsWith("#/transfer"), "the last one leads to Transfer");
    await steps(page).getByRole("button", { name: "Close the first minute" }).click();
    await steps(page).waitFor({ state: "detached" });
    await page.reload();
    await page.locator("#k-silly").waitFor();
    w.equal(await steps(page).count(), 0, "closed is closed");
});
