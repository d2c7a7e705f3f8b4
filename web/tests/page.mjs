// SPDX-License-Identifier: MIT
//
// page.mjs - what the walks share: a real server on a copy of the prepared data, Debian's Chromium, counting checks,
// axe, screenshots. A walk fails on anything the browser's console calls an error and on any uncaught exception.
//
//   PERSONA            the program
//   PERSONA_WEB_DATA   a data folder with vectors; each walk works on its own copy
//   PERSONA_SHOTS      a folder for screenshots; none without it
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const axeSource = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const { PERSONA, PERSONA_WEB_DATA, PERSONA_SHOTS } = process.env;
export const WAIT = Number(process.env.PERSONA_WEB_WAIT ?? 60_000);

/** A server of its own; `again()` starts one on the same port and data after `stop()` or `kill()`. */
export async function serve(data, ...options) {
    const start = (port) =>
        new Promise((go, no) => {
            const process_ = spawn(PERSONA, ["serve", "--port", String(port), ...options], {
                stdio: ["ignore", "ignore", "pipe"],
                env: { ...process.env, XDG_DATA_HOME: data },
            });
            const ended = new Promise((done) => process_.on("exit", done));
            let said = "";
            process_.stderr.on("data", (piece) => {
                said += piece;
                const found = /listening on http:\/\/.*:(\d+) /.exec(said);
                if (found) {
                    go({ process: process_, ended, port: Number(found[1]) });
                }
            });
            ended.then(() => no(new Error(`the server did not start: ${said}`)));
        });
    let now = await start(0);
    const { port } = now;
    return {
        url: `http://127.0.0.1:${port}/`,
        data,
        async json(path, options) {
            return (await fetch(`http://127.0.0.1:${port}/${path}`, options)).json();
        },
        async stop() {
            now.process.kill("SIGTERM");
            return now.ended;
        },
        async kill() {
            now.process.kill("SIGKILL");
            return now.ended;
        },
        async again() {
            now = await start(port);
        },
    };
}

class Walk {
    n = 0;
    errors = [];
    constructor(browser, server) {
        this.browser = browser;
        this.server = server;
    }
    ok(fact, what) {
        this.n++;
        assert.ok(fact, what);
    }
    equal(got, want, what) {
        this.n++;
        assert.deepEqual(got, want, what);
    }
    /** Waits until `fact` holds. */
    async until(fact, what, wait = WAIT) {
        const end = Date.now() + wait;
        while (Date.now() < end) {
            if (await fact()) {
                this.n++;
                return;
            }
            await new Promise((go) => setTimeout(go, 100));
        }
        assert.fail(`never: ${what}`);
    }
    /** A page at #/`hash`. `expects`: errors of the console that belong to this walk, such as a refused connection. */
    async open(hash = "", { width = 1280, height = 900, scheme = "light", expects = null, touch = false } = {}) {
        const context = await this.browser.newContext({ viewport: { width, height }, colorScheme: scheme, hasTouch: touch, acceptDownloads: true, permissions: ["clipboard-read", "clipboard-write"] });
        const page = await context.newPage();
        page.setDefaultTimeout(WAIT);
        page.on("pageerror", (e) => this.errors.push(`uncaught: ${e.stack ?? e.message}`));
        page.on("console", (m) => {
            if (m.type() === "error" && !(expects && expects.test(m.text()))) {
                this.errors.push(`console: ${m.text()} (${m.location().url})`);
            }
        });
        await page.goto(this.server.url + (hash ? `#/${hash}` : ""));
        await page.locator("#main").waitFor();
        return page;
    }
    /** WCAG 2.2 A and AA, as far as a program can tell. */
    async axe(page, what) {
        // what scrolls under a sticky bar is half a target only until one scrolls on
        const stick = (position) =>
            page.evaluate((p) => {
                for (const e of document.querySelectorAll(".bar, .ask")) {
                    if (p !== "" ? getComputedStyle(e).position === "sticky" : e.style.position !== "") {
                        e.style.position = p;
                    }
                }
            }, position);
        await stick("static");
        const held = await page.evaluate(`(() => { const m = { exports: {} }; ((module, exports) => { ${axeSource} })(m, m.exports); return (window.axe ?? m.exports).run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }); })()`);
        await stick("");
        this.n++;
        assert.deepEqual(
            held.violations.map((v) => `${v.id}: ${v.nodes.map((x) => x.html.slice(0, 160)).slice(0, 3).join(" | ")}`),
            [],
            `accessibility of ${what}`,
        );
    }
    /** No part of the page is wider than the window, once a chart had its turn to follow it. */
    async fits(page, what) {
        const wide = () =>
            page.evaluate(() => {
                const { scrollWidth, clientWidth } = document.documentElement;
                const out = [...document.querySelectorAll("#main *")].filter((e) => e.getBoundingClientRect().right > clientWidth + 1);
                const named = out.slice(-4).map((e) => `${e.tagName}.${e.getAttribute("class")} ${Math.round(e.getBoundingClientRect().right)}`);
                return scrollWidth > clientWidth ? `${scrollWidth - clientWidth} px too wide: ${named.join(", ")}` : "";
            });
        let over = "";
        for (let tries = 0; tries < 20 && (tries === 0 || over !== ""); tries++) {
            over = await wide();
            if (over !== "") {
                await new Promise((done) => setTimeout(done, 50));
            }
        }
        this.equal(over, "", `${what} fits`);
    }
    /** One state of a view at four widths, and for axe in dark and light. */
    async everywhere(page, name) {
        for (const width of [360, 768, 1280, 2560]) {
            await page.setViewportSize({ width, height: 900 });
            await this.fits(page, `${name} at ${width}`);
            await this.shot(page, `${name}-${width}`);
        }
        await page.setViewportSize({ width: 1280, height: 900 });
        for (const scheme of ["dark", "light"]) {
            await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
            await this.axe(page, `${name}, ${scheme}`);
            if (scheme === "dark") {
                await this.shot(page, `${name}-dark`);
            }
        }
    }
    async shot(page, name, full = true) {
        if (PERSONA_SHOTS) {
            mkdirSync(PERSONA_SHOTS, { recursive: true });
            await page.screenshot({ path: join(PERSONA_SHOTS, `${name}.png`), fullPage: full, animations: "disabled" });
        }
    }
}

/** Runs one walk. `options`: of the server. */
export async function walk(body, ...options) {
    const folder = mkdtempSync(join(tmpdir(), "persona-web-"));
    let server = null;
    let browser = null;
    try {
        cpSync(PERSONA_WEB_DATA, join(folder, "data"), { recursive: true });
        server = await serve(join(folder, "data"), ...options);
        const args = process.env.PERSONA_CHROMIUM_ARGS?.split(" ") ?? (process.getuid() === 0 ? ["--no-sandbox"] : []);
        browser = await chromium.launch({ executablePath: process.env.PERSONA_CHROMIUM ?? "/usr/bin/chromium", args });
        const w = new Walk(browser, server);
        await body(w);
        w.equal(w.errors, [], "errors in the browser");
        console.log(`${w.n} checks`);
    } catch (e) {
        console.error(e);
        process.exitCode = 1;
    } finally {
        await browser?.close();
        await server?.kill();
        rmSync(folder, { recursive: true, force: true });
    }
}
