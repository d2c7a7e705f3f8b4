// SPDX-License-Identifier: MIT
//
// form.tsx - a new sweep: which vector on which model, over which coefficients; the estimate beside the button. All of
// it lies in the address.
import { get } from "../../api/client";
import { defaultModel, modelById, models } from "../../api/live";
import { useResource } from "../../api/resource";
import { give, given, listOf, numberOf } from "../../app/form_query";
import { useStart } from "../../app/job_acts";
import { keep, link } from "../../app/router";
import { coef } from "../../base/scale";
import { Estimate, useEstimate } from "../../parts/estimate";
import { CheckField, errorAt, errorElsewhere, Field, NumberField, SelectField, TextField } from "../../parts/field";
import { Icon } from "../../parts/icons";
import { Empty, Failed, Loading } from "../../parts/states";
import { text } from "../../text/en";

const t = text.sweeps;
const RANGE = { min: -2, max: 2, points: 9 };
const NUMBERS = ["questions", "answers", "max_tokens", "temperature", "seed"] as const;
const USUAL: Record<string, string> = { answers: "1", max_tokens: "64", temperature: "1", seed: "0" };
const LABELS: Record<string, string> = { questions: t.questions, answers: t.answers, max_tokens: t.tokens, temperature: t.temperature, seed: text.work.seed };
const FIELDS = ["model", "vector", "trait", "judge", "coefficients", "unit", "operators", "blocks", "ask", ...NUMBERS];
const OPERATORS = Object.keys(t.operatorWords);

/** Points of equal distance, both ends among them; null: they cannot be made. */
function between(min: number, max: number, n: number): number[] | null {
    if (!(Number.isInteger(n) && n >= 2 && n <= 41 && min < max)) {
        return null;
    }
    return Array.from({ length: n }, (_, i) => Number((min + ((max - min) * i) / (n - 1)).toFixed(6)));
}

function coefficientsOf(): number[] | null {
    if (given("coefficients") !== "") {
        return listOf(given("coefficients"));
    }
    const [min, max, points] = (["min", "max", "points"] as const).map((name) => Number(numberOf(name) ?? RANGE[name]));
    return between(min!, max!, points!);
}

/** One's own, a line each. */
const questionsOf = (): string[] => given("ask").split("\n").map((q) => q.trim()).filter((q) => q !== "");
const operatorsOf = (): string[] => given("operators").split(/[,\s]+/).filter((o) => o !== "");

function bodyOf(model: string, vector: string): Record<string, unknown> | null {
    const coefficients = coefficientsOf();
    const blocks = given("blocks") === "" ? undefined : listOf(given("blocks"));
    if (!model || !vector || coefficients === null || blocks === null) {
        return null;
    }
    const body: Record<string, unknown> = { model, vector, coefficients, ...(blocks ? { blocks } : {}) };
    for (const name of ["trait", "judge", "unit"]) {
        if (given(name)) {
            body[name] = given(name);
        }
    }
    for (const name of NUMBERS) {
        const n = numberOf(name);
        if (n !== undefined) {
            body[name] = n;
        }
    }
    if (questionsOf().length > 0) {
        body["ask"] = questionsOf();
    }
    if (operatorsOf().length > 0) {
        body["operators"] = operatorsOf();
    }
    for (const name of ["kl", "prompt"]) {
        if (given(name) === "off") {
            body[name] = false;
        }
    }
    return body;
}

function Operators({ error }: { error: string | null }) {
    const on = operatorsOf();
    const toggle = (name: string) => {
        const now = on.length === 0 ? ["add"] : on;
        const next = now.includes(name) ? now.filter((x) => x !== name) : OPERATORS.filter((x) => now.includes(x) || x === name);
        keep({ operators: next.join() === "add" ? null : next.join(",") });
    };
    return (
        <fieldset class="w6">
            <legend class="form-label">{t.operators}</legend>
            <div class="checks">
                {OPERATORS.map((name) => (
                    <div class="form-check" key={name}>
                        <input class="form-check-input" type="checkbox" id={`op-${name}`} checked={on.length === 0 ? name === "add" : on.includes(name)} onChange={() => toggle(name)} />
                        <label class="form-check-label" for={`op-${name}`}>
                            {t.operatorWords[name]}
                        </label>
                    </div>
                ))}
            </div>
            {error !== null && (
                <p class="badline" role="alert">
                    {error}
                </p>
            )}
        </fieldset>
    );
}

