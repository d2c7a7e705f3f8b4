// SPDX-License-Identifier: MIT
//
// walk_hostile.mjs - a server that lies: between the page and a real server stands one that hands the page's own files on
// as they are and bends every other reply: markup and scripts for texts, numbers that are none, members that lack, empty
// lists, wrong types, failures, replies and streams that break off. In every view nothing of it becomes markup, nothing is
// thrown that nobody catches, nothing is wider than the window, and something is said in words.
import { createServer, request } from "node:http";
import { walk } from "./page.mjs";

const LONG = "Donaudampfschiffahrtsgesellschaftskapitän".repeat(12);
const STRINGS = [
    "<img src=x onerror=\"window.owned=1\">",
    "</script><script>window.owned=1</script>",
    "javascript:window.owned=1",
    "\"><svg onload=window.owned=1>",
    "\u202Eesrever\u2066 \u200B\u0000\uFEFF",
    LONG,
    "'; DROP TABLE vectors; --",
    "{{constructor.constructor('window.owned=1')()}}",
    "data:text/html,<script>window.owned=1</script>",
    "",
    "../../../etc/passwd",
    "%00%2e%2e%2f?#&=",
    "__proto__",
];
const NUMBERS = [1e308, -1e308, 0, -1, 5e-324, 9007199254740993, 0.1, 4294967296, -0.0001];
/** Words of a closed list: bent only where everything is. */
const WORDS = new Set(["state", "kind", "type", "object", "schema", "role", "finish", "finish_reason", "stage", "condition", "operator", "phase", "unit", "limit_by", "polarity"]);
const NAMES = new Set(["id", "model", "name", "trait", "vector", "shelf", "command", "question_id"]);

/** Small and repeatable: the same reply is bent the same way in each run. */
function chance(seed) {
    let x = 2166136261;
    for (const c of seed) {
        x = Math.imul(x ^ c.codePointAt(0), 16777619);
    }
    return () => {
        x = Math.imul(x ^ (x >>> 15), 2246822519) + 0x9e3779b9;
        return ((x ^ (x >>> 13)) >>> 0) / 4294967296;
    };
}
const one = (list, next) => list[Math.floor(next() * list.length)];

/** Every value of a reply, with the name of its member. */
function bent(value, change, name = "") {
    const v = change(value, name);
    if (Array.isArray(v)) {
        return v.map((x) => bent(x, change, name));
    }
    if (v !== null && typeof v === "object") {
        return Object.fromEntries(Object.entries(v).flatMap(([k, x]) => {
            const y = bent(x, change, k);
            return y === undefined ? [] : [[k, y]];
        }));
    }
    return v;
}

const MOODS = {
    texts: (next) => (v, name) => (typeof v === "string" && !WORDS.has(name) && !NAMES.has(name) ? one(STRINGS, next) : v),
    names: (next) => (v, name) => (typeof v === "string" && !WORDS.has(name) ? one(STRINGS, next) : v),
    numbers: (next) => (v) => (typeof v === "number" ? one(NUMBERS, next) : v),
    nothing: () => (v) => (Array.isArray(v) ? [] : v),
    nulls: (next) => (v, name) => (v !== null && typeof v !== "object" && !NAMES.has(name) && next() < 0.4 ? null : v),
    missing: (next) => (v, name) => (name !== "" && next() < 0.25 ? undefined : v),
    wrong: (next) => (v) => (next() < 0.2 ? one([null, 7, "NaN", true, [], {}, [[null]], { length: 3 }], next) : v),
};
const FAILURES = [
    [500, "text/html", "<h1>Internal <script>window.owned=1</script></h1>"],
    [500, "application/json", JSON.stringify({ error: { message: `<img src=x onerror="window.owned=1"> ${LONG}`, param: "__proto__", code: null } })],
    [503, "application/json", "{"],
    [404, "application/json", JSON.stringify({ error: { message: "javascript:window.owned=1", param: null, code: null } })],
    [200, "application/json", "null"],
    [200, "application/json", "<!doctype html>"],
];

