// SPDX-License-Identifier: MIT
//
// screen_result.tsx - a screening's numbers for each vector, how they lie, and the samples sorted by them, the flagged ones
// first; beside each given answer what the model itself would have said.
import { useState } from "preact/hooks";
import { get } from "../../api/client";
import { useResource } from "../../api/resource";
import { keep, link, place } from "../../app/router";
import { count, interval, num, signed } from "../../base/format";
import { saveFile, saveJson } from "../../base/save_file";
import { Facts } from "../../parts/facts";
import { Histogram } from "../../parts/histogram";
import { Icon } from "../../parts/icons";
import { text } from "../../text/en";
import { csvOf, lastAsked, type Row, type Screening } from "./screening";
import type { Item } from "./texts";

const t = text.monitor;
const PAGE = 50;
const OWN_MOST = 1000; // that the server gives at once

const nameOf = (x: { vector: string; block: number }): string => `${x.vector}@${x.block}`;

/** The model's own answers by the number of their item; those of further samples are left out. */
function useOwn(id: string): ReadonlyMap<number, string> {
    const own = useResource(
        async (signal) => {
            const first = await get("/api/v1/jobs/{id}/answers", { path: { id }, query: { limit: OWN_MOST }, signal });
            const part = (first.parts ?? []).find((p) => p.stage === "own")?.part;
            const all = part === undefined || part === first.part ? first : await get("/api/v1/jobs/{id}/answers", { path: { id }, query: { part, limit: OWN_MOST }, signal });
            return part === undefined ? [] : (all.answers ?? []);
        },
        [id],
    );
    return new Map((own.value ?? []).map((a) => [a.id, typeof a.response === "string" ? a.response : ""]));
}

function Sample({ r, item, own }: { r: Row; item: Item | undefined; own: string | undefined }) {
    return (
        <li class={r.flagged ? "flag" : ""}>
            <details>
                <summary>
                    <span class="tab rank">{r.rank ?? "–"}</span>
                    <span class="asked">
                        <b>{lastAsked(item) || t.noText}</b>
                        <small>{item?.response ?? ""}</small>
                    </span>
                    <span class="tab score">
                        <b class={r.flagged ? "q3" : ""}>{signed(r.delta, 1)}</b>
                        <small>{r.flagged ? t.flagged : ""}</small>
                    </span>
                </summary>
                <div class="two">
                    <div>
                        <h4>
                            {t.given} <span class="soft tab">{num(r.given, 1)}</span>
                        </h4>
                        <p>{item?.response ?? ""}</p>
                    </div>
                    <div>
                        <h4>
                            {t.own}{" "}
                            <span class="soft tab">
                                {num(r.own, 1)}
                                {r.ownSe !== null && ` ± ${num(r.ownSe, 1)}`}
                            </span>
                        </h4>
                        <p>{own ?? t.noOwn}</p>
                    </div>
                </div>
                <p class="soft small">
                    {t.line} {r.line}
                    {(item?.messages.length ?? 0) > 1 && `, ${count(item!.messages.length, t.message, t.messages)} ${t.before}`}
                </p>
            </details>
        </li>
    );
}

export function ScreenResult({ id, screening, items }: { id: string; screening: Screening; items: readonly Item[] }) {
    const q = place.value.query;
    const own = useOwn(id);
    const [shown, setShown] = useState(PAGE);
    const chosen = screening.along.find((a) => nameOf(a) === q.get("v")) ?? screening.along[0];
    if (!chosen) {
        return <p class="soft">{t.nothingYet}</p>;
    }
    const mine = screening.rows.filter((r) => nameOf(r) === nameOf(chosen)).sort((a, b) => (a.rank ?? Infinity) - (b.rank ?? Infinity));
    const onlyFlagged = q.get("show") !== "all" && chosen.flagged > 0;
    const find = (q.get("find") ?? "").toLowerCase();
    const rows = mine.filter((r) => (!onlyFlagged || r.flagged) && (find === "" || `${lastAsked(items[r.index])} ${items[r.index]?.response ?? ""}`.toLowerCase().includes(find)));
    const values = mine.flatMap((r) => (r.delta === null ? [] : [r.delta]));
    const base = (show: string) => link("monitor", [id], new URLSearchParams({ ...Object.fromEntries(q), show }));
    return (
        <>
            <section aria-label={t.result}>
                {screening.along.length > 1 && (
                    <label class="pickv">
                        <span class="form-label">{t.vector}</span>
                        <select class="form-select" value={nameOf(chosen)} onChange={(e) => keep({ v: e.currentTarget.value })}>
                            {screening.along.map((a) => (
                                <option key={nameOf(a)} value={nameOf(a)}>
                                    {nameOf(a)}
                                </option>
                            ))}
                        </select>
                    </label>
                )}
                <p class="words">
                    <b>{count(chosen.flagged, t.sample, t.samplesMany)}</b> {t.ofAll(count(values.length, t.answer, t.answers))} <b>{nameOf(chosen)}</b>.
                </p>
                <Facts
                    class="mt-4"
                    facts={[
                        { label: t.mean, value: signed(chosen.mean, 1), note: chosen.ci ? `95 %: ${interval(chosen.ci[0], chosen.ci[1], 1)}` : "" },
                        { label: t.limit, value: num(chosen.limit, 1), note: chosen.byNeutral ? t.byNeutral : t.byMedian },
                        { label: t.unread, value: num(screening.unread, 0), note: t.unreadWhat },
                    ]}
                />
                <figure class="fig mt-4">
                    <Histogram values={values} limit={chosen.limit} limitLabel={t.limitShort} label={t.histogram(values.length, chosen.flagged)} />
                    <figcaption>{t.histogramWhat}</figcaption>
                </figure>
            </section>
            <section aria-label={t.samplesShown}>
                <div class="titlerow">
                    <h2>{t.samplesShown}</h2>
                    <div class="acts">
                        <button class="btn btn-outline-secondary" type="button" onClick={() => saveFile(`${id}.csv`, new Blob([csvOf(screening, items)], { type: "text/csv" }))}>
                            <Icon name="file" /> CSV
                        </button>
                        <button class="btn btn-outline-secondary" type="button" onClick={() => saveJson(`${id}.json`, { id, vectors: screening.along, items: screening.rows.map((r) => ({ ...r, ...items[r.index], own_answer: own.get(r.index) ?? null })) })}>
                            <Icon name="file" /> JSON
                        </button>
                    </div>
                </div>
                <div class="filters mt-3">
                    <input class="form-control" type="search" aria-label={t.find} placeholder={t.find} value={q.get("find") ?? ""} onInput={(e) => keep({ find: e.currentTarget.value })} />
                    {chosen.flagged > 0 && (
                        <div class="seg" role="group" aria-label={t.show}>
                            <a href={base("flagged")} aria-current={onlyFlagged ? "true" : undefined}>
                                {t.onlyFlagged}
                            </a>
                            <a href={base("all")} aria-current={onlyFlagged ? undefined : "true"}>
                                {t.all}
                            </a>
                        </div>
                    )}
                </div>
                {rows.length === 0 && <p class="soft">{t.noneOfThese}</p>}
                <ol class="samplelist">
                    {rows.slice(0, shown).map((r) => (
                        <Sample key={r.index} r={r} item={items[r.index]} own={own.get(r.index)} />
                    ))}
                </ol>
                {rows.length > shown && (
                    <button class="btn btn-outline-secondary mt-3" type="button" onClick={() => setShown(shown + PAGE)}>
                        {t.showMore(rows.length - shown)}
                    </button>
                )}
            </section>
        </>
    );
}
