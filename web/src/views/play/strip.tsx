// SPDX-License-Identifier: MIT
//
// strip.tsx - the chart under the answer: one bar per token, smoothed lines of both answers, the changes of plan, and a
// handle that is the token cursor. Axes are fixed from the start, so nothing moves while tokens come; drawn at most
// once a frame. Drawn on a canvas by uPlot; the handle is a native slider that says each token's number.
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { repaint } from "../../base/repaint";
import { signed, token } from "../../base/format";
import { colour as resolve } from "../../parts/lines";
import { text } from "../../text/en";
import { Blocks } from "./blocks";
import { DIFFERENCE, recentMean, SURPRISE, valueAt } from "./paint";
import { pick, picked } from "./pick";
import { colour, model } from "./state";
import type { Answer } from "./types";

const SMOOTH = 8;
const HEIGHT = 132;

function scaleOf(of: string): { range: [number, number]; unit: string } {
    return of === SURPRISE ? { range: [0, 12], unit: text.play.bit } : of === DIFFERENCE ? { range: [-6, 6], unit: text.play.bit } : { range: [-5, 5], unit: "σ" };
}

/** Means over the last tokens; a gap stays a gap. */
function smooth(a: Answer, of: string, n: number, most: number): (number | null)[] {
    const out: (number | null)[] = new Array<number | null>(n).fill(null);
    let sum = 0;
    const window: number[] = [];
    for (let i = 0; i < Math.min(n, a.tokens.length); i++) {
        const v = valueAt(a, i, of);
        if (v === null) {
            window.length = 0;
            sum = 0;
            continue;
        }
        window.push(v);
        sum += v;
        if (window.length > SMOOTH) {
            sum -= window.shift()!;
        }
        out[i] = Math.max(-most, Math.min(most, sum / window.length)); // a line at the edge, not outside
    }
    return out;
}

class Chart {
    private readonly u: uPlot;
    private readonly fit: ResizeObserver;
    private tones!: { ink: string; plain: string; pos: string; neg: string; soft: string; hair: string };
    private answer!: Answer;
    private of = "";
    private readonly most: number;
    constructor(
        box: HTMLElement,
        private readonly limit: number,
        range: [number, number],
    ) {
        this.readTones();
        this.most = range[1];
        const font = `12px ${getComputedStyle(document.body).fontFamily}`;
        const t = this.tones;
        this.u = new uPlot(
            {
                width: box.clientWidth || 300,
                height: HEIGHT,
                legend: { show: false },
                cursor: { show: false },
                padding: [8, 12, 0, 0],
                scales: { x: { time: false, range: [0.5, limit + 0.5] }, y: { range } },
                axes: [
                    { stroke: t.soft, font, size: 22, grid: { show: false }, ticks: { show: false }, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] },
                    { stroke: t.soft, font, size: 30, grid: { stroke: t.hair, width: 1 }, ticks: { show: false }, values: (_, v) => v.map((y) => signed(y, 0)) },
                ],
                series: [{}, { stroke: t.plain, width: 1.5, points: { show: false } }, { stroke: t.ink, width: 2, points: { show: false } }],
                hooks: { drawClear: [() => this.bars()], draw: [() => this.marks()] },
            },
            [[], [], []],
            box,
        );
        this.fit = new ResizeObserver(() => this.u.setSize({ width: box.clientWidth, height: HEIGHT }));
        this.fit.observe(box);
    }
    private readTones(): void {
        this.tones = { ink: resolve("ink"), plain: resolve("plain"), pos: resolve("pos-fill"), neg: resolve("neg-fill"), soft: resolve("soft"), hair: resolve("hair") };
    }
    private bars(): void {
        const { u } = this;
        if (!this.answer) {
            return;
        }
        const zero = u.valToPos(0, "y", true);
        const w = Math.max(1, Math.min(8 * devicePixelRatio, (u.bbox.width / this.limit) * 0.72));
        const plain = this.of === SURPRISE;
        u.ctx.globalAlpha = 0.6;
        for (let i = 0; i < this.answer.tokens.length; i++) {
            const v = valueAt(this.answer, i, this.of);
            if (v !== null) {
                const y = u.valToPos(Math.max(-this.most, Math.min(this.most, v)), "y", true);
                u.ctx.fillStyle = plain ? this.tones.plain : v < 0 ? this.tones.neg : this.tones.pos;
                u.ctx.fillRect(u.valToPos(i + 1, "x", true) - w / 2, Math.min(y, zero), w, Math.abs(zero - y));
            }
        }
        u.ctx.globalAlpha = 1;
    }
    private marks(): void {
        const { u } = this;
        u.ctx.strokeStyle = this.tones.ink;
        u.ctx.lineWidth = 1.5 * devicePixelRatio;
        const line = (i: number, dash: number[]) => {
            const x = u.valToPos(i + 0.5, "x", true);
            u.ctx.setLineDash(dash);
            u.ctx.beginPath();
            u.ctx.moveTo(x, u.bbox.top);
            u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
            u.ctx.stroke();
        };
        for (const m of this.answer?.marks ?? []) {
            line(m.at, [3 * devicePixelRatio, 3 * devicePixelRatio]);
        }
        const p = picked.peek();
        if (p && p.answer === this.answer) {
            line(p.i + 0.5, []);
        }
        u.ctx.setLineDash([]);
    }
    draw(a: Answer, beside: Answer | null, of: string): void {
        this.answer = a;
        this.of = of;
        const n = Math.max(a.tokens.length, beside?.tokens.length ?? 0);
        const x = Array.from({ length: n }, (_, i) => i + 1);
        this.u.setData([x, beside ? smooth(beside, of, n, this.most) : x.map(() => null), smooth(a, of, n, this.most)], false);
        this.u.redraw(true, true);
    }
    end(): void {
        this.fit.disconnect();
        this.u.destroy();
    }
}