/** The server between. `mood`: how it lies now. */
function liar(to) {
    const target = new URL(to);
    const self = { mood: null, open: 0, quiet: Date.now(), round: 0 };
    const began = () => self.open++;
    const ended = () => {
        self.open--;
        self.quiet = Date.now();
    };
    const isFile = (path) => path === "/" || path.startsWith("/assets/") || path.startsWith("/?");
    const server = createServer((q, r) => {
        const events = /events$/.test(q.url);
        if (!events) {
            began();
            r.on("close", ended);
        }
        const next = chance(`${self.mood} ${q.method} ${q.url.replace(/(job|talk|chatcmpl)-\w+/g, "$1")}`);
        const lies = self.mood !== null && !isFile(q.url) && q.url !== "/health";
        if (lies && self.mood === "failures") {
            const [status, type, body] = one(FAILURES, next);
            q.resume();
            r.writeHead(status, { "Content-Type": type }).end(body);
            return;
        }
        const headers = { ...q.headers, host: target.host };
        delete headers.origin;
        delete headers.referer;
        if (lies) {
            delete headers["accept-encoding"];
        }
        const up = request({ host: target.hostname, port: target.port, method: q.method, path: q.url, headers }, (a) => {
            const sent = { ...a.headers };
            if (!lies) {
                r.writeHead(a.statusCode, sent);
                a.pipe(r);
                return;
            }
            delete sent["content-length"];
            delete sent["transfer-encoding"];
            if (String(a.headers["content-type"]).startsWith("text/event-stream")) {
                r.writeHead(a.statusCode, sent);
                stream(a, r, next);
            } else {
                whole(a, r, sent, next);
            }
        });
        up.on("error", () => r.destroy());
        r.on("close", () => up.destroy());
        q.pipe(up);
    });
    const bend = (text, next) => {
        const json = JSON.parse(text);
        return MOODS[self.mood] ? JSON.stringify(bent(json, MOODS[self.mood](next))) : text;
    };
    function whole(a, r, headers, next) {
        const pieces = [];
        a.on("data", (p) => pieces.push(p));
        a.on("end", () => {
            const text = Buffer.concat(pieces).toString();
            if (self.mood === "cut") { // the connection breaks in the middle
                r.writeHead(a.statusCode, { ...headers, "Content-Length": text.length + 10 });
                r.write(text.slice(0, text.length / 2), () => r.destroy());
                return;
            }
            r.writeHead(a.statusCode, headers);
            try {
                r.end(bend(text, next));
            } catch {
                r.end(text);
            }
        });
    }
    function stream(a, r, next) {
        let rest = "";
        let n = 0;
        a.on("data", (p) => {
            rest += p;
            const lines = rest.split("\n");
            rest = lines.pop();
            for (const line of lines) {
                if (self.mood === "cut" && line.startsWith("data: {") && ++n > 3) {
                    r.write(line.slice(0, line.length / 2), () => r.destroy());
                    return;
                }
                r.write(line.startsWith("data: {") && MOODS[self.mood] ? `data: ${bend(line.slice(6), next)}\n` : `${line}\n`);
            }
        });
        a.on("end", () => r.end(rest));
    }
    return new Promise((go) => {
        server.listen(0, "127.0.0.1", () => go({ self, url: `http://127.0.0.1:${server.address().port}/`, close: () => (server.closeAllConnections(), server.close()) }));
    });
}

/** Work of each kind, so that there is something to lie about. */
async function prepare(w) {
    const post = (path, body) => w.server.json(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const jobs = {
        extract: await post("api/v1/jobs/extract", { model: "persona-qwen2", trait: "superficial", questions: 3, rollouts: 2, max_tokens: 12, calibrate: false }),
        sweeps: await post("api/v1/jobs/sweep", { model: "persona-qwen2", vector: "silly", coefficients: [-1, 0, 1], questions: 2, answers: 1, max_tokens: 12 }),
        monitor: await post("api/v1/jobs/screen", { model: "persona-qwen2", vectors: ["silly"], max_tokens: 12, items: [{ messages: [{ role: "user", content: "What is soup?" }], response: "Honk honk" }, { messages: [{ role: "user", content: "What is rain?" }], response: "Water." }] }),
    };
    const talk = await post("api/v1/conversations", { title: "x", conversation: { schema: "persona.chat/1", model: "persona-qwen2", system: "", at: 0, turns: [{ parent: -1, question: "What is soup?", answer: "A meal.", steering: "silly", seed: 7 }] } });
    await post("v1/chat/completions", { model: "persona-qwen2", messages: [{ role: "user", content: "hi" }], max_tokens: 12, steering: "silly", probes: ["silly"] });
    await w.until(async () => (await w.server.json("api/v1/jobs")).jobs.every((j) => j.state !== "queued" && j.state !== "running"), "the work is done");
    for (const j of Object.values(jobs)) {
        w.ok(j.id, `a job began: ${JSON.stringify(j)}`);
    }
    return [
        "play?model=persona-qwen2&steer=silly&max=12",
        `play?c=${talk.id}`,
        "extract",
        `extract/${jobs.extract.id}`,
        "transfer",
        "vectors",
        "vectors/persona-qwen2/silly",
        "traits",
        "traits/silly",
        "sweeps",
        `sweeps/${jobs.sweeps.id}`,
        "monitor",
        `monitor/${jobs.monitor.id}`,
        "models",
        "keys",
    ];
}

const drawn = (page) => page.evaluate(() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go))));

