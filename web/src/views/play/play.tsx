// SPDX-License-Identifier: MIT
//
// play.tsx - the playground: left is text, right is instruments. Asks on the server, shows what comes, steers it while it
// comes.
import { useEffect, useRef } from "preact/hooks";
import { returns } from "../../api/client";
import { defaultModel } from "../../api/live";
import { useCommands } from "../../app/commands";
import { useKeys } from "../../app/keys";
import { place, visits } from "../../app/router";
import { sayError } from "../../app/toast";
import { Icon } from "../../parts/icons";
import { text } from "../../text/en";
import { FirstMinute } from "./first";
import { expression, setExpression } from "./knobs";
import { SURPRISE } from "./paint";
import { Panel } from "./panel";
import { pick, picked } from "./pick";
import { Setup } from "./setup";
import { again, ask, askNext, branch, busy, chosenColour, colour, draft, follow, fork, model, probes, queue, restore, stop, underline, useModel } from "./state";
import { answerOf, at, fresh, load, path, planOf, talkId, turns } from "./talk";
import { Tree } from "./tree";
import { ShownTurn } from "./turn";

function Past({ i, n }: { i: number; n: number }) {
    const t = turns.value[i]!;
    return (
        <details class="past">
            <summary>
                <span>{n}</span>
                <span class="q">{t.question}</span>
                <span class="tr small">{planOf(t)}</span>
                <Icon name="right" class="chev" />
            </summary>
            <p>{answerOf(t)}</p>
        </details>
    );
}

function setDraft(s: string): void {
    draft.value = s;
}

function send(): void {
    const question = draft.value;
    if (question.trim() !== "") {
        ask(question).catch((e: unknown) => {
            sayError(e);
            setDraft(question); // nothing that was written is lost
        });
        setDraft("");
    }
}

function Queue() {
    return (
        <div class="queue">
            {queue.value.length > 0 && (
                <>
                    <span>
                        {text.play.next}: {queue.value.join(" · ")}
                    </span>
                    {!busy.value && (
                        <button class="btn btn-outline-secondary btn-sm" type="button" disabled={model.value === null} onClick={askNext}>
                            {text.play.askNow}
                        </button>
                    )}
                    <button class="btn btn-quiet btn-icon btn-sm" type="button" aria-label={text.play.clearQueue} onClick={() => (queue.value = [])}>
                        <Icon name="x" />
                    </button>
                </>
            )}
            <span class="hint">
                <span>
                    <kbd>Enter</kbd> {busy.value ? text.play.queues : text.play.sends}
                </span>
                <span>
                    <kbd>Esc</kbd> {text.play.stops}
                </span>
                <span>
                    <kbd>?</kbd> {text.play.allKeys}
                </span>
            </span>
        </div>
    );
}

function Composer() {
    return (
        <form
            class="ask"
            onSubmit={(e) => {
                e.preventDefault();
                send();
            }}
        >
            <Queue />
            <div class="row1">
                <textarea
                    class="form-control"
                    rows={1}
                    placeholder={turns.value.length === 0 ? text.play.askFirst : text.play.askNext}
                    aria-label={text.play.question}
                    value={draft.value}
                    onInput={(e) => setDraft(e.currentTarget.value)}
                    onKeyDown={(e) => {
                        if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
                            e.preventDefault();
                            send();
                        }
                    }}
                />
                {busy.value && (
                    <button class="btn btn-outline-secondary d-none d-sm-inline-flex" type="submit">
                        {text.play.queue}
                    </button>
                )}
                {busy.value ? (
                    <button class="btn btn-primary" type="button" onClick={stop}>
                        <Icon name="stop" /> {text.play.stop}
                    </button>
                ) : (
                    <button class="btn btn-primary" type="submit" disabled={model.value === null}>
                        {text.play.send}
                    </button>
                )}
            </div>
        </form>
    );
}

function Start({ use }: { use: (q: string) => void }) {
    return (
        <div class="empty start">
            <b>{text.play.startTitle}</b>
            <p class="soft">{text.play.startWhat}</p>
            <p>
                {text.play.examples.map((q) => (
                    <button class="chip" type="button" key={q} onClick={() => use(q)}>
                        {q}
                    </button>
                ))}
            </p>
        </div>
    );
}

/** What the address asks for, when the view opens and when a link changes it. */
function useAddress(): void {
    const opened = useRef(false);
    const query = place.value.query;
    const wantedModel = query.get("model") ?? model.peek() ?? defaultModel.value?.id ?? null;
    useEffect(() => {
        if (!opened.current) {
            opened.current = true;
            restore(query);
            const id = query.get("c");
            if (id !== null && id !== talkId.value) {
                load(id).then((m) => useModel(query.get("model") ?? m)).catch(sayError);
            }
            if (query.get("q") !== null && turns.value.length === 0) {
                setDraft(query.get("q")!);
            }
            return follow();
        }
        return undefined;
    }, []);
    useEffect(() => {
        const steer = place.peek().query.get("steer");
        if (opened.current && steer !== null && steer !== expression.peek()) {
            setExpression(steer);
        }
    }, [visits.value]);
    // asked anew when the view opens and when the server is back: other views make vectors, too
    useEffect(() => {
        if (wantedModel !== null) {
            useModel(wantedModel, true).catch(sayError);
        }
    }, [wantedModel, returns.value]);
}

function after(now: string): string {
    const all = [...probes.value, SURPRISE, ""];
    return all[(all.indexOf(now) + 1) % all.length]!;
}

export function Play() {
    useAddress();
    const shown = path.value;
    const now = at.value;
    const a = turns.value[now]?.live ?? null;
    const move = (by: number) => () => {
        const p = picked.value;
        if (p) {
            pick(p.answer, p.i + by);
        }
    };
    useKeys([
        { keys: "Escape", does: text.play.keys.stop, run: stop, inFields: true },
        { keys: "C", does: text.play.keys.colour, run: () => (chosenColour.value = after(colour.value)) },
        { keys: "Shift C", does: text.play.keys.underline, run: () => (underline.value = after(underline.value)) },
        { keys: "R", does: text.play.again, run: () => void again(now).catch(sayError) },
        { keys: "B", does: text.play.branch, run: () => setDraft(branch(now)) },
        { keys: "U", does: text.play.goOnPlain, run: () => { const p = picked.value; if (p && a === p.answer && !busy.value) { void fork(now, p.i, null, null).catch(sayError); } } },
        ...(picked.value ? [{ keys: "Left", does: text.play.keys.before, run: move(-1) }, { keys: "Right", does: text.play.keys.after, run: move(1) }] : []),
    ]);
    useCommands([
        ...(busy.value ? [{ name: text.play.stop, run: stop }] : [{ name: text.play.fresh, run: fresh }]),
    ]);
    return (
        <main id="main" class="play" tabindex={-1}>
            <Tree />
            <div class="convo">
                <h1 class="visually-hidden">{text.views.play}</h1>
                <Setup />
                <FirstMinute />
                {shown.slice(0, -1).map((i, k) => (
                    <Past key={i} i={i} n={k + 1} />
                ))}
                {now >= 0 && turns.value[now] ? <ShownTurn key={now} i={now} onBranch={setDraft} /> : <Start use={(q) => void ask(q).catch(sayError)} />}
                <Composer />
            </div>
            <Panel />
        </main>
    );
}
