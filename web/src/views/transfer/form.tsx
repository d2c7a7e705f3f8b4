// SPDX-License-Identifier: MIT
//
// form.tsx - a new transfer: from where to where, which trait, how large; the estimate beside the button. All of it
// lies in the address.
import { get } from "../../api/client";
import { models } from "../../api/live";
import { useResource } from "../../api/resource";
import { give, given, listOf, numberOf } from "../../app/form_query";
import { useStart } from "../../app/job_acts";
import { keep, link } from "../../app/router";
import { Estimate, useEstimate } from "../../parts/estimate";
import { CheckField, errorAt, errorElsewhere, NumberField, SelectField, TextField } from "../../parts/field";
import { Icon } from "../../parts/icons";
import { Empty, Failed, Loading } from "../../parts/states";
import { text } from "../../text/en";

const t = text.transfer;
type Numbers = Record<string, number>;
const SIZES: Record<string, Numbers> = {
    quick: { questions: 6, max_tokens: 48, extract_tokens: 48, text_tokens: 48, neutral: 40, random: 8, draws: 3, draw_questions: 4, settle_questions: 6, candidates: 2 },
    usual: {},
    careful: { repeats: 3 },
};
const USUAL: Numbers = { answers: 1, repeats: 1, max_tokens: 96, extract_tokens: 128, text_tokens: 96, neutral: 120, random: 20, draws: 5, draw_questions: 8, settle_questions: 20, candidates: 4, seed: 0 };
const QUICK_COEFFICIENTS = [-1, -0.5, 0, 0.5, 1];
const NUMBERS = Object.keys(t.fields);
const FIELDS = ["from", "to", "trait", "vector", "judge", "coefficients", "method", ...NUMBERS];

function sizeOf(): string {
    const s = given("size");
    return s in SIZES ? s : "usual";
}

function coefficientsOf(): number[] | null | undefined {
    const s = given("coefficients");
    return s !== "" ? listOf(s) : sizeOf() === "quick" ? QUICK_COEFFICIENTS : undefined;
}

/** What the server is asked for; null: something is still missing. */
function bodyOf(from: string, to: string, trait: string): Record<string, unknown> | null {
    const coefficients = coefficientsOf();
    if (!from || !to || from === to || !trait || coefficients === null) {
        return null;
    }
    const body: Record<string, unknown> = { from, to, trait, ...SIZES[sizeOf()] };
    for (const name of NUMBERS) {
        const n = numberOf(name);
        if (n !== undefined) {
            body[name] = n;
        }
    }
    for (const name of ["vector", "judge", "method"]) {
        if (given(name)) {
            body[name] = given(name);
        }
    }
    if (coefficients) {
        body["coefficients"] = coefficients;
    }
    for (const name of ["all_controls", "evaluate"]) {
        if (given(name) === "off") {
            body[name] = false;
        }
    }
    return body;
}

function More({ error }: { error: unknown }) {
    const usual = { ...USUAL, ...SIZES[sizeOf()] };
    const wrong = coefficientsOf() === null ? text.work.notNumbers : errorAt(error, "coefficients");
    const set = (name: string) => FIELDS.includes(name) && given(name) !== "";
    return (
        <details class="more plainmore mt-4" open={[...NUMBERS, "coefficients", "method"].some(set)}>
            <summary>
                <Icon name="right" />
                {text.work.more}
            </summary>
            <div class="form-grid">
                {NUMBERS.map((name) => (
                    <NumberField key={name} label={t.fields[name]![0]} hint={t.fields[name]![1]} value={given(name)} set={give(name)} min={name === "seed" ? 0 : 1} placeholder={usual[name] === undefined ? text.work.allOf : String(usual[name])} error={errorAt(error, name)} />
                ))}
                <SelectField label={t.method} value={given("method")} set={give("method")} choices={Object.entries(t.methods).map(([value, label]) => ({ value: value === "ridge" ? "" : value, label }))} error={errorAt(error, "method")} />
                <TextField class="w3" label={text.work.coefficients} hint={t.coefficientsHint} value={given("coefficients")} set={give("coefficients")} placeholder={sizeOf() === "quick" ? "-1, -0.5, 0, 0.5, 1" : "-2, -1, -0.5, 0, 0.5, 1, 2"} error={wrong} />
                <CheckField label={t.controls} hint={t.controlsHint} checked={given("all_controls") !== "off"} set={(on) => give("all_controls")(on ? "" : "off")} />
                <CheckField label={t.evaluate} hint={t.evaluateHint} checked={given("evaluate") !== "off"} set={(on) => give("evaluate")(on ? "" : "off")} />
            </div>
        </details>
    );
}

export function TransferForm() {
    const traits = useResource((signal) => get("/api/v1/traits", { signal }), []);
    const { start, busy, refused, refuse } = useStart("transfer");
    const all = models.value;
    const from = given("from") || all?.[0]?.id || "";
    const to = given("to") || all?.find((m) => m.id !== from)?.id || "";
    const source = all?.find((m) => m.id === from);
    const names = traits.value?.traits.map((x) => x.name) ?? [];
    const trait = given("trait") || source?.vectors?.find((v) => names.includes(v)) || names[0] || "";
    const body = bodyOf(from, to, trait);
    const estimate = useEstimate("transfer", body);
    const error = refused ?? estimate.error;
    if (all === null) {
        return <Loading />;
    }
    if (all.length < 2) {
        return (
            <Empty title={text.work.noModel}>
                <p>{t.two}</p>
                <a href={link("models")}>{text.work.toModels}</a>
            </Empty>
        );
    }
    const ids = all.map((m) => ({ value: m.id, label: m.id }));
    const elsewhere = errorElsewhere(error, FIELDS);
    return (
        <form onSubmit={start(body)} onInput={() => refuse(null)} aria-label={t.new}>
            {traits.error !== null && <Failed error={traits.error} retry={traits.reload} />}
            <div class="form-grid">
                <SelectField class="w3" label={t.from} value={from} set={(v) => keep({ from: v, vector: null, ...(v === to ? { to: from } : {}) })} choices={ids} error={errorAt(error, "from")} />
                <SelectField class="w3" label={t.to} value={to} set={give("to")} choices={ids} error={from === to ? t.same : errorAt(error, "to")} />
                <SelectField class="w3" label={text.work.trait} value={trait} set={give("trait")} choices={[...(names.includes(trait) || trait === "" ? [] : [trait]), ...names].map((x) => ({ value: x, label: x }))} error={errorAt(error, "trait")} />
                <SelectField class="w3" label={t.vector} value={given("vector")} set={give("vector")} choices={[{ value: "", label: t.extractNow }, ...(source?.vectors ?? []).map((v) => ({ value: v, label: v }))]} error={errorAt(error, "vector")} />
                <SelectField class="w3" label={text.work.judge} value={given("judge")} set={give("judge")} choices={Object.entries(text.work.judges).map(([value, label]) => ({ value: value === "auto" ? "" : value, label }))} error={errorAt(error, "judge")} />
                <SelectField class="w3" label={t.size} hint={t.sizeHint[sizeOf()]} value={sizeOf()} set={(v) => give("size")(v === "usual" ? "" : v)} choices={Object.entries(t.sizes).map(([value, label]) => ({ value, label }))} />
            </div>
            <More error={error} />
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
