// SPDX-License-Identifier: MIT
//
// lines.tsx - a line chart by uPlot in the colours of the page. uPlot draws on a canvas, so the same numbers stand in a
// text for who cannot see it; views that need numbers beside it show a table too.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { repaint } from "../base/repaint";

export interface Series {
    label: string;
    tone: "ink" | "accent" | "plain" | "pos" | "neg";
    width?: number;
    dash?: number[];
    points?: boolean;
    values: (number | null)[];
}

export interface LinesProps {
    x: number[];
    series: Series[];
    /** For a screen reader: what is to be seen. */
    label: string;
    height: number;
    range?: [number, number]; // of y; fixed axes while data come
    xRange?: [number, number];
    unit?: string;
    /** Drawn behind the lines: from, to in x. */
    shade?: [number, number] | null;
    xFormat?: (x: number) => string;
    yFormat?: (y: number) => string;
    onPick?: (index: number) => void;
}

/** A colour of the page as a canvas wants it. light-dark() is resolved by the browser. */
export function colour(name: string): string {
    const probe = document.createElement("i");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const out = getComputedStyle(probe).color;
    probe.remove();
    return out;
}

export function Lines(p: LinesProps) {
    const box = useRef<HTMLDivElement>(null);
    const chart = useRef<uPlot | null>(null);
    const now = useRef(p);
    now.current = p;
    const shape = JSON.stringify([p.series.map((s) => [s.label, s.tone, s.width, s.dash, s.points]), p.height, p.range, p.xRange, repaint.value]);
    useEffect(() => {
        const el = box.current!;
        const tones = { ink: colour("ink"), accent: colour("accent"), plain: colour("plain"), pos: colour("pos"), neg: colour("neg") };
        const [soft, hair, shade] = [colour("soft"), colour("hair"), colour("sunk")];
        const font = `12px ${getComputedStyle(document.body).fontFamily}`;
        const axis = { stroke: soft, font, grid: { stroke: hair, width: 1 }, ticks: { show: false } };
        const u = new uPlot(
            {
                width: el.clientWidth || 300,
                height: p.height,
                legend: { show: false },
                cursor: { drag: { x: false, y: false }, points: { size: 6 } },
                scales: {
                    x: { time: false, ...(p.xRange ? { range: p.xRange } : {}) },
                    y: p.range ? { range: p.range } : {},
                },
                axes: [
                    { ...axis, grid: { show: false }, values: (_, v) => v.map((x) => now.current.xFormat?.(x) ?? String(x)) },
                    { ...axis, size: 44, values: (_, v) => v.map((y) => now.current.yFormat?.(y) ?? String(y).replace("-", "\u2212")) },
                ],
                series: [
                    {},
                    ...p.series.map((s) => ({
                        label: s.label,
                        stroke: tones[s.tone],
                        width: s.width ?? 2,
                        ...(s.dash ? { dash: s.dash } : {}),
                        points: { show: s.points ?? false, size: 7, fill: tones[s.tone] },
                        spanGaps: false,
                    })),
                ],
                hooks: {
                    drawClear: [
                        (v: uPlot) => {
                            const s = now.current.shade;
                            if (s) {
                                const [a, b] = [v.valToPos(s[0], "x", true), v.valToPos(s[1], "x", true)];
                                v.ctx.fillStyle = shade;
                                v.ctx.fillRect(a, v.bbox.top, b - a, v.bbox.height);
                            }
                        },
                    ],
                },
            },
            [now.current.x, ...now.current.series.map((s) => s.values)],
            el,
        );
        chart.current = u;
        const fit = new ResizeObserver(() => u.setSize({ width: el.clientWidth, height: p.height }));
        fit.observe(el);
        const click = () => {
            if (u.cursor.idx !== null && u.cursor.idx !== undefined) {
                now.current.onPick?.(u.cursor.idx);
            }
        };
        u.over.addEventListener("click", click);
        return () => {
            fit.disconnect();
            u.destroy();
            chart.current = null;
        };
    }, [shape]);
    useEffect(() => {
        chart.current?.setData([p.x, ...p.series.map((s) => s.values)]);
    }, [p.x, p.series, p.shade]);
    return <div ref={box} class="lines" role="img" aria-label={p.label} />;
}
