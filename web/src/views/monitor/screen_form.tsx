// SPDX-License-Identifier: MIT
//
// screen_form.tsx - which texts, along which vectors, how far is too far; what it would take; then it starts. Choices
// stand in the address, the texts in the tab until they are sent: both outlive a reload.
import { useEffect, useMemo, useState } from "preact/hooks";
import { ApiError, get, post, wordsOf } from "../../api/client";
import { defaultModel, models, refreshJobs } from "../../api/live";
import { useResource } from "../../api/resource";
import { go, keep, place } from "../../app/router";
import { bytes, count, duration } from "../../base/format";
import { errorAt, Field, NumberField, SelectField } from "../../parts/field";
import { Icon } from "../../parts/icons";
import { Upload } from "../../parts/upload";
import { text } from "../../text/en";
import { readTexts } from "./texts";

const t = text.monitor;
const DRAFT = "persona-screen";
const MOST_BYTES = 15 << 20; // what the server takes in one body, with room

function stored(): string {
    try {
        return sessionStorage.getItem(DRAFT) ?? "";
    } catch {
        return "";
    }
}
function store(s: string): void {
    try {
        sessionStorage.setItem(DRAFT, s);
    } catch {
        // too large for the tab's store: lasts as long as the page
    }
}

const numberOf = (name: string): number | undefined => {
    const v = place.value.query.get(name);
    const x = Number(v);
    return v !== null && v !== "" && Number.isFinite(x) ? x : undefined;
};

function Vectors({ model, chosen, error }: { model: string; chosen: string[]; error: string | null }) {
    const list = useResource(async (signal) => ((await get("/api/v1/vectors", { query: { model }, signal })).vectors ?? []).map((v) => v.name), [model]);
    const toggle = (v: string) => keep({ along: (chosen.includes(v) ? chosen.filter((x) => x !== v) : [...chosen, v]).join(",") });
    const names = [...new Set([...(list.value ?? []), ...chosen])];
    return (
        <fieldset class="w6 along">
            <legend class="form-label">{t.along}</legend>
            {list.value !== null && names.length === 0 && (
                <p class="soft m-0">
                    {t.noVectorsOf} <a href="#/extract">{t.extractOne}</a>
                </p>
            )}
            {list.error !== null && <p class="badline">{list.error}</p>}
            {names.map((v) => (
                <label class={`chip ${chosen.includes(v) ? "on" : ""}`} key={v}>
                    <input class="form-check-input m-0" type="checkbox" checked={chosen.includes(v)} onChange={() => toggle(v)} /> <span class="mono">{v}</span>
                </label>
            ))}
            {error !== null && <p class="badline">{error}</p>}
        </fieldset>
    );
}

