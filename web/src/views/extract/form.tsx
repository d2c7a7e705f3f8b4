// SPDX-License-Identifier: MIT
//
// form.tsx - what to extract: its fields stand in the address, what it would take is estimated while one writes, and
// what the server refuses is said at the field.
import { get, type Reply } from "../../api/client";
import { defaultModel, models, openJobs } from "../../api/live";
import { useResource } from "../../api/resource";
import { useStart } from "../../app/job_acts";
import { keep, place } from "../../app/router";
import { count, duration, num } from "../../base/format";
import { type Estimated, useEstimate } from "../../parts/estimate";
import { CheckField, type Choice, errorAt, errorElsewhere, NumberField, SelectField } from "../../parts/field";
import { Icon } from "../../parts/icons";
import { Failed } from "../../parts/states";
import { text } from "../../text/en";

const t = text.extract.form;
type Traits = Reply<"/api/v1/traits">;

const NUMBERS = ["questions", "rollouts", "max_tokens", "seed", "temperature", "min_trait", "min_coherence"] as const;
const WORDS = ["model", "trait", "judge", "method"] as const;
const NAMES = [...NUMBERS, ...WORDS, "calibrate"] as const;
type Name = (typeof NAMES)[number];


/** What the fields say, as the server takes it; a field that is empty is left to the server. */
function bodyOf(at: (name: Name) => string): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    for (const n of WORDS) {
        if (at(n) !== "") {
            out[n] = at(n);
        }
    }
    for (const n of NUMBERS) {
        if (at(n) !== "") {
            out[n] = Number.isFinite(Number(at(n))) ? Number(at(n)) : at(n);
        }
    }
    if (at("calibrate") === "no") {
        out["calibrate"] = false;
    }
    return out;
}

function traitChoices(all: Traits | null, now: string): Choice[] {
    const out = (all?.traits ?? []).map((x) => ({ value: x.name, label: x.name, group: x.own ? t.own : t.shipped }));
    const more = (all?.more ?? []).map((name) => ({ value: name, label: name, group: t.shipped }));
    const known = [...out, ...more].sort((a, b) => (a.group === b.group ? 0 : a.group === t.own ? -1 : 1));
    return now === "" || known.some((c) => c.value === now) ? known : [{ value: now, label: now }, ...known];
}

function modelChoices(now: string): Choice[] {
    const out = (models.value ?? []).map((m) => ({ value: m.id, label: m.id }));
    return now === "" || out.some((c) => c.value === now) ? out : [{ value: now, label: now }, ...out];
}

function EstimateWords({ value, ready, failed }: { value: Estimated | null; ready: boolean; failed: boolean }) {
    if (!ready) {
        return <>{t.estimate.ask}</>;
    }
    if (value === null) {
        return <>{failed ? "" : t.estimate.wait}</>;
    }
    const part = value.parts[0];
    const rate = `${num(part?.tokens_per_second, 0)} ${text.extract.perSecond}`;
    return (
        <>
            <b class="fw-semibold">{t.estimate.about(duration(value.seconds))}</b>{" "}
            <span class="soft">
                {t.estimate.rest(count(value.answers, "answer", "answers"), part?.max_tokens ?? 0, rate)}
                {value.seconds > 120 && ` ${t.estimate.half(duration(value.seconds / 2))}`}
            </span>
        </>
    );
}

export function ExtractForm({ first = {} }: { first?: Partial<Record<Name, string>> }) {
    const traits = useResource((signal) => get("/api/v1/traits", { signal }), []);
    const query = place.value.query;
    const usual: Partial<Record<Name, string>> = { model: defaultModel.value?.id ?? "", trait: traits.value?.traits[0]?.name ?? "", ...first };
    const at = (name: Name) => query.get(name) ?? usual[name] ?? "";
    const set = (name: Name) => (value: string) => {
        refuse(null);
        keep({ [name]: value });
    };
    const body = bodyOf(at);
    const ready = body["model"] !== undefined && body["trait"] !== undefined;
    const estimate = useEstimate("extract", ready ? body : null);
    const { start, busy, refused, refuse } = useStart("extract");
    const error = refused ?? estimate.error;
    const elsewhere = errorElsewhere(error, NAMES);
    const waiting = openJobs.value.length;
    const number = (name: (typeof NUMBERS)[number], label: string, rest: { min: number; max?: number; step?: number | "any"; placeholder: string; hint?: string }) => (
        <NumberField label={label} value={at(name)} set={set(name)} error={errorAt(error, name)} {...rest} />
    );
    const pack = traits.value?.traits.find((x) => x.name === at("trait"));
    return (
        <form onSubmit={start(body)} noValidate>
            {traits.error !== null && <Failed error={traits.error} retry={traits.reload} />}
            <div class="form-grid">
                <SelectField class="w3" label={t.model} value={at("model")} set={set("model")} choices={modelChoices(at("model"))} error={errorAt(error, "model")} />
                <SelectField class="w3" label={t.trait} value={at("trait")} set={set("trait")} choices={traitChoices(traits.value, at("trait"))} error={errorAt(error, "trait")} {...(pack ? { hint: pack.description } : {})} />
                <SelectField label={t.judge} value={at("judge") || "auto"} set={(v) => set("judge")(v === "auto" ? "" : v)} choices={Object.entries(t.judges).map(([value, label]) => ({ value, label }))} error={errorAt(error, "judge")} />
                {number("questions", t.questions, { min: 1, placeholder: "", hint: t.questionsHint(pack ? Math.floor(pack.n_questions / 2) : 20) })}
                {number("rollouts", t.rollouts, { min: 1, max: 1000, placeholder: "1", hint: t.rolloutsHint })}
                {number("max_tokens", t.maxTokens, { min: 1, placeholder: "128" })}
                {number("seed", t.seed, { min: 0, placeholder: "0" })}
            </div>
            <details class="more mt-4" open={["temperature", "min_trait", "min_coherence", "method", "calibrate"].some((n) => query.has(n))}>
                <summary>
                    <Icon name="right" />
                    {t.more}
                </summary>
                <div class="wide">
                    <div class="form-grid">
                        {number("temperature", t.temperature, { min: 0, max: 10, step: "any", placeholder: "1" })}
                        {number("min_trait", t.minTrait, { min: 0, max: 100, step: "any", placeholder: "50", hint: t.minTraitHint(at("min_trait") || "50") })}
                        {number("min_coherence", t.minCoherence, { min: 0, max: 100, step: "any", placeholder: "50" })}
                        <SelectField class="w3" label={t.method} value={at("method") || "mean"} set={(v) => set("method")(v === "mean" ? "" : v)} choices={Object.entries(t.methods).map(([value, label]) => ({ value, label }))} error={errorAt(error, "method")} />
                        <div class="w3">
                            <CheckField label={t.calibrate} hint={t.calibrateHint} checked={at("calibrate") !== "no"} set={(on) => set("calibrate")(on ? "" : "no")} />
                        </div>
                    </div>
                </div>
            </details>
            {elsewhere !== null && <Failed error={elsewhere} />}
            <div class="estimate">
                <p aria-live="polite">
                    <EstimateWords value={estimate.busy ? null : estimate.value} ready={ready} failed={error !== null && !estimate.busy} />
                </p>
                <button class="btn btn-primary" type="submit" disabled={busy || !ready}>
                    {waiting > 0 ? t.after(waiting) : t.start}
                </button>
            </div>
        </form>
    );
}
