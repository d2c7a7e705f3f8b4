// SPDX-License-Identifier: MIT
//
// drawer.tsx - one token: its numbers, and a butterfly of what could have stood there, as it was steered to the left and
// as the unsteered model has it to the right; each alternative begins a fork.
import { useEffect, useState } from "preact/hooks";
import { wordsOf } from "../../api/client";
import { useKeys } from "../../app/keys";
import { sayError } from "../../app/toast";
import { num, percent, signed, token, tone } from "../../base/format";
import { Icon } from "../../parts/icons";
import { text } from "../../text/en";
import { bits, difference, unsteered, valueAt } from "./paint";
import { pick, picked, unpick } from "./pick";
import { scoreUnsteered } from "./score";
import { busy, fork } from "./state";
import { at, turns } from "./talk";
import type { Answer } from "./types";

const ROWS = 7;

interface Row {
    id: number;
    text: string;
    steered: number | null; // probability
    plain: number | null;
}

function rows(a: Answer, i: number): Row[] {
    const t = a.tokens[i]!;
    const plain = unsteered.get(a)?.[i];
    const out = new Map<number, Row>();
    const put = (id: number, words: string, side: "steered" | "plain", logprob: number) => {
        const r = out.get(id) ?? { id, text: words, steered: null, plain: null };
        r[side] = Math.exp(logprob);
        out.set(id, r);
    };
    t.alternatives.forEach((x) => put(x.id, x.text, "steered", x.logprob));
    put(t.id, t.text, "steered", t.logprob);
    plain?.alternatives.forEach((x) => put(x.id, x.text, "plain", x.logprob));
    if (plain) {
        put(t.id, t.text, "plain", plain.logprob);
    }
    const sorted = [...out.values()].sort((x, y) => Math.max(y.steered ?? 0, y.plain ?? 0) - Math.max(x.steered ?? 0, x.plain ?? 0));
    const shown = sorted.slice(0, ROWS);
    if (!shown.some((r) => r.id === t.id)) {
        shown[ROWS - 1] = out.get(t.id)!;
    }
    return shown.sort((x, y) => (y.steered ?? 0) - (x.steered ?? 0));
}

function Bar({ share, side }: { share: number | null; side: "s" | "u" }) {
    const w = 100 * Math.min(1, share ?? 0);
    return <svg aria-hidden="true">{share !== null && <rect class={side} x={side === "s" ? `${100 - w}%` : "0"} width={`${w}%`} height="100%" />}</svg>;
}

function Butterfly({ answer, i, chosen, choose }: { answer: Answer; i: number; chosen: number; choose: (n: number) => void }) {
    answer.tick.value; // the unsteered side comes later
    const list = rows(answer, i);
    const took = answer.tokens[i]!.id;
    const canFork = !busy.value && answer.system === "" && (answer.ids !== null || answer.reasoning === "");
    const of = turns.value.findIndex((t) => t.live === answer);
    const go = (r: Row) => void fork(of, i, { text: r.text, id: r.id }, answer.expression).catch(sayError);
    const rest = (side: "steered" | "plain") => {
        const known = list.map((r) => r[side]).filter((x) => x !== null);
        return known.length > 0 ? Math.max(0, 1 - known.reduce((s, x) => s + x, 0)) : null;
    };
    useKeys([
        { keys: "Up", does: text.play.keys.altUp, run: (e) => { e.preventDefault(); choose(Math.max(0, chosen - 1)); } },
        { keys: "Down", does: text.play.keys.altDown, run: (e) => { e.preventDefault(); choose(Math.min(list.length - 1, chosen + 1)); } },
        { keys: "Enter", does: text.play.keys.fork, run: () => { const r = list[chosen]; if (r && r.id !== took && canFork && !document.activeElement?.closest("a, button, summary, input, select, textarea")) { go(r); } } },
    ]);
    return (
        <table class="alts">
            <caption class="visually-hidden">{text.play.alternatives}</caption>
            <thead>
                <tr>
                    <td />
                    <th scope="col" class="num">
                        {answer.expression === null ? text.play.asWritten : text.play.main}
                    </th>
                    <td />
                    <th scope="col">{text.play.plainSays}</th>
                    <td />
                    <td />
                </tr>
            </thead>
            <tbody>
                {list.map((r, k) => (
                    <tr key={r.id} class={`${r.id === took ? "took" : ""} ${k === chosen ? "chosen" : ""}`}>
                        <td class="num">{percent(r.steered)}</td>
                        <td>
                            <Bar share={r.steered} side="s" />
                        </td>
                        <th scope="row">{token(r.text)}</th>
                        <td>
                            <Bar share={r.plain} side="u" />
                        </td>
                        <td class="num">{percent(r.plain)}</td>
                        <td>
                            {r.id === took ? (
                                <span class="soft small">{text.play.taken}</span>
                            ) : (
                                <button class="btn btn-quiet btn-sm" type="button" disabled={!canFork} aria-label={`${text.play.forkAt} ${token(r.text)}`} onClick={() => go(r)}>
                                    {text.play.fork}
                                </button>
                            )}
                        </td>
                    </tr>
                ))}
                <tr class="rest">
                    <td class="num">{percent(rest("steered"))}</td>
                    <td />
                    <th scope="row">{text.play.rest}</th>
                    <td />
                    <td class="num">{percent(rest("plain"))}</td>
                    <td />
                </tr>
            </tbody>
        </table>
    );
}

