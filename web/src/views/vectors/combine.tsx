// SPDX-License-Identifier: MIT
//
// combine.tsx - a new vector as a sum of others of one model. While one writes, the server says how the sum would agree
// with what is there; it is the reader's word that writes it.
import { useEffect, useState } from "preact/hooks";
import { ApiError, post } from "../../api/client";
import { useResource } from "../../api/resource";
import { go, keep, place } from "../../app/router";
import { unit } from "../../base/format";
import { errorElsewhere, Field, SelectField, TextField } from "../../parts/field";
import { text } from "../../text/en";
import { modelsOf } from "./library";
import { sayWritten, writeOver } from "./replace";
import { type Entry, isOf, modelName, modelOf } from "./words";

const T = text.vectors.combine;
const PAUSE_MS = 250;

/** The value once it has stood still for a moment. */
function useSettled(value: string): string {
    const [settled, set] = useState(value);
    useEffect(() => {
        const timer = setTimeout(() => set(value), PAUSE_MS);
        return () => clearTimeout(timer);
    }, [value]);
    return settled;
}

/** "silly − superficial" of the first two, as a beginning. */
function example(group: readonly Entry[]): string {
    const [a, b] = group;
    return a && b ? `${a.name} - 0.5*${b.name}` : a ? `-1*${a.name}` : "";
}

function Preview({ model, expression, normalize }: { model: string; expression: string; normalize: boolean }) {
    const settled = useSettled(expression);
    const body = { model, expression: settled, normalize };
    const seen = useResource(settled.trim() ? (signal) => post("/api/v1/vectors/combine-preview", { body, signal }) : null, [body]);
    if (!settled.trim()) {
        return null;
    }
    return (
        <div aria-live="polite">
            {seen.error !== null && <p class="badline mt-2">{seen.error}</p>}
            {seen.error === null && seen.value && (
                <p class="soft small mt-2 mb-0">
                    {seen.value.block < 0 || seen.value.cosines.length === 0
                        ? T.nothing
                        : `${T.cosine(seen.value.block)} ${seen.value.cosines.map((c) => `${c.name} ${unit(c.cosine)}`).join(", ")}`}
                </p>
            )}
        </div>
    );
}

export function Combine({ all, now, reload }: { all: readonly Entry[]; now: Entry | null; reload: () => void }) {
    const q = place.value.query;
    const groups = modelsOf(all);
    const wanted = q.get("sum-model");
    const lead = groups.find((v) => (wanted ? isOf(v, wanted) : now !== null && v.shelf === now.shelf)) ?? groups[0];
    const [name, setName] = useState("");
    const [normalize, setNormalize] = useState(false);
    const [error, setError] = useState<unknown>(null);
    const expression = q.get("sum") ?? "";
    useEffect(() => setError(null), [name, expression, lead?.shelf]);
    if (!lead) {
        return null;
    }
    const at = { model: modelOf(lead), name: name.trim() };
    const taken = error instanceof ApiError && error.code === "exists" && all.some((v) => v.shelf === lead.shelf && v.name === at.name);
    const write = () => post("/api/v1/vectors/combine", { body: { ...at, expression, normalize } });
    const done = () => {
        setName("");
        reload();
        go("vectors", [at.model, at.name], { ...Object.fromEntries(place.value.query), sum: "" });
    };
    const make = async (over: boolean) => {
        setError(null);
        try {
            if (over) {
                await writeOver(at, write, T.replaced(at.name), reload);
            } else {
                await write();
                sayWritten(at, T.made(at.name), reload);
            }
            done();
        } catch (e) {
            setError(e);
        }
    };
    return (
        <section class="maker" aria-labelledby="h-sum">
            <h3 id="h-sum">{T.title}</h3>
            <p class="soft small mb-2">{T.what}</p>
            <form
                onSubmit={(e) => {
                    e.preventDefault();
                    void make(false);
                }}
            >
                {groups.length > 1 && <SelectField label={text.vectors.model} value={modelOf(lead)} set={(m) => keep({ "sum-model": m })} choices={groups.map((v) => ({ value: modelOf(v), label: modelName(v) }))} />}
                <Field label={T.expression} class="mt-2">
                    {(named) => (
                        <input {...named} class="form-control mono" type="text" value={expression} placeholder={example(all.filter((v) => v.shelf === lead.shelf))} spellcheck={false} autocomplete="off" onInput={(e) => keep({ sum: e.currentTarget.value })} />
                    )}
                </Field>
                <Preview model={modelOf(lead)} expression={expression} normalize={normalize} />
                <div class="namerow mt-2">
                    <TextField label={T.name} value={name} set={setName} placeholder={T.nameHint} />
                    <button class="btn btn-outline-secondary" type="submit" disabled={!expression.trim() || !at.name}>
                        {T.make}
                    </button>
                </div>
                <div class="form-check mt-2">
                    <input id="sum-unit" class="form-check-input" type="checkbox" checked={normalize} onChange={(e) => setNormalize(e.currentTarget.checked)} />
                    <label class="form-check-label small" for="sum-unit">
                        {T.normalize}
                    </label>
                </div>
                {errorElsewhere(error, []) && (
                    <p class="badline" role="alert">
                        {taken ? T.taken(at.name) : errorElsewhere(error, [])}
                    </p>
                )}
                {taken && (
                    <button class="btn btn-outline-secondary btn-sm mt-2" type="button" onClick={() => void make(true)}>
                        {T.replace}
                    </button>
                )}
            </form>
        </section>
    );
}
