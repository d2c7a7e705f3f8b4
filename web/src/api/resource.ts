// SPDX-License-Identifier: MIT
//
// resource.ts - something asked of the server by a view: loading, there or failed, asked again when what it
// depends on changes and when the server has come back. What was there stays visible while it is asked again.
import { useEffect, useRef, useState } from "preact/hooks";
import { returns, wordsOf } from "./client";

export interface Resource<T> {
    value: T | null;
    error: string | null;
    loading: boolean;
    reload: () => void;
    /** After a change that the page made itself. */
    set: (value: T) => void;
}

/** `load` null: nothing to ask yet. `pause`: milliseconds after which it is asked again; 0: never. */
export function useResource<T>(
    load: ((signal: AbortSignal) => Promise<T>) | null,
    depends: readonly unknown[],
    pause = 0,
): Resource<T> {
    const [value, setValue] = useState<T | null>(null);
    const [error, setError] = useState<string | null>(null);
    const [loading, setLoading] = useState(true);
    const [turn, setTurn] = useState(0);
    const last = useRef<string>("");
    const key = JSON.stringify(depends);
    const back = returns.value;
    useEffect(() => {
        if (last.current !== key) {
            last.current = key;
            setValue(null);
            setError(null);
        }
        if (load === null) {
            setLoading(false);
            return;
        }
        const stop = new AbortController();
        let timer: ReturnType<typeof setTimeout> | undefined;
        setLoading(true);
        load(stop.signal)
            .then(
                (v) => {
                    if (!stop.signal.aborted) {
                        setValue(v);
                        setError(null);
                    }
                },
                (e: unknown) => {
                    if (!stop.signal.aborted) {
                        setError(wordsOf(e));
                    }
                },
            )
            .finally(() => {
                if (!stop.signal.aborted) {
                    setLoading(false);
                    if (pause > 0) {
                        timer = setTimeout(() => setTurn((n) => n + 1), pause);
                    }
                }
            });
        return () => {
            stop.abort();
            clearTimeout(timer);
        };
    }, [key, turn, back, pause]);
    return { value, error, loading, reload: () => setTurn((n) => n + 1), set: setValue };
}
