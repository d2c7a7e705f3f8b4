// SPDX-License-Identifier: MIT
//
// feed.tsx - the answers, the newest first. Nothing moves under a reader: while the list is under the pointer, has the
// focus or is scrolled, what is new waits behind a chip that counts it.
import { useEffect, useRef, useState } from "preact/hooks";
import { keep, place } from "../../app/router";
import { num } from "../../base/format";
import { text } from "../../text/en";
import { isDropped, isKept, type Judged } from "./answers";

const t = text.extract;
const STEP = 60; // shown at first, and with each "Show more"
type Filter = keyof typeof t.filters;

export interface Sides {
    positive: string;
    negative: string;
}

function One({ a, sides }: { a: Judged; sides: Sides }) {
    const name = a.side > 0 ? sides.positive : a.side < 0 ? sides.negative : t.neutral;
    return (
        <li class={isDropped(a) ? "gone" : undefined}>
            <span class="q">
                <span class={`side ${a.side > 0 ? "" : a.side < 0 ? "n" : "z"}`}>{name}</span> · {a.question}
            </span>
            <span class="sc">
                {a.side === 0 ? t.compared : t.fate[a.fate]}
                {a.label !== undefined && (
                    <>
                        {`, ${t.score} `}
                        <b>{num(a.label, 0)}</b>
                    </>
                )}
            </span>
            <details class="a">
                <summary>{a.response || "–"}</summary>
            </details>
        </li>
    );
}

export function Feed({ answers, sides, live, open }: { answers: readonly Judged[]; sides: Sides; live: boolean; open: boolean }) {
    const box = useRef<HTMLUListElement>(null);
    const zone = useRef<HTMLDivElement>(null); // with the chip, which a pointer must be able to reach
    const [held, hold] = useState(false);
    const [seen, setSeen] = useState(answers.length);
    const [most, setMost] = useState(STEP);
    const filter = (place.value.query.get("show") ?? "all") as Filter;
    const quiet = () => !zone.current?.matches(":hover") && !box.current?.matches(":focus-within") && (box.current?.scrollTop ?? 0) < 8;
    useEffect(() => {
        if (answers.length < seen || seen === 0 || quiet()) {
            setSeen(answers.length);
        }
        hold(!quiet());
    }, [answers.length]);
    const release = () => {
        if (quiet()) {
            setSeen(answers.length);
        }
        hold(!quiet());
    };
    const fits = (a: Judged) => (filter === "kept" ? isKept(a) : filter === "dropped" ? isDropped(a) : true);
    const shown = answers.slice(0, seen).filter(fits).reverse();
    const fresh = answers.slice(seen).filter(fits).length;
    const showFresh = () => {
        setSeen(answers.length);
        box.current?.scrollTo({ top: 0 });
    };
    return (
        <div ref={zone} onPointerLeave={release}>
            <div class="d-flex align-items-center gap-3 flex-wrap">
                <h2 id="h-roll">{live ? t.feed : t.feedDone}</h2>
                {held && fresh > 0 && (
                    <button class="chip on" type="button" onClick={showFresh}>
                        {t.fresh(fresh)}
                    </button>
                )}
                <span class="seg ms-auto" role="group" aria-label={t.show}>
                    {(Object.keys(t.filters) as Filter[]).map((f) => (
                        <label key={f}>
                            <input type="radio" name="show" checked={filter === f} onChange={() => keep({ show: f === "all" ? null : f })} />
                            {t.filters[f]}
                        </label>
                    ))}
                </span>
            </div>
            {shown.length === 0 ? (
                <p class="soft mt-3">{answers.length > 0 ? t.feedNoneOf : open ? t.feedNone : t.feedGone}</p>
            ) : (
                <ul class="feed" ref={box} tabindex={0} aria-labelledby="h-roll" aria-live="off" onScroll={release} onFocusOut={release}>
                    {shown.slice(0, most).map((a) => (
                        <One a={a} sides={sides} key={a.id} />
                    ))}
                    {shown.length > most && (
                        <li>
                            <button class="btn btn-quiet" type="button" onClick={() => setMost(most + STEP)}>
                                {t.feedMore}
                            </button>
                        </li>
                    )}
                </ul>
            )}
        </div>
    );
}
