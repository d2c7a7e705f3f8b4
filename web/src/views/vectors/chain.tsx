// SPDX-License-Identifier: MIT
//
// chain.tsx - where a vector comes from, step by step, as its file tells it. What the file does not say is not shown.
import type { ComponentChildren } from "preact";
import { link } from "../../app/router";
import { count, num, unit, when } from "../../base/format";
import { Verdict } from "../../parts/verdict";
import { text } from "../../text/en";
import { type Entry, kindOf, type Whole } from "./words";

const T = text.vectors.chain;

interface Step {
    main: ComponentChildren;
    note: string;
}

const joined = (...parts: (string | false | null | undefined)[]): string => parts.filter(Boolean).join(", ");

function packStep(w: Whole): Step {
    return {
        main: (
            <>
                <a href={link("traits", [w.trait])}>{w.trait}</a>, {T.pack}
            </>
        ),
        note: T.packNote,
    };
}

function answersStep(w: Whole): Step[] {
    const n = w.generated.positive + w.generated.negative;
    if (n === 0) {
        return [];
    }
    const whose = kindOf(w) === "carried" ? w.parent_model || text.vectors.unknown : w.model;
    return [
        {
            main: (
                <>
                    <b>{count(n, text.vectors.answer, text.vectors.answers)}</b> {T.of} {whose}
                </>
            ),
            note: joined(T.seed(w.seed), T.kept(w.kept.positive, w.kept.negative), w.judge && w.judge !== "none" && T.judge(w.judge)),
        },
    ];
}

function mapSteps(w: Whole): Step[] {
    return [
        ...(w.layer_from >= 0 ? [{ main: <b>{T.vector}</b>, note: `${T.at(w.layer_from)} ${T.of} ${w.parent_model}` }] : []),
        {
            main: (
                <>
                    <b>{T.map}</b> {text.to} {w.model}
                    {w.n_texts > 0 && `, ${T.texts(w.n_texts)}`}
                </>
            ),
            note: joined(
                w.map,
                w.r2_heldout != null && `${T.heldOut} ${unit(w.r2_heldout)}`,
                w.r2_contrast != null && `${T.contrast} ${unit(w.r2_contrast)}`,
                w.r2_shuffled != null && `${T.shuffled} ${unit(w.r2_shuffled)}`,
            ),
        },
    ];
}

function measured(w: Whole): string {
    const best = w.layers.find((l) => l.layer === w.best_layer);
    return joined(best?.auroc != null && `AUROC ${unit(best.auroc)}`, best?.split_half_cosine != null && `${T.halves} ${unit(best.split_half_cosine)}`);
}

function steps(v: Entry, w: Whole): Step[] {
    const made: Step = {
        main: (
            <>
                <b>{T.this}</b>
                {w.best_layer >= 0 && `, ${T.at(w.best_layer)} ${T.ofBlocks(w.n_layer)}`}
            </>
        ),
        note: joined(measured(w), when(v.modified)),
    };
    switch (kindOf(w)) {
        case "carried":
            return [packStep(w), ...answersStep(w), ...mapSteps(w), made];
        case "sum":
            return [{ main: <b class="mono">{w.trait}</b>, note: T.sum }, made];
        case "imported":
            return [{ main: <b>{w.source || T.file}</b>, note: w.note || T.foreign }, made];
        default:
            return [packStep(w), ...answersStep(w), made];
    }
}

export function Chain({ v, w }: { v: Entry; w: Whole }) {
    return (
        <section aria-labelledby="h-prov">
            <h3 id="h-prov">{T.title}</h3>
            <ol class="chain">
                {steps(v, w).map((s, i) => (
                    <li key={i}>
                        {s.main}
                        <small>{s.note}</small>
                    </li>
                ))}
            </ol>
            {w.verdict && (
                <p class="mt-3 mb-0">
                    <Verdict verdict={w.verdict} /> <span class="soft small">{w.verdict === "PASS" ? T.pass : T.fail}</span>
                </p>
            )}
            {w.unapplied && <p class="soft small mt-2 mb-0">{`${T.unapplied} ${w.unapplied}`}</p>}
            {w.dose_kl != null && <p class="soft small mt-2 mb-0">{T.doseKl(num(w.dose_kl, 2))}</p>}
        </section>
    );
}
