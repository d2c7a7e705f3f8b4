// SPDX-License-Identifier: MIT
//
// answers.ts - every answer of a job, asked for in pages: once, when it is done; or in the order in which they come,
// while it grows, where only what is new or has no score yet is asked for.
import { useEffect, useRef, useState } from "preact/hooks";
import { get, type Reply, returns, wordsOf } from "../api/client";

type Page = Reply<"/api/v1/jobs/{id}/answers">;
export type Answer = Page["answers"][number];
export type Part = Page["parts"][number];
export interface Answers {
    list: readonly Answer[];
    parts: readonly Part[];
    error: string | null;
    loading: boolean;
}

const PAGE = 1000;

async function all(id: string, part: string | undefined, signal: AbortSignal): Promise<Pick<Answers, "list" | "parts">> {
    const list: Answer[] = [];
    for (;;) {
        const page = await get("/api/v1/jobs/{id}/answers", { path: { id }, query: { part, offset: list.length, limit: PAGE }, signal });
        list.push(...page.answers);
        if (page.answers.length < PAGE) {
            return { list, parts: page.parts };
        }
    }
}

const NOTHING: Answers = { list: [], parts: [], error: null, loading: true };

/** id null: none yet. `part` undefined: the usual one. */
export function useAnswers(id: string | null, part?: string): Answers {
    const [now, setNow] = useState(NOTHING);
    const of = useRef("");
    const back = returns.value;
    useEffect(() => {
        if (of.current !== `${id} ${part}`) {
            of.current = `${id} ${part}`;
            setNow(NOTHING);
        }
        if (id === null) {
            return;
        }
        const stop = new AbortController();
        all(id, part, stop.signal).then(
            (got) => setNow({ ...got, error: null, loading: false }),
            (e: unknown) => !stop.signal.aborted && setNow((old) => ({ ...old, error: wordsOf(e), loading: false })),
        );
        return () => stop.abort();
    }, [id, part, back]);
    return now;
}

const PAUSE_MS = 1000;

/** Whom a judge will score: neither what was cut off nor neutral answers. */
const waits = (a: Answer): boolean => (a.polarity !== undefined || a.condition !== undefined) && a.answered && a.label === undefined;

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
        const open = this.scored ? this.list.findIndex(waits) : -1;
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
export function useArriving(id: string | null, turn: string): Answers {
    const [now, setNow] = useState(NOTHING);
    const reader = useRef<Reader | null>(null);
    const back = returns.value;
    useEffect(() => {
        if (id === null) {
            return;
        }
        const stop = new AbortController();
        reader.current = new Reader(id, (list) => setNow({ list, parts: [], error: null, loading: false }), stop.signal);
        return () => stop.abort();
    }, [id]);
    useEffect(() => void (id !== null && reader.current?.ask()), [id, turn, back]);
    return now;
}