function Canvas({ answer, beside, of, limit }: { answer: Answer; beside: Answer | null; of: string; limit: number }) {
    const box = useRef<HTMLDivElement>(null);
    const chart = useRef<Chart | null>(null);
    const tone = repaint.value;
    useEffect(() => {
        chart.current = new Chart(box.current!, limit, scaleOf(of).range);
        return () => chart.current?.end();
    }, [limit, of, tone]);
    const ticks = [answer.tick.value, beside?.tick.value, picked.value];
    useEffect(() => chart.current?.draw(answer, beside, of), [answer, beside, of, limit, tone, ...ticks]);
    return <div ref={box} class="strip" aria-hidden="true" />;
}

/** Readings come, but nothing says how far from neutral they are. */
function blind(a: Answer, of: string): boolean {
    const k = a.probes.indexOf(of);
    return a.state !== "writing" && a.state !== "waiting" && a.tokens.length > 0 && k >= 0 && a.tokens.every((t) => t.z[k] === null);
}

export function Strip({ answer, beside }: { answer: Answer; beside: Answer | null }) {
    const [blocks, setBlocks] = useState(false);
    const of = colour.value;
    answer.tick.value;
    const limit = Math.max(answer.limit, answer.tokens.length, beside?.tokens.length ?? 0);
    const { unit } = scaleOf(of);
    const at = picked.value?.answer === answer ? picked.value.i : answer.tokens.length - 1;
    const now = answer.tokens[at];
    if (of === "") {
        return null;
    }
    const isProbe = of !== SURPRISE && of !== DIFFERENCE;
    return (
        <section class="under" aria-labelledby="h-strip">
            <header>
                <h3 id="h-strip">
                    {of === SURPRISE ? text.play.surprise : of === DIFFERENCE ? text.play.difference : of} {text.play.along}
                </h3>
                <span class="key">
                    {text.play.main} <b>{signed(recentMean(answer, of, 24))} {unit}</b>
                </span>
                {beside && (
                    <span class="key plain">
                        {text.play.beside} <b>{signed(recentMean(beside, of, 24))} {unit}</b>
                    </span>
                )}
                {answer.marks.length > 0 && <span class="key cut">{text.play.planChanged}</span>}
                {isProbe && (
                    <span class="seg" role="group" aria-label={text.play.view}>
                        <label>
                            <input type="radio" name="view" checked={!blocks} onChange={() => setBlocks(false)} />
                            {text.play.line}
                        </label>
                        <label>
                            <input type="radio" name="view" checked={blocks} onChange={() => setBlocks(true)} />
                            {text.play.blocks}
                        </label>
                    </span>
                )}
            </header>
            {isProbe && blind(answer, of) && (
                <p class="note small" role="note">
                    {text.play.noNeutral(of)} <code>{`persona vector calibrate ${of} --model ${model.peek() ?? ""}.gguf`}</code>
                </p>
            )}
            {blocks && isProbe ? (
                <Blocks answer={answer} probe={of} />
            ) : (
                <div class="stripbox">
                    <Canvas answer={answer} beside={beside} of={of} limit={limit} />
                    <input
                        class="scrub"
                        type="range"
                        min={1}
                        max={Math.max(1, limit)}
                        value={at + 1}
                        disabled={answer.tokens.length === 0}
                        aria-label={text.play.cursor}
                        aria-valuetext={now ? text.play.cursorAt(at + 1, token(now.text), signed(valueAt(answer, at, of)), unit) : text.play.noToken}
                        onInput={(e) => pick(answer, Number(e.currentTarget.value) - 1)}
                    />
                </div>
            )}
        </section>
    );
}