function More({ error, nLayer }: { error: unknown; nLayer: number | null }) {
    const wrong = given("blocks") !== "" && listOf(given("blocks")) === null ? text.work.notNumbers : errorAt(error, "blocks");
    return (
        <details class="more plainmore mt-4" open={["blocks", "unit", "trait", "judge", "operators", "kl", "prompt", ...NUMBERS].some((x) => given(x) !== "")}>
            <summary>
                <Icon name="right" />
                {text.work.more}
            </summary>
            <div class="form-grid">
                <Operators error={errorAt(error, "operators")} />
                <TextField label={t.blocks} hint={t.blocksHint(nLayer)} value={given("blocks")} set={give("blocks")} error={wrong} />
                <SelectField label={t.unit} value={given("unit")} set={give("unit")} choices={Object.entries(t.units).map(([value, label]) => ({ value: value === "dose" ? "" : value, label }))} error={errorAt(error, "unit")} />
                <SelectField label={text.work.judge} value={given("judge")} set={give("judge")} choices={Object.entries(text.work.judges).map(([value, label]) => ({ value: value === "auto" ? "" : value, label }))} error={errorAt(error, "judge")} />
                {NUMBERS.map((name) => (
                    <NumberField key={name} label={LABELS[name]!} value={given(name)} set={give(name)} min={name === "seed" || name === "temperature" ? 0 : 1} step={name === "temperature" ? "any" : 1} placeholder={USUAL[name] ?? text.work.allOf} error={errorAt(error, name)} />
                ))}
                <div class="w6 checks">
                    <CheckField label={t.kl} checked={given("kl") !== "off"} set={(on) => give("kl")(on ? "" : "off")} />
                    <CheckField label={t.prompt} checked={given("prompt") !== "off"} set={(on) => give("prompt")(on ? "" : "off")} />
                </div>
            </div>
        </details>
    );
}

export function SweepForm() {
    const traits = useResource((signal) => get("/api/v1/traits", { signal }), []);
    const { start, busy, refused, refuse } = useStart("sweep");
    const all = models.value;
    const first = all?.find((m) => (m.vectors?.length ?? 0) > 0)?.id ?? defaultModel.value?.id ?? "";
    const model = given("model") || first;
    const vectors = modelById(model)?.vectors ?? [];
    const vector = given("vector") || vectors[0] || "";
    const coefficients = coefficientsOf();
    const body = bodyOf(model, vector);
    const estimate = useEstimate("sweep", body);
    const error = refused ?? estimate.error;
    if (all === null) {
        return <Loading />;
    }
    if (all.length === 0) {
        return (
            <Empty title={text.work.noModel}>
                <a href={link("models")}>{text.work.toModels}</a>
            </Empty>
        );
    }
    const elsewhere = errorElsewhere(error, FIELDS);
    const listed = given("coefficients") !== "";
    const choices = vectors.includes(vector) || vector === "" ? vectors : [vector, ...vectors];
    return (
        <form onSubmit={start(body)} onInput={() => refuse(null)} aria-label={t.new}>
            {traits.error !== null && <Failed error={traits.error} retry={traits.reload} />}
            <div class="form-grid">
                <SelectField label={text.work.model} value={model} set={(v) => keep({ model: v, vector: null })} choices={all.map((m) => ({ value: m.id, label: m.id }))} error={errorAt(error, "model")} />
                <SelectField
                    label={t.vector}
                    value={vector}
                    set={give("vector")}
                    choices={choices.map((v) => ({ value: v, label: v }))}
                    error={errorAt(error, "vector")}
                    hint={vectors.length === 0 ? <>{t.noVector} <a href={link("extract", [], { model })}>{t.extractOne}</a></> : undefined}
                />
                <SelectField label={t.traitOf} value={given("trait")} set={give("trait")} choices={[{ value: "", label: t.traitDefault }, ...(traits.value?.traits ?? []).map((x) => ({ value: x.name, label: x.name }))]} error={errorAt(error, "trait")} />
                <NumberField label={t.min} value={given("min")} set={give("min")} step="any" placeholder={String(RANGE.min)} disabled={listed} />
                <NumberField label={t.max} value={given("max")} set={give("max")} step="any" placeholder={String(RANGE.max)} disabled={listed} />
                <NumberField label={t.points} value={given("points")} set={give("points")} min={2} max={41} placeholder={String(RANGE.points)} disabled={listed} />
                <TextField class="w6" label={t.list} hint={coefficients ? coefficients.map(coef).join(", ") : t.listHint} value={given("coefficients")} set={give("coefficients")} placeholder={t.listHint} error={coefficients === null ? (listed ? text.work.notNumbers : t.badRange) : errorAt(error, "coefficients")} />
                <Field class="w6" label={t.ask} hint={t.askHint} error={errorAt(error, "ask")}>
                    {(named) => <textarea {...named} class="form-control" rows={2} value={given("ask")} onInput={(e) => give("ask")(e.currentTarget.value)} />}
                </Field>
            </div>
            <More error={error} nLayer={modelById(model)?.loaded?.n_layer ?? null} />
            {elsewhere !== null && (
                <div class="mt-4">
                    <Failed error={elsewhere} />
                </div>
            )}
            <Estimate of={estimate}>
                <button class="btn btn-primary" type="submit" disabled={body === null || busy}>
                    {t.start}
                </button>
            </Estimate>
        </form>
    );
}