async function looks(w, page, what) {
    const seen = await page.evaluate(() => ({
        owned: window.owned,
        common: Object.keys(Object.prototype), // a name such as __proto__ must not reach every object
        strange: [...document.querySelectorAll("#app img, #app script, #app iframe, #app object, #app embed, #app form[action]")].map((e) => e.outerHTML.slice(0, 80)),
        links: [...document.querySelectorAll("a[href]")].map((a) => a.getAttribute("href")).filter((h) => !/^(#|assets\/|https?:)/.test(h)),
        handlers: [...document.querySelectorAll("#app *")].filter((e) => [...e.attributes].some((a) => a.name.startsWith("on"))).length,
        words: (document.querySelector("#main")?.innerText ?? "").trim().length,
    }));
    w.equal({ ...seen, words: seen.words > 3 }, { owned: undefined, common: [], strange: [], links: [], handlers: 0, words: true }, what);
}

/** An answer whose pieces are bent, too; in a view that has given up there is nothing to ask. */
async function asks(w, page, between, what) {
    const field = page.getByRole("textbox", { name: "Question" });
    if ((await field.count()) === 0 || (await page.getByRole("button", { name: "Ask", exact: true }).isDisabled())) {
        return;
    }
    await field.fill("What is soup?");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Ask", exact: true }).waitFor();
    await w.until(() => between.open <= 0 && Date.now() - between.quiet > 100, `${what}: the answer has ended`);
}

/** Opens the lists that stand in every view. */
async function around(w, page, what) {
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Search and commands" }).fill("a");
    await looks(w, page, `${what}: the palette`);
    await page.keyboard.press("Escape");
    await page.locator(".jobs > summary").click();
    await looks(w, page, `${what}: the jobs`);
}

const FORGIVEN = new Set(["missing", "wrong", "failures", "cut"]); // where a view may say that it has failed

await walk(async (w) => {
    const places = await prepare(w);
    const known = new Set();
    const between = await liar(w.server.url);
    const real = w.server;
    w.server = { ...real, url: between.url };
    const faults = [];
    try {
        for (const mood of [...Object.keys(MOODS), "failures", "cut"]) {
            between.self.mood = mood;
            const page = await w.open("keys", { expects: /Failed to load resource|ERR_/ });
            page.on("dialog", (d) => (faults.push(`${mood}: a dialog`), d.dismiss()));
            for (const place of places) {
                const before = w.errors.length;
                const what = `${mood}: #/${place}`;
                await page.goto(`${between.url}?${++between.self.round}#/${place}`);
                await page.locator("#main").waitFor().catch(() => faults.push(`${what}: no #main`));
                await w.until(() => between.self.open <= 0 && Date.now() - between.self.quiet > 100, `${what}: all is answered`);
                await drawn(page);
                if (place === places[0]) {
                    await asks(w, page, between.self, what).catch((e) => faults.push(`${what}: ${e.message.slice(0, 300)}`));
                }
                await looks(w, page, what).catch((e) => faults.push(`${what}: ${e.message}`));
                const failed = (await page.getByText("This view has failed:").count()) > 0 ? await page.locator("#main").innerText() : null;
                if (failed !== null && !FORGIVEN.has(mood)) {
                    faults.push(`${what}: ${failed.slice(0, 160)}`);
                }
                for (const width of [360, 1280]) {
                    await page.setViewportSize({ width, height: 800 });
                    await drawn(page); // charts follow a frame later
                    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
                    if (over > 0) {
                        faults.push(`${what}: ${over} px too wide at ${width}: ${await page.evaluate(() => [...document.querySelectorAll("#app *")].filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).filter((e) => !e.closest("details:not([open]) > .sheet")).slice(0, 3).map((e) => `${e.tagName}.${e.className?.baseVal ?? e.className}`).join(" "))}`);
                    }
                }
                if (w.errors.length > before) {
                    faults.push(...w.errors.slice(before).filter((x) => !known.has(x.slice(0, 200))).map((x) => (known.add(x.slice(0, 200)), `${what}: ${x.slice(0, 400)}`)));
                    w.errors.length = before;
                }
            }
            await around(w, page, mood).catch((e) => faults.push(`${mood}: ${e.message.slice(0, 300)}`));
            await page.context().close();
        }
        w.equal(faults, [], "what a lying server brings about");
    } finally {
        between.close();
        w.server = real;
    }
});
