// SPDX-License-Identifier: MIT
//
// field.tsx - labelled inputs. What the server refuses is said at the field that it names (ApiError.param), and what no
// field of the form answers for, under the form.
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { ApiError, wordsOf } from "../api/client";

/** What is wrong with the field of this name; null: nothing. */
export function errorAt(error: unknown, name: string): string | null {
    return error instanceof ApiError && error.param?.split(/[.[]/)[0] === name ? error.message : null;
}

/** What no field of these names shows. */
export function errorElsewhere(error: unknown, names: readonly string[]): string | null {
    return error === null || error === undefined || names.some((n) => errorAt(error, n) !== null) ? null : wordsOf(error);
}

interface Common {
    label: string;
    hint?: ComponentChildren;
    error?: string | null;
    class?: string; // w3, w6 in a .form-grid
    disabled?: boolean;
}
interface Named {
    id: string;
    "aria-describedby": string | undefined;
    "aria-invalid": boolean | undefined;
}

/** A label, its control and what is to be said of it; `children` makes the control with the given attributes. */
export function Field({ label, hint, error = null, class: extra = "", children }: Common & { children: (named: Named) => ComponentChildren }) {
    const id = useId();
    const about = [error !== null ? `${id}-e` : "", hint ? `${id}-h` : ""].filter(Boolean).join(" ");
    return (
        <div class={extra}>
            <label class="form-label" for={id}>
                {label}
            </label>
            {children({ id, "aria-describedby": about || undefined, "aria-invalid": error !== null || undefined })}
            {error !== null && (
                <p class="badline" id={`${id}-e`} role="alert">
                    {error}
                </p>
            )}
            {hint && (
                <p class="hintline" id={`${id}-h`}>
                    {hint}
                </p>
            )}
        </div>
    );
}

const bad = (error: string | null | undefined) => (error ? "is-bad" : "");

export interface TextProps extends Common {
    value: string;
    set: (value: string) => void;
    placeholder?: string;
    list?: string;
}
export function TextField(p: TextProps) {
    return (
        <Field {...p}>
            {(named) => (
                <input {...named} class={`form-control ${bad(p.error)}`} type="text" autocomplete="off" spellcheck={false} value={p.value} list={p.list} placeholder={p.placeholder} disabled={p.disabled} onInput={(e) => p.set(e.currentTarget.value)} />
            )}
        </Field>
    );
}

export interface NumberProps extends Common {
    /** As written; "": none, which leaves it to the server. */
    value: string;
    set: (value: string) => void;
    min?: number;
    max?: number;
    step?: number | "any";
    placeholder?: string;
}
export function NumberField(p: NumberProps) {
    return (
        <Field {...p}>
            {(named) => (
                <input {...named} class={`form-control ${bad(p.error)}`} type="number" inputmode="decimal" value={p.value} min={p.min} max={p.max} step={p.step ?? 1} placeholder={p.placeholder} disabled={p.disabled} onInput={(e) => p.set(e.currentTarget.value)} />
            )}
        </Field>
    );
}

export interface Choice {
    value: string;
    label: string;
    group?: string;
}
export interface SelectProps extends Common {
    value: string;
    set: (value: string) => void;
    choices: readonly Choice[];
}
export function SelectField(p: SelectProps) {
    const option = (c: Choice) => (
        <option key={c.value} value={c.value} selected={c.value === p.value}>
            {c.label}
        </option>
    );
    const groups = [...new Set(p.choices.map((c) => c.group ?? ""))];
    return (
        <Field {...p}>
            {(named) => (
                <select {...named} class={`form-select ${bad(p.error)}`} disabled={p.disabled} onChange={(e) => p.set(e.currentTarget.value)}>
                    {groups.map((g) => {
                        const inside = p.choices.filter((c) => (c.group ?? "") === g).map(option);
                        return g === "" ? inside : (
                            <optgroup key={g} label={g}>
                                {inside}
                            </optgroup>
                        );
                    })}
                </select>
            )}
        </Field>
    );
}

export function CheckField({ label, hint, checked, set }: { label: string; hint?: string; checked: boolean; set: (on: boolean) => void }) {
    const id = useId();
    return (
        <div class="form-check form-switch">
            <input id={id} class="form-check-input" type="checkbox" role="switch" checked={checked} aria-describedby={hint ? `${id}-h` : undefined} onChange={(e) => set(e.currentTarget.checked)} />
            <label class="form-check-label" for={id}>
                {label}
            </label>
            {hint && (
                <p class="hintline" id={`${id}-h`}>
                    {hint}
                </p>
            )}
        </div>
    );
}
