// SPDX-License-Identifier: MIT
//
// token_text.tsx - an answer as a text whose tokens are coloured, can be picked, and grow in place. Written to the
// document directly: a frame costs what is new in it, however long the text is.
import { effect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { text } from "../../text/en";
import { classes, DIFFERENCE, settled } from "./paint";
import { picked, pick } from "./pick";
import { colour, underline } from "./state";
import type { Answer } from "./types";

/** Spans of one answer, kept in step with it. */
class Sheet {
    private spans: HTMLSpanElement[] = [];
    private plans: HTMLElement[] = [];
    private firstOpen = 0; // before it every token has its colour
    private marksSeen = "";
    private on = -1;
    private readonly caret = document.createElement("span");
    constructor(
        private readonly box: HTMLElement,
        private readonly a: Answer,
        soft: boolean,
    ) {
        this.caret.className = soft ? "caret soft" : "caret";
        this.caret.setAttribute("aria-hidden", "true");
        box.replaceChildren(this.caret);
    }

    grow(paint: string, line: string): void {
        const { a, spans } = this;
        const last = spans.length - 1;
        if (last >= 0 && spans[last]!.textContent !== a.tokens[last]!.text) {
            spans[last]!.textContent = a.tokens[last]!.text;
        }
        if (spans.length < a.tokens.length) {
            const more = document.createDocumentFragment();
            for (let i = spans.length; i < a.tokens.length; i++) {
                const s = document.createElement("span");
                s.textContent = a.tokens[i]!.text;
                s.dataset["i"] = String(i);
                s.className = "tk";
                spans.push(s);
                more.append(s);
            }
            this.box.insertBefore(more, this.caret);
        }
        this.colourFrom(this.firstOpen, paint, line);
        while (this.firstOpen < spans.length && settled(a.tokens[this.firstOpen]!, a, paint, line)) {
            this.firstOpen++;
        }
        this.drawMarks();
        this.caret.hidden = a.state !== "writing" && a.state !== "waiting";
    }

    private colourFrom(from: number, paint: string, line: string): void {
        for (let i = from; i < this.spans.length; i++) {
            const c = classes(this.a, i, paint, line) + (i === this.on ? " on" : "");
            if (this.spans[i]!.className !== c) {
                this.spans[i]!.className = c;
            }
        }
    }

    recolour(paint: string, line: string): void {
        this.firstOpen = 0;
        this.colourFrom(0, paint, line);
    }

    private drawMarks(): void {
        const seen = JSON.stringify(this.a.marks);
        if (seen === this.marksSeen) {
            return;
        }
        this.marksSeen = seen;
        this.plans.forEach((p) => p.remove());
        this.plans = this.a.marks.map((m) => {
            const p = document.createElement("span");
            p.className = m.pending ? "plan pending" : "plan";
            p.textContent = m.pending ? "…" : m.words;
            this.box.insertBefore(p, this.spans[m.at] ?? this.caret);
            return p;
        });
    }

    choose(i: number): void {
        this.spans[this.on]?.classList.remove("on");
        this.on = i;
        this.spans[i]?.classList.add("on");
    }
}

export function TokenText({ answer, label, side }: { answer: Answer; label: string; side: "main" | "other" }) {
    const box = useRef<HTMLDivElement>(null);
    useEffect(() => {
        const sheet = new Sheet(box.current!, answer, side === "other");
        let painted = "";
        const end = effect(() => {
            const tick = answer.tick.value;
            const [c, u] = [colour.value, underline.value];
            const now = `${c} ${u} ${c === DIFFERENCE || u === DIFFERENCE ? tick : ""}`;
            sheet.grow(c, u);
            if (now !== painted) {
                painted = now;
                sheet.recolour(c, u);
            }
            const p = picked.value;
            sheet.choose(p !== null && p.answer === answer ? p.i : -1);
        });
        return end;
    }, [answer]);
    const key = (e: KeyboardEvent) => {
        const n = answer.tokens.length;
        const now = picked.value?.answer === answer ? picked.value.i : -1;
        const to = { ArrowRight: now + 1, ArrowLeft: now < 0 ? n - 1 : now - 1, Home: 0, End: n - 1 }[e.key];
        if (to !== undefined && n > 0) {
            e.preventDefault();
            pick(answer, to);
        }
    };
    return (
        <div
            ref={box}
            class="text"
            role="group"
            tabindex={0}
            aria-label={`${label}; ${text.play.arrows}`}
            onKeyDown={key}
            onClick={(e) => {
                const s = (e.target as Element).closest<HTMLElement>(".tk");
                if (s) {
                    pick(answer, Number(s.dataset["i"]));
                }
            }}
        />
    );
}
