// SPDX-License-Identifier: MIT
//
// monitors.tsx - all probes of the answer at a glance: the last tokens as a small line, the number now, an alarm where
// one wants it; and each probe's mean over the turns of the conversation.
import { useState } from "preact/hooks";
import { signed, tone } from "../../base/format";
import { Spark } from "../../parts/spark";
import { text } from "../../text/en";
import { valueAt } from "./paint";
import { alarms, chosenProbes, probes, vectors } from "./state";
import { at, path, turns } from "./talk";
import type { Answer } from "./types";

const LAST = 48;
const SIGMA = 3;

/** Of the last tokens, clipped to what is drawn. */
function lastOf(answer: Answer, probe: string): (number | null)[] {
    const from = Math.max(0, answer.tokens.length - LAST);
    return Array.from({ length: LAST }, (_, i) => {
        const z = valueAt(answer, from + i, probe);
        return z === null ? null : Math.max(-SIGMA, Math.min(SIGMA, z));
    });
}

function Row({ answer, probe }: { answer: Answer | null; probe: string }) {
    answer?.tick.value;
    const n = answer?.tokens.length ?? 0;
    let now: number | null = null;
    for (let i = n - 1; answer && i >= 0 && now === null; i--) {
        now = valueAt(answer, i, probe);
    }
    const limit = alarms.value.get(probe);
    return (
        <tr>
            <th scope="row">
                {probe}
                {limit !== undefined && now !== null && now > limit && (
                    <span class="al" role="status">
                        {text.play.above} {signed(limit)}
                    </span>
                )}
            </th>
            <td class="sp">{answer && <Spark values={lastOf(answer, probe)} range={[-SIGMA, SIGMA]} limit={limit} />}</td>
            <td class={`now ${tone(now)}`}>{signed(now)}</td>
        </tr>
    );
}

function Choose() {
    const all = vectors.value.map((v) => v.name);
    return (
        <fieldset class="choose">
            <legend class="form-label">{text.play.readAlong}</legend>
            {all.map((name) => (
                <div key={name} class="form-check">
                    <input
                        id={`probe-${name}`}
                        class="form-check-input"
                        type="checkbox"
                        checked={probes.value.includes(name)}
                        onChange={(e) => {
                            const on = new Set(probes.value);
                            if (e.currentTarget.checked) {
                                on.add(name);
                            } else {
                                on.delete(name);
                            }
                            chosenProbes.value = [...on];
                        }}
                    />
                    <label class="form-check-label" for={`probe-${name}`}>
                        {name}
                    </label>
                    <label class="alarm small">
                        {text.play.alarmAbove}
                        <input
                            class="form-control"
                            type="number"
                            step="0.5"
                            min="-5"
                            max="10"
                            aria-label={`${text.play.alarmAbove}, ${name}`}
                            value={alarms.value.get(name) ?? ""}
                            onChange={(e) => {
                                const v = e.currentTarget.value;
                                const all = new Map(alarms.value);
                                if (v === "") {
                                    all.delete(name);
                                } else {
                                    all.set(name, Number(v));
                                }
                                alarms.value = all;
                            }}
                        />
                    </label>
                </div>
            ))}
        </fieldset>
    );
}

export function Monitors() {
    const [choosing, choose] = useState(false);
    const a = turns.value[at.value]?.live ?? null;
    a?.tick.value;
    if (vectors.value.length === 0) {
        return null;
    }
    return (
        <section aria-labelledby="h-mon">
            <header>
                <h2 id="h-mon">{text.play.monitors}</h2>
                <span class="end">
                    <button class="btn btn-quiet btn-sm" type="button" aria-expanded={choosing} onClick={() => choose(!choosing)}>
                        {choosing ? text.play.close : text.play.choose}
                    </button>
                </span>
            </header>
            {choosing && <Choose />}
            <table class="mon">
                <thead>
                    <tr>
                        <th scope="col">{text.play.probe}</th>
                        <th scope="col" class="sp">
                            {text.play.lastTokens(LAST, SIGMA)}
                        </th>
                        <th scope="col" class="now">
                            {text.play.now}
                        </th>
                    </tr>
                </thead>
                <tbody>
                    {probes.value.map((p) => (
                        <Row key={p} answer={a} probe={p} />
                    ))}
                </tbody>
            </table>
        </section>
    );
}

function mean(a: Answer, probe: string): number | null {
    const z = a.tokens.map((_, i) => valueAt(a, i, probe)).filter((v) => v !== null);
    return z.length > 0 ? z.reduce((s, v) => s + v, 0) / z.length : null;
}

/** Each probe's mean in each turn; only turns whose tokens this page has. */
export function Turns() {
    const shown = path.value.map((i) => turns.value[i]!.live).filter((a) => a !== null);
    shown.forEach((a) => a.tick.value);
    if (shown.length < 2) {
        return null;
    }
    const lines = probes.value.map((p) => ({ p, v: shown.map((a) => mean(a, p)) })).filter((l) => l.v.some((v) => v !== null));
    const most = Math.max(1, ...lines.flatMap((l) => l.v.map((v) => Math.abs(v ?? 0))));
    const px = (i: number) => (shown.length > 1 ? (100 * i) / (shown.length - 1) : 0);
    const py = (v: number) => 50 - (46 * v) / most;
    return (
        <section aria-labelledby="h-turns">
            <header>
                <h2 id="h-turns">{text.play.overTurns}</h2>
            </header>
            <div class="turnbox">
                <svg class="plot turns" role="img" aria-label={lines.map((l) => `${l.p}: ${l.v.map((v) => signed(v)).join(", ")}`).join("; ")}>
                    <line class="axis" x1="0" x2="100%" y1="50%" y2="50%" />
                    {lines.map((l, k) => (
                        <>
                            <svg viewBox="0 0 100 100" preserveAspectRatio="none">
                                <path class={`ln ${k === 0 ? "ink" : "plain"}`} d={l.v.map((v, i) => (v === null ? "" : `${i === 0 || l.v[i - 1] === null ? "M" : "L"}${px(i)} ${py(v)}`)).join("")} />
                            </svg>
                            {l.v.map((v, i) => v !== null && <circle class={`mk ${k === 0 ? "ink" : "plain"}`} cx={`${px(i)}%`} cy={`${py(v)}%`} r="3.5" />)}
                            <text x="100%" dx="10" y={`${py(l.v[l.v.length - 1] ?? 0)}%`} dy="4" class={k === 0 ? "strong" : ""}>
                                {l.p}
                            </text>
                        </>
                    ))}
                    <text x="0" y="100%" dy="16">
                        {text.play.turn} 1
                    </text>
                    <text x="100%" y="100%" dy="16" class="c">
                        {shown.length}
                    </text>
                </svg>
            </div>
        </section>
    );
}
