// SPDX-License-Identifier: MIT
//
// stages.tsx - the stages of a job in a row: what is done, what runs and how far, what comes.
export interface Stage {
    name: string;
    state: "done" | "now" | "todo";
    /** "10 checked", "496 of 800" */
    note?: string;
    /** Done of it from 0 to 1; null: not known. */
    part?: number | null;
}

export function Stages({ stages, label }: { stages: readonly Stage[]; label: string }) {
    return (
        <ol class="stages" aria-label={label}>
            {stages.map((s) => (
                <li key={s.name} class={s.state} aria-current={s.state === "now" ? "step" : undefined}>
                    {s.state === "now" && (
                        <svg aria-hidden="true">
                            <rect width={`${Math.round(100 * (s.part ?? 0))}%`} height="2" />
                        </svg>
                    )}
                    <b>{s.name}</b>
                    {s.note}
                </li>
            ))}
        </ol>
    );
}

/** States of stages in their order, with the one that runs now: what is before it is done. `at` -1: none yet. */
export function stagesAt(names: readonly string[], at: number, note: string, part: number | null): Stage[] {
    return names.map((name, i) => (i === at ? { name, state: "now", note, part } : { name, state: i < at ? "done" : "todo" }));
}
