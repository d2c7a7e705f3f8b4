// SPDX-License-Identifier: MIT
//
// walk_shell.mjs - the document and its headers, the bar, the palette, the theme, a server that goes away and returns.
import { request } from "node:http";
import { walk } from "./page.mjs";

/** fetch() hides the coding; this does not. */
function head(url, headers = {}) {
    return new Promise((go, no) => {
        request(url, { headers }, (r) => {
            const pieces = [];
            r.on("data", (p) => pieces.push(p));
            r.on("end", () => go({ status: r.statusCode, headers: r.headers, bytes: Buffer.concat(pieces) }));
        })
            .on("error", no)
            .end();
    });
}

async function documents(w) {
    const plain = await head(w.server.url);
    w.equal(plain.status, 200, "the document");
    w.ok(plain.headers["content-security-policy"].startsWith("default-src 'self'"), "a policy");
    w.ok(!/unsafe/.test(plain.headers["content-security-policy"]), "without exceptions");
    w.ok(!/<script>|style=/.test(plain.bytes.toString()), "nothing inline");
    const tag = plain.headers.etag;
    w.equal((await head(w.server.url, { "If-None-Match": tag })).status, 304, "nothing new");
    let wire = 0;
    for (const [, name] of plain.bytes.toString().matchAll(/(?:src|href)="(assets\/[^"]+)"/g)) {
        const packed = await head(w.server.url + name, { "Accept-Encoding": "gzip" });
        w.equal(packed.headers["content-encoding"], "gzip", name);
        w.ok(/immutable/.test(packed.headers["cache-control"]), `${name} is kept`);
        const whole = await head(w.server.url + name);
        w.equal(whole.headers["content-encoding"], undefined, `${name} as plain bytes`);
        w.ok(whole.bytes.length >= packed.bytes.length / 2, `${name} has bytes`);
        wire += packed.bytes.length;
    }
    w.ok(wire < 150 * 1024, `the page is ${wire} bytes over the wire`);
    w.equal((await head(`${w.server.url}assets/..%2fetc`)).status, 404, "no way out of the folder");
    w.equal((await head(`${w.server.url}assets/none.js`)).status, 404, "no such asset");
}

async function palette(w, page) {
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Search and commands" }).fill("models");
    await page.keyboard.press("Enter");
    await w.until(() => page.url().includes("#/models"), "the palette leads to Models");
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await page.getByRole("heading", { name: "Keys" }).waitFor();
    await w.axe(page, "the page of keys");
}

/** All in one task of the page, so that nothing is drawn between the keys: a slow machine, at its slowest. */
async function hurried(w, page) {
    await page.goto(`${w.server.url}#/traits`);
    await page.getByRole("heading", { name: "Traits", exact: true }).waitFor();
    await page.evaluate(() => document.activeElement?.blur());
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Search and commands" }).fill("models");
    const came = await page.evaluate(async () => {
        const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        press("Enter");
        await null;
        const first = document.querySelector("h1").textContent;
        press("Escape");
        press("?");
        await null;
        return [first, document.querySelector("h1").textContent];
    });
    w.equal(came, ["Models and jobs", "Keys"], "each key finds what the one before it has led to");
}

async function theme(w, page) {
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    const button = page.getByRole("button", { name: /^Theme/ });
    await button.click();
    w.equal(await ground(), light, "light is what the system said");
    await button.click();
    w.ok((await ground()) !== light, "dark is dark");
    await page.reload();
    await page.locator("#main").waitFor();
    w.ok((await ground()) !== light, "and stays so");
    await page.getByRole("button", { name: /^Theme/ }).click();
}

async function away(w, page) {
    await w.server.kill();
    await page.evaluate(() => fetch("health").catch(() => 0));
    await page.getByText("The server is away.").waitFor({ timeout: 30_000 });
    await w.axe(page, "the page without a server");
    await w.server.again();
    await page.getByText("The server is away.").waitFor({ state: "detached" });
    w.ok(true, "it goes on");
}

await walk(async (w) => {
    await documents(w);
    const page = await w.open("", { expects: /ERR_CONNECTION_REFUSED|Failed to load resource/ });
    const first = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
    w.ok(first < 1000, `first paint after ${first} ms`);
    await palette(w, page);
    await hurried(w, page);
    await theme(w, page);
    await away(w, page);
});
