// SPDX-License-Identifier: MIT
//
// answers.ts - the answers of an extraction as they come, with what became of each: an answer is kept if it passes by
// itself and the one that it is compared with does (the rule of the extraction, rollout.c).
import { useEffect, useRef, useState } from "preact/hooks";
import { get, type Reply, returns } from "../../api/client";

export type Answer = Reply<"/api/v1/jobs/{id}/answers">["answers"][number];
export type Fate = keyof typeof import("../../text/en").text.extract.fate;
export interface Judged extends Answer {
    side: 1 | -1 | 0;
    fate: Fate;
}
export interface Limits {
    trait: number;
    coherence: number;
    judged: boolean; // somebody scores them
}

const PAGE = 1000;
const PAUSE_MS = 1000;

/** What the answer is by itself. */
function alone(a: Answer, l: Limits): Fate {
    if (!a.answered) {
        return "unanswered";
    }
    if (!l.judged || a.polarity === undefined) {
        return "judgeless";
    }
    if (a.label === undefined || a.coherence === undefined) {
        return "open";
    }
    if (a.coherence < l.coherence) {
        return "unclear";
    }
    const passes = a.polarity === "positive" ? a.label >= l.trait : a.label < 100 - l.trait;
    return passes ? "kept" : "dropped";
}

const pairOf = (a: Answer) => `${(a.question_id ?? "").replace(/_(pos|neg)_/, "_")}/${a.index ?? 0}`;
const passed = (f: Fate | undefined) => f === undefined || f === "kept" || f === "judgeless";

export function judge(answers: readonly Answer[], l: Limits): Judged[] {
    const own = answers.map((a) => alone(a, l));
    const partners = new Map<string, number>();
    answers.forEach((a, i) => a.polarity !== undefined && partners.set(`${a.polarity}/${pairOf(a)}`, i));
    return answers.map((a, i) => {
        const side = a.polarity === "positive" ? 1 : a.polarity === "negative" ? -1 : 0;
        let fate = own[i]!;
        if (side !== 0 && fate === "kept") {
            const other = partners.get(`${side > 0 ? "negative" : "positive"}/${pairOf(a)}`);
            const theirs = other === undefined ? undefined : own[other];
            fate = passed(theirs) || theirs === "open" ? fate : "partner";
        }
        return { ...a, side, fate };
    });
}

export const isKept = (a: Judged) => a.fate === "kept" || a.fate === "judgeless";
export const isDropped = (a: Judged) => !isKept(a) && a.fate !== "open";

/** The rows kept here; what has its score does not change any more, so only the rest is asked for. */
class Reader {
    list: Answer[] = [];
    private busy = false;
    private again = false;
    private scored = false; // there are scores
    constructor(
        private readonly id: string,
        private readonly tell: (list: Answer[]) => void,
        private readonly stop: AbortSignal,
    ) {}
    private first(): number {
        const open = this.scored ? this.list.findIndex((a) => a.polarity !== undefined && a.answered && a.label === undefined) : -1;
        return open < 0 ? this.list.length : open;
    }
    private async pages(): Promise<void> {
        for (let from = this.first(); ; ) {
            const query = { order: "arrival", offset: from, limit: PAGE };
            const r = await get("/api/v1/jobs/{id}/answers", { path: { id: this.id }, query, signal: this.stop });
            if (!this.scored && r.judge) {
                this.scored = true;
                from = this.first();
                continue;
            }
            this.list = [...this.list.slice(0, from), ...r.answers];
            from += r.answers.length;
            this.tell(this.list);
            if (r.answers.length < PAGE) {
                return;
            }
        }
    }
    async ask(): Promise<void> {
        this.again = this.busy;
        if (this.busy || this.stop.aborted) {
            return;
        }
        this.busy = true;
        try {
            await this.pages();
        } catch {
            // the next turn asks again; the page says if the server is away
        }
        await new Promise((go) => setTimeout(go, PAUSE_MS));
        this.busy = false;
        if (this.again) {
            void this.ask();
        }
    }
}

/** All answers in the order in which they came. `turn` changes when there may be new ones, or new scores. */
export function useAnswers(id: string, turn: string): Answer[] {
    const [list, setList] = useState<Answer[]>([]);
    const reader = useRef<Reader | null>(null);
    const back = returns.value;
    useEffect(() => {
        const stop = new AbortController();
        reader.current = new Reader(id, setList, stop.signal);
        return () => stop.abort();
    }, [id]);
    useEffect(() => void reader.current?.ask(), [id, turn, back]);
    return list;
}
