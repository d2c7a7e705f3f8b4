// SPDX-License-Identifier: MIT
//
// scores.tsx - how the judge scored the two sides: one above the line, the other below; pale is what is not kept.
import { count } from "../../base/format";
import { text } from "../../text/en";
import { isKept, type Judged } from "./answers";
import type { Sides } from "./feed";

const t = text.extract;
const BINS = 10;
const MIDDLE = 50; // percent of the height; the two halves keep a gap of 3 on either side
const HALF = 44;

interface Bin {
    kept: number;
    dropped: number;
}

function binsOf(answers: readonly Judged[], side: 1 | -1): Bin[] {
    const bins = Array.from({ length: BINS }, () => ({ kept: 0, dropped: 0 }));
    for (const a of answers) {
        if (a.side === side && a.label !== undefined) {
            const bin = bins[Math.max(0, Math.min(BINS - 1, Math.floor((a.label / 100) * BINS)))]!;
            bin[isKept(a) ? "kept" : "dropped"]++;
        }
    }
    return bins;
}

function Bars({ bins, most, up }: { bins: Bin[]; most: number; up: boolean }) {
    const wide = 100 / BINS;
    return (
        <>
            {bins.map((b, i) => {
                const [kept, all] = [(HALF * b.kept) / most, (HALF * (b.kept + b.dropped)) / most];
                const place = { x: `${i * wide + 0.6}%`, width: `${wide - 1.2}%` };
                const tone = up ? "p" : "n";
                return (
                    <g key={i}>
                        {kept > 0 && <rect class={tone} {...place} y={`${up ? MIDDLE - 3 - kept : MIDDLE + 3}%`} height={`${kept}%`} />}
                        {all > kept && <rect class={`${tone} d`} {...place} y={`${up ? MIDDLE - 3 - all : MIDDLE + 3 + kept}%`} height={`${all - kept}%`} />}
                    </g>
                );
            })}
        </>
    );
}

export function Scores({ answers, sides, limit, none }: { answers: readonly Judged[]; sides: Sides; limit: number; none: string }) {
    const [up, down] = [binsOf(answers, 1), binsOf(answers, -1)];
    const most = Math.max(1, ...[...up, ...down].map((b) => b.kept + b.dropped));
    const n = [...up, ...down].reduce((sum, b) => sum + b.kept + b.dropped, 0);
    if (n === 0) {
        return (
            <>
                <h2>{t.hist}</h2>
                <p class="soft mt-1">{none}</p>
            </>
        );
    }
    const { positive, negative } = sides;
    const [above, below] = t.histSides;
    const kept = (bins: Bin[]) => bins.reduce((sum, b) => sum + b.kept, 0);
    return (
        <>
            <h2>{t.hist}</h2>
            <p class="soft small mb-2 mt-1">
                {t.histAbout(count(n, "answer", "answers"))} <span class="side">{positive}</span>
                {above}
                <span class="side n">{negative}</span>
                {below}
            </p>
            <div class="histbox">
                <svg class="plot hist" role="img" aria-label={`${t.hist}: ${positive}, ${t.fate.kept} ${kept(up)}; ${negative}, ${t.fate.kept} ${kept(down)}`}>
                    <Bars bins={up} most={most} up />
                    <Bars bins={down} most={most} up={false} />
                    <line class="zero" x1={`${limit}%`} x2={`${limit}%`} y1="2%" y2="98%" />
                    <text class="c halo" x={`${limit}%`} y="0" dy="-2">
                        {limit}
                    </text>
                    <text x="0" y="100%" dy="14">
                        0
                    </text>
                    <text class="e" x="100%" y="100%" dy="14">
                        100
                    </text>
                </svg>
            </div>
            <details class="more small">
                <summary>{t.table}</summary>
                <table class="rows">
                    <caption class="visually-hidden">{t.histTable}</caption>
                    <thead>
                        <tr>
                            <th scope="col">{t.score}</th>
                            <th scope="col" class="num">{positive}</th>
                            <th scope="col" class="num">{negative}</th>
                        </tr>
                    </thead>
                    <tbody>
                        {up.map((b, i) => (
                            <tr key={i}>
                                <th scope="row">{`${(i * 100) / BINS} ${text.to} ${((i + 1) * 100) / BINS}`}</th>
                                <td class="num">{b.kept + b.dropped}</td>
                                <td class="num">{down[i]!.kept + down[i]!.dropped}</td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            </details>
        </>
    );
}
