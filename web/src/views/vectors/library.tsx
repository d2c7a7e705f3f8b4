// SPDX-License-Identifier: MIT
//
// library.tsx - the table of vectors: search, filters and order stand in the address.
import { useMemo } from "preact/hooks";
import { keep, link, place } from "../../app/router";
import { unit, when } from "../../base/format";
import { Spark } from "../../parts/spark";
import { Empty } from "../../parts/states";
import { text } from "../../text/en";
import { type Entry, isOf, keyOf, kindOf, KINDS, modelName, modelOf, origin, searched } from "./words";

const T = text.vectors;
const SHORT = 10; // rows before "Show all"
type Sort = keyof typeof T.sorts;

const last = (x: number | null | undefined): number => x ?? -Infinity;
const ORDERS: Record<Sort, (a: Entry, b: Entry) => number> = {
    made: (a, b) => b.modified - a.modified,
    name: (a, b) => a.name.localeCompare(b.name),
    auroc: (a, b) => last(b.auroc) - last(a.auroc),
    block: (a, b) => b.best_layer - a.best_layer,
};

/** What the address asks for, of all. */
export function chosen(all: readonly Entry[], q: URLSearchParams): Entry[] {
    const words = (q.get("find") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const [model, kind] = [q.get("model"), q.get("kind")];
    const order = ORDERS[(q.get("sort") ?? "made") as Sort] ?? ORDERS.made;
    return all
        .filter((v) => (!model || isOf(v, model)) && (!kind || kindOf(v) === kind) && words.every((w) => searched(v).includes(w)))
        .sort((a, b) => order(a, b) || keyOf(a).localeCompare(keyOf(b)));
}

/** Shelf and name of every model that has a vector, by name. */
export function modelsOf(all: readonly Entry[]): Entry[] {
    return [...new Map(all.map((v) => [v.shelf, v])).values()].sort((a, b) => modelName(a).localeCompare(modelName(b)));
}

function Filters({ all }: { all: readonly Entry[] }) {
    const q = place.value.query;
    const model = q.get("model") ?? "";
    return (
        <form class="filters" role="search" onSubmit={(e) => e.preventDefault()}>
            <input class="form-control" type="search" placeholder={T.find} aria-label={T.find} value={q.get("find") ?? ""} onInput={(e) => keep({ find: e.currentTarget.value })} />
            <select class="form-select" aria-label={T.model} onChange={(e) => keep({ model: e.currentTarget.value })}>
                <option value="" selected={model === ""}>
                    {T.allModels}
                </option>
                {modelsOf(all).map((v) => (
                    <option key={v.shelf} value={modelOf(v)} selected={model !== "" && isOf(v, model)}>
                        {modelName(v)}
                    </option>
                ))}
            </select>
            <select class="form-select" aria-label={T.kind} onChange={(e) => keep({ kind: e.currentTarget.value })}>
                <option value="">{T.allKinds}</option>
                {KINDS.map((k) => (
                    <option key={k} value={k} selected={q.get("kind") === k}>
                        {T.kinds[k]}
                    </option>
                ))}
            </select>
            <select class="form-select" aria-label={T.order} onChange={(e) => keep({ sort: e.currentTarget.value === "made" ? "" : e.currentTarget.value })}>
                {(Object.keys(T.sorts) as Sort[]).map((s) => (
                    <option key={s} value={s} selected={(q.get("sort") ?? "made") === s}>
                        {T.sorts[s]}
                    </option>
                ))}
            </select>
        </form>
    );
}

function Row({ v, now }: { v: Entry; now: boolean }) {
    const best = v.best_layer >= 0;
    return (
        <tr aria-current={now ? "true" : undefined}>
            <th scope="row">
                <a href={link("vectors", [modelOf(v), v.name], place.value.query)} aria-current={now ? "page" : undefined}>
                    <b>{v.name}</b>
                    <small>
                        {v.trait && v.trait !== v.name && kindOf(v) !== "sum" && `${v.trait}, `}
                        {modelName(v)}
                    </small>
                </a>
            </th>
            <td class="opt-c how">
                {T.kinds[kindOf(v)]}
                {v.verdict && <span class={`tag ${v.verdict === "PASS" ? "" : "cut"}`}>{v.verdict}</span>}
                <small>{origin(v)}</small>
            </td>
            <td class="spk">
                <Spark values={v.norms} mark={best ? v.best_layer : null} />
            </td>
            <td class="num">{best ? `${T.block} ${v.best_layer}` : <span class="soft">{T.noBlock}</span>}</td>
            <td class="num opt-c">{v.auroc != null ? unit(v.auroc) : <span class="soft">{T.none}</span>}</td>
            <td class="num opt-c soft">{when(v.modified)}</td>
        </tr>
    );
}

export function Library({ all, damaged, now }: { all: readonly Entry[]; damaged: readonly { name: string; error: string }[]; now: Entry | null }) {
    const q = place.value.query;
    const rows = useMemo(() => chosen(all, q), [all, q]);
    const shown = q.get("all") || rows.length <= SHORT + 2 ? rows : rows.slice(0, SHORT);
    return (
        <section aria-label={T.library}>
            <Filters all={all} />
            {rows.length > 0 && (
                <table class="vt">
                    <thead>
                        <tr>
                            <th scope="col">{T.columns.what}</th>
                            <th scope="col">{T.columns.how}</th>
                            <th scope="col">{T.columns.norm}</th>
                            <th class="num" scope="col">{T.columns.best}</th>
                            <th class="num" scope="col">{T.columns.auroc}</th>
                            <th class="num" scope="col">{T.columns.made}</th>
                        </tr>
                    </thead>
                    <tbody>
                        {shown.map((v) => (
                            <Row key={keyOf(v)} v={v} now={now !== null && keyOf(v) === keyOf(now)} />
                        ))}
                    </tbody>
                </table>
            )}
            {rows.length === 0 && (
                <Empty title={all.length === 0 ? T.empty : T.nothing}>
                    <p class="soft">{all.length === 0 ? T.emptyHow : T.nothingHow}</p>
                    {all.length === 0 ? (
                        <a class="btn btn-primary" href={link("extract")}>
                            {T.extract}
                        </a>
                    ) : (
                        <button class="btn btn-outline-secondary" type="button" onClick={() => keep({ find: "", model: "", kind: "" })}>
                            {T.clear}
                        </button>
                    )}
                </Empty>
            )}
            {shown.length < rows.length && (
                <p class="soft small mt-3 mb-0">
                    {T.some(shown.length, rows.length)}{" "}
                    <button class="btn btn-link" type="button" onClick={() => keep({ all: 1 })}>
                        {T.showAll}
                    </button>
                </p>
            )}
            <p class="visually-hidden" role="status">
                {T.found(rows.length)}
            </p>
            {damaged.length > 0 && (
                <div class="note mt-4">
                    <b>{T.damaged(damaged.length)}</b>
                    <ul class="mb-0 ps-3">
                        {damaged.map((d) => (
                            <li key={`${d.name}${d.error}`}>
                                <span class="mono">{d.name}</span>: {d.error}
                            </li>
                        ))}
                    </ul>
                </div>
            )}
        </section>
    );
}
