// SPDX-License-Identifier: MIT
//
// bench_tokens.mjs - what a long answer costs the browser: an answer of 4,000 tokens with a colour for each, an
// underline and the chart under it, traced; scripting per frame (median, 95th percentile, longest), and how long a slider's
// move takes to reach the running answer. Not a test: run it on an idle machine.
//
//   PERSONA=build/persona PERSONA_WEB_DATA=DIR node web/tests/bench_tokens.mjs [TOKENS]
import { walk } from "./page.mjs";

const N = Number(process.argv[2] ?? 4000);

/** Scripting of each frame: tasks of the main thread that run script, between two frames. */
function frames(events) {
    const main = events.find((e) => e.name === "thread_name" && e.args.name === "CrRendererMain");
    const mine = events.filter((e) => e.pid === main.pid && e.tid === main.tid);
    const begins = mine.filter((e) => e.name === "FireAnimationFrame").map((e) => e.ts).sort((a, b) => a - b);
    const scripts = mine.filter((e) => e.ph === "X" && ["FunctionCall", "EvaluateScript", "FireAnimationFrame", "RunMicrotasks", "EventDispatch"].includes(e.name)).sort((a, b) => a.ts - b.ts);
    const cost = new Array(Math.max(0, begins.length)).fill(0);
    let until = -1;
    for (const s of scripts) {
        if (s.ts < until) {
            continue; // inside another
        }
        until = s.ts + s.dur;
        let k = 0;
        let hi = begins.length - 1;
        while (k < hi) {
            const mid = (k + hi + 1) >> 1;
            if (begins[mid] <= s.ts) {
                k = mid;
            } else {
                hi = mid - 1;
            }
        }
        cost[k] += s.dur / 1000;
    }
    return cost.slice(1);
}

const quantile = (list, q) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(q * list.length))];

const { PERSONA_BENCH_MODEL: file } = process.env; // a GGUF file whose context holds that many; else the embedded pair's

await walk(async (w) => {
    const list = (await w.server.json("api/v1/models")).models;
    const model = file ? list[0].id : "persona-qwen2";
    const name = (await w.server.json("api/v1/vectors")).vectors.find((v) => v.model === model || file).name;
    const page = await w.open(`play?model=${model}&steer=1*${name}&max=${N}&cmp=none&pace=400`);
    page.setDefaultTimeout(600_000);
    const slider = page.locator(`#k-${name}`);
    await slider.waitFor();
    // an answer that does not end by itself
    await page.route("**/v1/chat/completions", async (route) => {
        const body = route.request().postDataJSON();
        await route.continue({ postData: JSON.stringify({ ...body, ignore_eos: true }) });
    });
    const session = await page.context().newCDPSession(page);
    const events = [];
    session.on("Tracing.dataCollected", (d) => events.push(...d.value));
    await session.send("Tracing.start", { transferMode: "ReportEvents", traceConfig: { includedCategories: ["devtools.timeline", "disabled-by-default-devtools.timeline"] } });
    await page.getByRole("textbox", { name: "Question" }).fill("Tell me everything.");
    await page.keyboard.press("Enter");
    const reached = [];
    for (let i = 0; i < 10; i++) {
        await page.waitForFunction((n) => document.querySelectorAll(".ans .tk").length >= n, Math.round(((i + 1) * N) / 12));
        await slider.fill(String(i % 2));
        await page.waitForFunction((was) => document.querySelector(".live")?.textContent !== was, reached.length > 0 ? reached[reached.length - 1] : "");
        await page.waitForTimeout(400);
        reached.push(await page.locator(".live").textContent());
    }
    await page.getByRole("button", { name: "Ask", exact: true }).waitFor({ timeout: 300_000 });
    const done = new Promise((go) => session.on("Tracing.tracingComplete", go));
    await session.send("Tracing.end");
    await done;
    const cost = frames(events);
    const n = await page.locator(".ans .tk").count();
    const ms = reached.map((r) => Number(/after (\d+) ms/.exec(r)?.[1])).filter(Number.isFinite);
    console.log(`${n} tokens, ${cost.length} frames: scripting ${quantile(cost, 0.5).toFixed(1)} ms median, ${quantile(cost, 0.95).toFixed(1)} ms 95th percentile, ${Math.max(...cost).toFixed(1)} ms longest`);
    console.log(`a slider's move reached the answer after ${quantile(ms, 0.5)} ms median, ${Math.max(...ms)} ms longest of ${ms.length}`);
    w.ok(n >= N * 0.9, "as many tokens as asked for");
}, ...(file ? ["--model", file] : []));
