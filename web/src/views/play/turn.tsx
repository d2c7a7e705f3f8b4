// SPDX-License-Identifier: MIT
//
// turn.tsx - the shown turn: the question, what colours the tokens, the two answers side by side, the chart, the token
// and the receipt.
import { useEffect, useRef } from "preact/hooks";
import { sayError } from "../../app/toast";
import { num } from "../../base/format";
import { Icon } from "../../parts/icons";
import { text } from "../../text/en";
import { Drawer } from "./drawer";
import { setExpression } from "./knobs";
import { DIFFERENCE, SURPRISE } from "./paint";
import { Receipt } from "./receipt";
import { readAgain, scoreUnsteered } from "./score";
import { again, branch, busy, chosenColour, colour, compare, pinned, probes, underline, vectors } from "./state";
import { Strip } from "./strip";
import { at, partner, planOf, turns } from "./talk";
import { TokenText } from "./token_text";
import type { Answer, Turn } from "./types";

const STEPS = ["m5", "m4", "m3", "m2", "m1", "", "q1", "q2", "q3", "q4", "q5"];

function Paint() {
    const options = (none: string) => (
        <>
            {probes.value.map((p) => (
                <option key={p} value={p}>
                    {p}
                </option>
            ))}
            <option value={SURPRISE}>{text.play.surprise}</option>
            <option value={DIFFERENCE}>{text.play.difference}</option>
            <option value="">{none}</option>
        </>
    );
    const c = colour.value;
    const most = c === SURPRISE ? 7.5 : c === DIFFERENCE ? 5 : 2.5;
    return (
        <div class="paint">
            <label>
                {text.play.colour}
                <select class="form-select inline" aria-label={text.play.colourLong} value={c} onChange={(e) => (chosenColour.value = e.currentTarget.value)}>
                    {options(text.play.nothing)}
                </select>
            </label>
            <label class="second">
                {text.play.underline}
                <select class="form-select inline" aria-label={text.play.underlineLong} value={underline.value} onChange={(e) => (underline.value = e.currentTarget.value)}>
                    {options(text.play.nothing)}
                </select>
            </label>
            {c !== "" && (
                <span class="ramp" role="img" aria-label={text.play.scale(num(most), c === SURPRISE || c === DIFFERENCE ? text.play.bit : "σ", c === SURPRISE)}>
                    {c !== SURPRISE && <b class="fw-normal">{num(-most)}</b>}
                    <span>{c === SURPRISE ? ["", "s1", "s2", "s3", "s4", "s5"].map((s) => <i class={s} key={s} />) : STEPS.map((s) => <i class={s} key={s} />)}</span>
                    <b class="fw-normal">
                        {c === SURPRISE ? "" : "+"}
                        {num(most)} {c === SURPRISE || c === DIFFERENCE ? text.play.bit : "σ"}
                    </b>
                </span>
            )}
        </div>
    );
}

function status(a: Answer): string {
    const n = a.tokens.length;
    switch (a.state) {
        case "waiting":
            return text.play.reading;
        case "writing":
            return `${n} ${text.play.of} ${a.limit}${a.rate ? `, ${num(a.rate, a.rate < 20 ? 1 : 0)} ${text.play.perSecond}` : ""}`;
        case "done":
            return `${n} ${text.play.tokens}${a.finish === "length" ? `, ${text.play.cut}` : ""}${a.rate ? `, ${num(a.rate, a.rate < 20 ? 1 : 0)} ${text.play.perSecond}` : ""}`;
        case "stopped":
            return `${n} ${text.play.tokens}, ${text.play.stopped}`;
        case "failed":
            return text.play.failed;
        default:
            return `${n} ${text.play.tokens}, ${text.play.readAgain}`;
    }
}

function Reasoning({ a }: { a: Answer }) {
    return a.reasoning === "" ? null : (
        <details class="think">
            <summary>{text.play.reasoning(a.nReasoning)}</summary>
            <p>{a.reasoning}</p>
        </details>
    );
}

function Body({ turn, label, side }: { turn: Turn; label: string; side: "main" | "other" }) {
    const a = turn.live;
    if (a === null) {
        return (
            <>
                {turn.analysis !== "" && (
                    <details class="think">
                        <summary>{text.play.reasoningStored}</summary>
                        <p>{turn.analysis}</p>
                    </details>
                )}
                <div class="text" role="group" aria-label={label}>
                    {turn.answer}
                </div>
            </>
        );
    }
    a.tick.value;
    return (
        <>
            <Reasoning a={a} />
            <TokenText answer={a} label={label} side={side} />
            {a.error !== null && (
                <p class="badline" role="alert">
                    <Icon name="warn" /> {a.error}
                </p>
            )}
        </>
    );
}

/** Said at the begin, at the end and at a change of plan, never per token. */
function Status({ a }: { a: Answer | null }) {
    a?.tick.value;
    return (
        <>
            <span class="st" aria-hidden="true">
                {a ? status(a) : text.play.fromStore}
            </span>
            <span class="visually-hidden" role="status">
                {a && a.state !== "writing" ? status(a) : ""}
            </span>
        </>
    );
}

