// SPDX-License-Identifier: MIT
//
// facts.tsx - a row of numbers under hairlines, and a list of names with values.
import { type ComponentChildren, Fragment } from "preact";

export interface Fact {
    label: string;
    value: ComponentChildren;
    note?: ComponentChildren;
}

export function Facts({ facts, class: extra = "" }: { facts: readonly Fact[]; class?: string }) {
    return (
        <dl class={`facts ${extra}`}>
            {facts.map((f) => (
                <div key={f.label}>
                    <dt>{f.label}</dt>
                    <dd>
                        {f.value}
                        {f.note !== undefined && <small>{f.note}</small>}
                    </dd>
                </div>
            ))}
        </dl>
    );
}

export function Pairs({ pairs }: { pairs: readonly (readonly [string, ComponentChildren])[] }) {
    return (
        <dl class="kv">
            {pairs.map(([name, value]) => (
                <Fragment key={name}>
                    <dt>{name}</dt>
                    <dd>{value}</dd>
                </Fragment>
            ))}
        </dl>
    );
}
