// SPDX-License-Identifier: MIT
//
// first.tsx - the first minute: four steps in a quiet line above the first answer. A step is ticked by what has really
// happened, stays so in this browser, and the line goes when it is closed or all is done.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { jobs } from "../../api/live";
import { link } from "../../app/router";
import { Icon } from "../../parts/icons";
import { text } from "../../text/en";
import { shownNames } from "./knobs";
import { turns } from "./talk";
import type { Answer } from "./types";

const STORE = "persona-first";
const STEPS = ["ask", "move", "beside", "carry"] as const;
type Step = (typeof STEPS)[number];

function stored(): { done: readonly Step[]; closed: boolean } {
    try {
        const s = JSON.parse(localStorage.getItem(STORE) ?? "{}") as { done?: unknown; closed?: unknown };
        const done = Array.isArray(s.done) ? STEPS.filter((x) => (s.done as unknown[]).includes(x)) : [];
        return { done, closed: s.closed === true || done.length === STEPS.length };
    } catch {
        return { done: [], closed: false };
    }
}

const first = signal(stored());

function set(done: readonly Step[], closed: boolean): void {
    first.value = { done, closed };
    try {
        localStorage.setItem(STORE, JSON.stringify(first.value));
    } catch {
        // a private window: as long as the page
    }
}

/** What can be seen of each step in the answers of this page and in the server's jobs. */
function happened(): Step[] {
    const live = turns.value.map((t) => t.live).filter((a): a is Answer => a !== null);
    live.forEach((a) => a.tick.value);
    const begun = live.filter((a) => a.tokens.length > 0);
    const plans = new Set(begun.flatMap((a) => (a.expression === null ? [] : [a.expression])));
    const pair = turns.value.some((t) => {
        const [a, b] = [t.live, turns.value[t.pair ?? -1]?.live ?? null];
        return a !== null && b !== null && a.tokens.length > 0 && b.tokens.length > 0 && a.expression !== null && b.expression === null;
    });
    const out: Step[] = [];
    if (begun.length > 0) {
        out.push("ask");
    }
    if (begun.some((a) => a.marks.length > 0) || plans.size > 1) {
        out.push("move");
    }
    if (pair) {
        out.push("beside");
    }
    if ((jobs.value ?? []).some((j) => j.kind === "transfer" && j.state === "done")) {
        out.push("carry");
    }
    return out;
}

function toField(): void {
    document.querySelector<HTMLElement>(".ask textarea")?.focus();
}
function toSlider(): void {
    document.querySelector<HTMLElement>(".panel:not([data-open]) .peek")?.click(); // the sheet of small screens
    document.getElementById(`k-${shownNames.value[0] ?? ""}`)?.focus();
}
function toBeside(): void {
    document.querySelectorAll(".ans")[1]?.scrollIntoView({ block: "nearest", inline: "start" });
}

export function FirstMinute() {
    const { done, closed } = first.value;
    const seen = closed ? [] : happened();
    const fresh = seen.filter((s) => !done.includes(s));
    useEffect(() => {
        if (fresh.length > 0) {
            set(STEPS.filter((s) => done.includes(s) || fresh.includes(s)), false);
        }
    }, [fresh.join(" ")]);
    if (closed) {
        return null;
    }
    const now = STEPS.find((s) => !done.includes(s));
    const t = text.first;
    const go: Record<Step, (() => void) | null> = { ask: toField, move: toSlider, beside: toBeside, carry: null };
    const step = (s: Step) => (
        <li key={s} class={done.includes(s) ? "done" : s === now ? "now" : ""} aria-current={s === now ? "step" : undefined}>
            {done.includes(s) && <Icon name="check" />}
            {done.includes(s) && <span class="visually-hidden">{t.ticked}</span>}
            {go[s] ? (
                <button type="button" onClick={go[s]!}>
                    {t.steps[s]}
                </button>
            ) : (
                <a href={link("transfer")}>{t.steps[s]}</a>
            )}
        </li>
    );
    return (
        <section class="first" aria-label={t.title}>
            <ol>{STEPS.map(step)}</ol>
            <p role="status">{now ? t.hints[now] : t.all}</p>
            <button class="btn btn-quiet btn-icon" type="button" aria-label={t.close} onClick={() => set(done, true)}>
                <Icon name="x" />
            </button>
        </section>
    );
}