export function ScreenForm() {
    const q = place.value.query;
    const model = q.get("model") ?? defaultModel.value?.id ?? "";
    const along = (q.get("along") ?? "").split(",").filter((v) => v !== "");
    const [source, setSource] = useState(stored);
    const [error, setError] = useState<unknown>(null);
    const [busy, setBusy] = useState(false);
    const read = useMemo(() => readTexts(source), [source]);
    const write = (s: string) => {
        setSource(s);
        store(s);
        setError(null);
    };
    const samples = numberOf("samples");
    const body = { model, vectors: along, items: read.items, threshold: numberOf("threshold"), max_tokens: numberOf("max"), samples, temperature: numberOf("t") ?? (samples !== undefined && samples > 1 ? 0.7 : undefined), seed: numberOf("seed") };
    const ready = model !== "" && along.length > 0 && read.items.length > 0;
    const large = source.length > MOST_BYTES;
    const estimate = useEstimate(ready && !large ? body : null);
    const start = async (e: Event) => {
        e.preventDefault();
        setBusy(true);
        try {
            const job = await post("/api/v1/jobs/screen", { body });
            void refreshJobs();
            go("monitor", [job.id]);
        } catch (x) {
            setError(x);
            setBusy(false);
        }
    };
    const files = (list: File[]) => void list[0]?.text().then(write, setError);
    const at = (name: string) => errorAt(error, name);
    const field = (name: string, label: string, min: number, max: number, usual: string, hint?: string, step: number | "any" = 1, param = name) => (
        <NumberField label={label} value={q.get(name) ?? ""} set={(v) => keep({ [name]: v })} min={min} max={max} step={step} placeholder={usual} error={at(param)} {...(hint ? { hint } : {})} />
    );
    return (
        <form onSubmit={(e) => void start(e)}>
            <div class="form-grid">
                <SelectField label={t.model} class="w3" value={model} set={(v) => keep({ model: v, along: "" })} choices={(models.value ?? []).map((m) => ({ value: m.id, label: m.id }))} error={at("model")} />
                <NumberField class="w3" label={t.threshold} hint={t.thresholdWhat} value={q.get("threshold") ?? ""} set={(v) => keep({ threshold: v })} min={0.01} max={1000} step="any" placeholder="3" error={at("threshold")} />
                <Vectors model={model} chosen={along} error={at("vectors")} />
                <Field class="w6" label={t.texts} hint={t.textsWhat} error={at("items") ?? (large ? t.tooLarge(bytes(source.length)) : null)}>
                    {(named) => <textarea {...named} class="form-control texts" rows={7} spellcheck={false} value={source} onInput={(e) => write(e.currentTarget.value)} />}
                </Field>
                <div class="w6">
                    <Upload label={t.file} hint={t.fileWhat} accept=".jsonl,.json,.txt,.ndjson" onFiles={files} />
                </div>
            </div>
            <details class="more mt-4">
                <summary>
                    <Icon name="right" /> {t.more}
                </summary>
                <div class="form-grid">
                    {field("max", t.maxTokens, 1, 100000, "128", undefined, 1, "max_tokens")}
                    {field("samples", t.samples, 1, 1000, "1", t.samplesWhat)}
                    {field("t", t.temperature, 0, 10, samples !== undefined && samples > 1 ? "0.7" : "0", undefined, "any", "temperature")}
                    {field("seed", t.seed, 0, 4294967295, "0")}
                </div>
            </details>
            <div class="estimate">
                <p role="status">
                    {read.items.length > 0 && (
                        <>
                            <b>{count(read.items.length, t.answer, t.answers)}</b> {t.inTexts}
                            {read.bad.length > 0 && <span class="warnline">, {t.leftOut(read.bad.length, read.bad[0]!)}</span>}.{" "}
                        </>
                    )}
                    {source !== "" && read.items.length === 0 && <span class="warnline">{t.nothingRead} </span>}
                    {estimate ?? (along.length === 0 ? t.chooseVector : read.items.length === 0 ? t.pasteTexts : "")}
                </p>
                <button class="btn btn-primary" type="submit" disabled={!ready || busy || large}>
                    {busy ? t.starting : t.start}
                </button>
            </div>
            {error !== null && !["model", "threshold", "vectors", "items", "max_tokens", "samples", "temperature", "seed"].some((n) => at(n) !== null) && (
                <p class="badline" role="alert">
                    {wordsOf(error)}
                </p>
            )}
        </form>
    );
}

const ASK_AFTER_MS = 400;
const LARGE = 200_000; // characters of a body that is not sent only to hear a number

/** What it would take, in words; null: not known. */
function useEstimate(body: { items: unknown[] } | null): string | null {
    const [words, setWords] = useState<string | null>(null);
    const key = body === null ? "" : JSON.stringify(body);
    useEffect(() => {
        setWords(null);
        if (key === "" || key.length > LARGE) {
            return;
        }
        const stop = new AbortController();
        const timer = setTimeout(() => {
            post("/api/v1/jobs/estimate/screen", { body: JSON.parse(key), signal: stop.signal }).then(
                (x) => setWords(t.estimate(count(x.answers, t.ownAnswer, t.ownAnswers), count(x.tokens, t.token, t.tokens), typeof x.seconds === "number" ? duration(x.seconds) : null)),
                (e: unknown) => !stop.signal.aborted && setWords(e instanceof ApiError ? e.message : null),
            );
        }, ASK_AFTER_MS);
        return () => {
            clearTimeout(timer);
            stop.abort();
        };
    }, [key]);
    return words;
}
