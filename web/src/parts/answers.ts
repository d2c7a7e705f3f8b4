// SPDX-License-Identifier: MIT
//
// answers.ts - every answer of a job, asked for in pages: of its evaluation, also while it grows.
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

/** id null: none yet. Asked again every `pause` milliseconds; 0: once. `part` undefined: the usual one. */
export function useAnswers(id: string | null, pause: number, part?: string): Answers {
    const [now, setNow] = useState<Answers>({ list: [], parts: [], error: null, loading: true });
    const of = useRef("");
    const back = returns.value;
    useEffect(() => {
        if (of.current !== `${id} ${part}`) {
            of.current = `${id} ${part}`;
            setNow({ list: [], parts: [], error: null, loading: true });
        }
        if (id === null) {
            return;
        }
        const stop = new AbortController();
        let timer: ReturnType<typeof setTimeout> | undefined;
        const round = async () => {
            try {
                const got = await all(id, part, stop.signal);
                setNow({ ...got, error: null, loading: false });
            } catch (e) {
                if (!stop.signal.aborted) {
                    setNow((old) => ({ ...old, error: wordsOf(e), loading: false }));
                }
            }
            if (pause > 0 && !stop.signal.aborted) {
                timer = setTimeout(() => void round(), pause);
            }
        };
        void round();
        return () => {
            stop.abort();
            clearTimeout(timer);
        };
    }, [id, part, pause, back]);
    return now;
}
