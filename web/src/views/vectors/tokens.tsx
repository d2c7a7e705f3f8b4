// SPDX-License-Identifier: MIT
//
// tokens.tsx - the tokens that a direction promotes and demotes through the model's output matrix. That wants the model
// in memory: it is asked at once of a model that is ready, and after a word of the reader otherwise.
import { useState } from "preact/hooks";
import { get, type Reply } from "../../api/client";
import { modelById, refreshModels } from "../../api/live";
import { useResource } from "../../api/resource";
import { keep, place } from "../../app/router";
import { signed, token, unit } from "../../base/format";
import { Shown } from "../../parts/states";
import { text } from "../../text/en";
import type { Entry } from "./words";

const T = text.vectors.tokens;
const TOP = 12;
type Lens = Reply<"/api/v1/vectors/{model}/{name}/explain">;
type LensLayer = Lens["layers"][number];

/** How many standard deviations of all tokens a logit is away, in the diverging classes' steps. */
const tone = (logit: number, sd: number): string => `${logit < 0 ? "m" : "q"}${Math.max(1, Math.min(4, Math.round(Math.abs(logit) / sd)))}`;

function Words({ label, pieces, logits, sd }: { label: string; pieces: readonly string[]; logits: readonly number[]; sd: number }) {
    return (
        <>
            <h4>{label}</h4>
            <ul class="words-list" aria-label={label}>
                {pieces.map((p, i) => (
                    <li key={i} class={tone(logits[i] ?? 0, sd)}>
                        <span>{token(p)}</span> <small>{signed(logits[i])}</small>
                    </li>
                ))}
            </ul>
        </>
    );
}

function Layer({ lens }: { lens: Lens }) {
    const asked = Number(place.value.query.get("block") ?? lens.best_layer);
    const middle = lens.layers[Math.floor(lens.layers.length / 2)];
    const at: LensLayer | undefined = lens.layers.find((l) => l.layer === asked) ?? middle;
    if (!at) {
        return <p class="soft">{T.none}</p>;
    }
    return (
        <>
            <p class="soft small mb-0">
                <label class="me-1" for="lens-block">
                    {T.at}
                </label>
                <select id="lens-block" class="form-select inline" onChange={(e) => keep({ block: e.currentTarget.value })}>
                    {lens.layers.map((l) => (
                        <option key={l.layer} value={l.layer} selected={l.layer === at.layer}>
                            {l.layer === lens.best_layer ? `${l.layer}, ${T.best}` : l.layer}
                        </option>
                    ))}
                </select>
            </p>
            <Words label={T.more} pieces={at.promoted} logits={at.promoted_logits} sd={at.sd ?? 1} />
            <Words label={T.less} pieces={at.suppressed} logits={at.suppressed_logits} sd={at.sd ?? 1} />
            <p class="soft small mt-2 mb-0">{T.scale(unit(at.sd))}</p>
        </>
    );
}

export function Tokens({ v }: { v: Entry }) {
    const [wanted, want] = useState(false);
    const ready = modelById(v.model)?.state === "ready";
    const ask = v.model != null && (ready || wanted);
    const lens = useResource(
        ask
            ? async (signal) => {
                  const got = await get("/api/v1/vectors/{model}/{name}/explain", { path: { model: v.model!, name: v.name }, query: { top: TOP }, signal });
                  void refreshModels();
                  return got;
              }
            : null,
        [v.shelf, v.name, v.modified, ask],
    );
    return (
        <section aria-labelledby="h-tokens">
            <h3 id="h-tokens">{T.title}</h3>
            {v.model == null && <p class="soft small mb-0">{T.away}</p>}
            {v.model != null && !ask && (
                <p class="soft small mb-0">
                    {T.cold(v.model)}{" "}
                    <button class="btn btn-outline-secondary btn-sm" type="button" onClick={() => want(true)}>
                        {T.load}
                    </button>
                </p>
            )}
            {ask && (
                <Shown of={lens} lines={3}>
                    {(l) => <Layer lens={l} />}
                </Shown>
            )}
        </section>
    );
}
