// SPDX-License-Identifier: MIT
//
// watch.tsx - along which vectors the server reads everybody's answers, and from where on the page alarms.
import { useState } from "preact/hooks";
import { get, put } from "../../api/client";
import { models } from "../../api/live";
import { type Resource, useResource } from "../../api/resource";
import { say, sayError } from "../../app/toast";
import { num } from "../../base/format";
import { Icon } from "../../parts/icons";
import { Failed } from "../../parts/states";
import { text } from "../../text/en";
import { type Limits } from "../../app/alarm_query";
import { setLimit, USUAL } from "./alarms";

const t = text.monitor;
const MOST = 8;

export interface Watched {
    model: string;
    vectors: string[];
}

async function set(model: string, vectors: string[], old: string[], of: Resource<Watched[]>, words: string): Promise<void> {
    const send = async (list: string[]) => {
        await put("/api/v1/watch/{model}", { path: { model }, body: { vectors: list } });
        of.reload();
    };
    try {
        await send(vectors);
        say(words, () => send(old));
    } catch (e) {
        sayError(e);
    }
}

function One({ model, names, watched, of }: { model: string; names: string[]; watched: string[]; of: Resource<Watched[]> }) {
    const left = names.filter((n) => !watched.includes(n));
    return (
        <div class="watchrow">
            <b>{model}</b>
            {watched.map((v) => (
                <span class="chip" key={v}>
                    <span class="mono">{v}</span>
                    <button type="button" class="chipx" aria-label={`${t.unwatch} ${v}, ${model}`} onClick={() => void set(model, watched.filter((x) => x !== v), watched, of, `${t.unwatched} ${v}`)}>
                        <Icon name="x" />
                    </button>
                </span>
            ))}
            {left.length > 0 && watched.length < MOST && (
                <select class="form-select" aria-label={`${t.watchAdd}, ${model}`} value="" onChange={(e) => { const v = e.currentTarget.value; e.currentTarget.value = ""; if (v !== "") { void set(model, [...watched, v], watched, of, `${t.nowWatched} ${v}`); } }}>
                    <option value="">{watched.length > 0 ? t.watchMore : t.watchAdd}</option>
                    {left.map((n) => (
                        <option key={n} value={n}>
                            {n}
                        </option>
                    ))}
                </select>
            )}
        </div>
    );
}

export function useWatch(): Resource<Watched[]> {
    return useResource(async (signal) => (await get("/api/v1/watch", { signal })).watch ?? [], [], 15_000);
}

export function WatchRows({ of }: { of: Resource<Watched[]> }) {
    const vectors = useResource(async (signal) => (await get("/api/v1/vectors", { signal })).vectors ?? [], [models.value?.length ?? 0]);
    const watched = (m: string): string[] => of.value?.find((w) => w.model === m)?.vectors ?? [];
    const namesOf = (m: string): string[] => (vectors.value ?? []).filter((v) => v.model === m).map((v) => v.name);
    const rows = (models.value ?? []).filter((m) => namesOf(m.id).length > 0 || watched(m.id).length > 0);
    const error = of.error ?? vectors.error;
    return (
        <>
            {error !== null && <Failed error={error} retry={() => (of.reload(), vectors.reload())} />}
            {rows.length === 0 && vectors.value !== null && <p class="soft">{t.noVectors}</p>}
            {rows.map((m) => (
                <One key={m.id} model={m.id} names={namesOf(m.id)} watched={watched(m.id)} of={of} />
            ))}
        </>
    );
}

const written = (x: number): string => num(x, 2).replace("\u2212", "-").replace(/\.?0+$/, "");

/** What is being written stays as it is while the feed redraws the page; what is a number counts at once. */
function LimitField({ probe, value }: { probe: string; value: number }) {
    const [draft, setDraft] = useState<string | null>(null);
    return (
        <label>
            <span class="mono">{probe}</span>
            <input
                class="form-control"
                type="number"
                min="-20"
                max="20"
                step="any"
                value={draft ?? written(value)}
                onInput={(e) => {
                    setDraft(e.currentTarget.value);
                    if (Number.isFinite(e.currentTarget.valueAsNumber)) {
                        setLimit(probe, e.currentTarget.valueAsNumber);
                    }
                }}
                onBlur={() => setDraft(null)}
            />
            <span class="soft">σ</span>
        </label>
    );
}

/** A field for each probe that was seen. */
export function LimitFields({ probes, all }: { probes: readonly string[]; all: Limits }) {
    return probes.length === 0 ? null : (
        <fieldset class="limits">
            <legend>{t.alarmAbove}</legend>
            {probes.map((p) => (
                <LimitField key={p} probe={p} value={all.get(p) ?? USUAL} />
            ))}
        </fieldset>
    );
}