function Compare() {
    const c = compare.value;
    const value = c.kind === "prompt" ? `prompt:${c.trait}` : c.kind;
    const traits = [...new Set(vectors.value.map((v) => v.trait))].filter((t) => t !== "");
    return (
        <>
            <select
                class="form-select inline"
                aria-label={text.play.compareWith}
                value={value}
                onChange={(e) => {
                    const v = e.currentTarget.value;
                    compare.value = v.startsWith("prompt:") ? { kind: "prompt", trait: v.slice(7) } : v === "expression" ? { kind: "expression", text: "" } : v === "none" ? { kind: "none" } : { kind: "plain" };
                }}
            >
                <option value="plain">{text.play.unsteered}</option>
                <option value="expression">{text.play.otherExpression}</option>
                {traits.map((t) => (
                    <option key={t} value={`prompt:${t}`}>
                        {text.play.inPrompt} {t}
                    </option>
                ))}
                <option value="none">{text.play.noCompare}</option>
            </select>
            <button class="btn btn-quiet btn-icon btn-sm" type="button" aria-pressed={pinned.value} aria-label={text.play.pin} title={text.play.pin} onClick={() => (pinned.value = !pinned.value)}>
                <Icon name="pin" />
            </button>
            {c.kind === "expression" && (
                <input
                    class="form-control mono"
                    aria-label={text.play.otherExpression}
                    placeholder="-1*silly"
                    spellcheck={false}
                    value={c.text}
                    onInput={(e) => (compare.value = { kind: "expression", text: e.currentTarget.value })}
                />
            )}
        </>
    );
}

function Pair({ i }: { i: number }) {
    const pair = useRef<HTMLDivElement>(null);
    const turn = turns.value[i]!;
    const j = partner(i);
    const beside = j === null ? null : turns.value[j]!;
    const flip = (k: number) => pair.current?.scrollTo({ left: k * pair.current.clientWidth, behavior: "smooth" });
    turn.live?.tick.value;
    const plan = turn.live ? turn.live.expression : turn.steering;
    const label = plan !== null ? text.play.Steered : turn.prompt === "" ? text.play.Unsteered : text.play.Instructed;
    return (
        <>
            <div class="flip seg" role="group" aria-label={text.play.which}>
                <button type="button" class="btn btn-quiet" onClick={() => flip(0)}>
                    {label}
                </button>
                <button type="button" class="btn btn-quiet" onClick={() => flip(1)}>
                    {text.play.Beside}
                </button>
            </div>
            <div class="pair" ref={pair}>
                <section class="ans" aria-labelledby="h-s">
                    <header>
                        <h3 id="h-s">{label}</h3>
                        <span class={plan === null ? "" : "mono"}>{plan ?? turn.prompt}</span>
                        <Status a={turn.live} />
                    </header>
                    <Body turn={turn} label={label} side="main" />
                </section>
                <section class="ans" aria-label={text.play.besideLong}>
                    <header>
                        <Compare />
                        {beside && <Status a={beside.live} />}
                    </header>
                    {beside ? (
                        <>
                            {(beside.steering ?? beside.prompt) !== "" || compare.value.kind !== "plain" ? <p class={`small soft ${beside.steering === null ? "" : "mono"}`}>{planOf(beside)}</p> : null}
                            <Body turn={beside} label={text.play.besideLong} side="other" />
                            <button class="btn btn-quiet btn-sm mt-2" type="button" disabled={busy.value} onClick={() => (at.value = j!)}>
                                {text.play.goOnHere}
                            </button>
                        </>
                    ) : (
                        <p class="soft small">{compare.value.kind === "none" ? text.play.nothingBeside : text.play.besideNext}</p>
                    )}
                </section>
            </div>
        </>
    );
}

export function ShownTurn({ i, onBranch }: { i: number; onBranch: (question: string) => void }) {
    const turn = turns.value[i]!;
    const j = partner(i);
    const beside = j === null ? null : (turns.value[j]!.live ?? null);
    const a = turn.live;
    const done = a?.state === "done";
    useEffect(() => {
        for (const k of [i, ...(j === null ? [] : [j])]) {
            if (turns.value[k]!.live === null && vectors.value.length > 0) {
                readAgain(k).catch(() => undefined); // the text stands there in any case
            }
        }
    }, [i, j, a === null, vectors.value.length]);
    // what the difference needs is asked for when it is looked at
    const wants = colour.value === DIFFERENCE || underline.value === DIFFERENCE;
    useEffect(() => {
        if (wants && done) {
            scoreUnsteered(a).catch(sayError);
        }
    }, [wants, done, a]);
    return (
        <article class="turn" aria-label={text.play.shownTurn}>
            <header>
                <h2>{turn.question}</h2>
                <div class="acts">
                    <button class="btn btn-quiet btn-icon" type="button" aria-label={text.play.again} title={text.play.again} disabled={busy.value} onClick={() => void again(i).catch(sayError)}>
                        <Icon name="again" />
                    </button>
                    <button class="btn btn-quiet btn-icon" type="button" aria-label={text.play.branch} title={text.play.branch} disabled={busy.value} onClick={() => onBranch(branch(i))}>
                        <Icon name="branch" />
                    </button>
                    {turn.steering !== null && (
                        <button class="btn btn-quiet btn-icon" type="button" aria-label={text.play.usePlan} title={text.play.usePlan} onClick={() => setExpression(turn.live?.expression ?? turn.steering ?? "")}>
                            <Icon name="undo" />
                        </button>
                    )}
                </div>
            </header>
            <Paint />
            <Pair i={i} />
            {a && <Strip answer={a} beside={beside} />}
            <Drawer />
            {a && <Receipt answer={a} />}
        </article>
    );
}