function Numbers({ answer, i }: { answer: Answer; i: number }) {
    answer.tick.value;
    const t = answer.tokens[i]!;
    const d = difference(answer, i);
    return (
        <div>
            <p class="kv-h">{text.play.atToken}</p>
            <dl class="kv">
                {answer.probes.map((p) => {
                    const z = valueAt(answer, i, p);
                    return (
                        <>
                            <dt>{p}</dt>
                            <dd class={tone(z)}>{signed(z)} σ</dd>
                        </>
                    );
                })}
                <dt>{text.play.surprise}</dt>
                <dd>
                    {num(bits(t.logprob))} {text.play.bit}
                </dd>
                <dt>{text.play.difference}</dt>
                <dd class={tone(d)}>{d === null ? "…" : `${signed(d)} ${text.play.bit}`}</dd>
            </dl>
        </div>
    );
}

export function Drawer() {
    const p = picked.value;
    const [chosen, choose] = useState(0);
    const [why, setWhy] = useState<string | null>(null);
    const answer = p?.answer ?? null;
    answer?.tick.value;
    const shown = answer !== null && turns.value[at.value]?.live === answer;
    const ready = answer !== null && (answer.ids !== null || answer.reasoning === "");
    useEffect(() => {
        setWhy(null);
        if (answer && ready) {
            scoreUnsteered(answer).catch((e: unknown) => setWhy(wordsOf(e)));
        }
    }, [answer, p?.i, answer?.state]);
    useEffect(() => choose(0), [p?.i]);
    useKeys(p ? [{ keys: "Escape", does: text.play.keys.closeToken, run: unpick }] : []);
    if (p === null || answer === null || !answer.tokens[p.i]) {
        return null;
    }
    const t = answer.tokens[p.i]!;
    return (
        <section class="drawer" aria-label={text.play.token}>
            <header>
                <h3>{token(t.text)}</h3>
                <p>{text.play.tokenOf(p.i + 1, answer.tokens.length, shown)}</p>
                <span class="nav-t">
                    <button class="btn btn-quiet btn-icon" type="button" aria-label={text.play.keys.before} onClick={() => pick(answer, p.i - 1)}>
                        <Icon name="left" />
                    </button>
                    <button class="btn btn-quiet btn-icon" type="button" aria-label={text.play.keys.after} onClick={() => pick(answer, p.i + 1)}>
                        <Icon name="right" />
                    </button>
                    <button class="btn btn-quiet btn-icon" type="button" aria-label={text.play.close} onClick={unpick}>
                        <Icon name="x" />
                    </button>
                </span>
            </header>
            <div class="cols">
                <Numbers answer={answer} i={p.i} />
                {t.alternatives.length > 0 ? <Butterfly answer={answer} i={p.i} chosen={chosen} choose={choose} /> : <p class="soft">{text.play.noAlternatives}</p>}
            </div>
            {why !== null && <p class="badline">{why}</p>}
            {!ready && <p class="soft small">{text.play.noForkReasoning}</p>}
            <div class="acts">
                {shown && answer.expression !== null && (
                    <button class="btn btn-outline-secondary" type="button" disabled={busy.value || !ready} onClick={() => void fork(at.value, p.i, null, null).catch(sayError)}>
                        <Icon name="branch" /> {text.play.goOnPlain}
                    </button>
                )}
            </div>
        </section>
    );
}
