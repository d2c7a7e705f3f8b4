// SPDX-License-Identifier: MIT
//
// estimate.tsx - what a job would cost, told beside the button that starts it: asked anew a moment after the form has
// changed. Until something can be estimated its place is kept.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { post, type Reply } from "../api/client";
import { duration } from "../base/format";
import { text } from "../text/en";
import { whole } from "../text/whole";

export type JobKind = "extract" | "transfer" | "sweep";
export type Estimated = Reply<"/api/v1/jobs/estimate/transfer", "post">;
export interface Estimating {
    value: Estimated | null;
    error: unknown;
    busy: boolean;
}

const PAUSE_MS = 400;

/** body null: nothing to ask yet. */
export function useEstimate(kind: JobKind, body: object | null): Estimating {
    const [now, setNow] = useState<Estimating>({ value: null, error: null, busy: false });
    const key = JSON.stringify(body);
    useEffect(() => {
        if (body === null) {
            setNow({ value: null, error: null, busy: false });
            return;
        }
        const stop = new AbortController();
        setNow((old) => ({ ...old, busy: true }));
        const timer = setTimeout(() => {
            post(`/api/v1/jobs/estimate/${kind}`, { body, signal: stop.signal }).then(
                (value) => setNow({ value: value as Estimated, error: null, busy: false }),
                (error: unknown) => {
                    if (!stop.signal.aborted) {
                        setNow({ value: null, error, busy: false });
                    }
                },
            );
        }, PAUSE_MS);
        return () => {
            stop.abort();
            clearTimeout(timer);
        };
    }, [kind, key]);
    return now;
}

const n = (x: number) => whole(x);

export function Estimate({ of, children }: { of: Estimating; children: ComponentChildren }) {
    const e = of.value;
    return (
        <div class="estimate">
            <div class="what" aria-live="polite" aria-busy={of.busy}>
                {e ? (
                    <>
                        <p>
                            {text.work.about} <b>{text.work.answers(n(e.answers))}</b>, {text.work.tokens(n(e.tokens))}: <b>{text.work.atLeast(duration(e.seconds))}</b> {text.work.here}
                        </p>
                        <p class="small soft">
                            {e.parts.map((p) => `${p.what} ${n(p.answers)}`).join(" · ")}. {text.work.onTop}
                        </p>
                    </>
                ) : (
                    <p class="soft">{of.busy ? text.work.estimating : of.error !== null ? text.work.noEstimate : text.work.estimateLater}</p>
                )}
            </div>
            {children}
        </div>
    );
}
