// SPDX-License-Identifier: MIT
//
// measured.tsx - what stands behind the verdict: how it was measured, the map, every vector, what can be counted, the
// repeats, every number, and the commands that do it again.
import type { ComponentChildren } from "preact";
import type { Job } from "../../api/live";
import { curlOf } from "../../base/command";
import { duration, interval, num, percent, unit } from "../../base/format";
import { signedCoef } from "../../base/scale";
import { Copyable } from "../../parts/copyable";
import { Pairs } from "../../parts/facts";
import { Icon } from "../../parts/icons";
import { text } from "../../text/en";
import { commandOf } from "./command";
import { coefficientsOf } from "./dose";
import { type Interval, rowAt, type TransferResult } from "./result";

const t = text.transfer;
const of = (x: Interval, digits = 1): string => (x.value === null ? "–" : `${num(x.value, digits)} [${interval(x.ci[0], x.ci[1], digits)}]`);

function More({ title, wide = false, children }: { title: string; wide?: boolean; children: ComponentChildren }) {
    return (
        <details class="more">
            <summary>
                <Icon name="right" />
                {title}
            </summary>
            <div class={wide ? "wide" : ""}>{children}</div>
        </details>
    );
}

function Table({ label, columns, rows }: { label: string; columns: readonly string[]; rows: readonly (readonly ComponentChildren[])[] }) {
    return (
        <div class="scroll" tabIndex={0} role="region" aria-label={label}>
            <table class="numbers" aria-label={label}>
                <thead>
                    <tr>
                        {columns.map((c, i) => (
                            <th key={i} scope="col">
                                {c}
                            </th>
                        ))}
                    </tr>
                </thead>
                <tbody>
                    {rows.map((r, i) => (
                        <tr key={i}>
                            {r.map((c, k) => (k === 0 ? <th key={k} scope="row">{c}</th> : <td key={k}>{c}</td>))}
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}

function How({ r }: { r: TransferResult }) {
    const strict = r.leave_out.levels.find((x) => x.leave === "strict");
    const answers = r.rows?.reduce((n, x) => n + x.n, 0) ?? 0;
    const pairs: [string, string][] = [
        [t.judgedBy, r.judge ?? "–"],
        [t.n, t.nOf(rowAt(r, "transferred", 0)?.n ?? 0, answers)],
        [t.texts, `${r.n_texts}${strict ? `; ${t.leaning(strict.n_leaning, r.leave_out.n_texts)}` : ""}`],
        [t.cosine, `${unit(r.arms.find((a) => a.condition === "transferred")?.cosine_native)}; ${t.cosineNull(unit(r.cosine_null.max))}`],
        [t.auroc, r.auroc.value === null ? (r.auroc.reason ?? "–") : `${unit(r.auroc.value)} [${unit(r.auroc.ci[0])}, ${unit(r.auroc.ci[1])}], p ${unit(r.auroc.null.p, 3)}; ${r.auroc.of}`],
        ...(r.neutral ? [[t.neutralShift, of(r.neutral.shift)] as [string, string]] : []),
        ...(r.second_judge ? [[t.secondJudge, t.secondOf(r.second_judge.judge, r.second_judge.n, of(r.second_judge.spearman, 2), percent(r.second_judge.same_side))] as [string, string]] : []),
        [t.seeds, String(r.seed)],
        [t.took, duration(r.seconds)],
    ];
    return (
        <More title={t.measured}>
            <p>{t.measuredText({ kept: r.kept, from: r.layer_from, to: r.layer_to, method: r.method, texts: r.n_texts, trait: r.trait })}</p>
            <Pairs pairs={pairs} />
            {r.coherence_validity && <p class="mt-3 mb-0">{r.coherence_validity}</p>}
        </More>
    );
}

function MapQuality({ r }: { r: TransferResult }) {
    return (
        <More title={t.mapTitle}>
            <p>{t.mapHint}</p>
            <Pairs
                pairs={[
                    [t.r2, unit(r.r2_heldout)],
                    [t.r2Contrast, `${unit(r.r2_contrast)}; ${t.r2Shuffled(unit(r.r2_shuffled))}`],
                    [t.r2Trait, unit(r.r2?.trait.contrasts)],
                    [t.r2Both, unit(r.r2?.both.contrasts)],
                    [t.method, `${t.methods[r.method] ?? r.method}, λ ${num(r.lambda, 3)}${r.rank > 0 ? `, k ${r.rank}` : ""}`],
                ]}
            />
        </More>
    );
}

function Numbers({ r }: { r: TransferResult }) {
    const xs = coefficientsOf(r);
    const conditions = [...new Set(r.rows?.map((x) => x.condition))].filter((c) => c !== "unsteered");
    const cell = (condition: string, x: number): ComponentChildren => {
        const row = rowAt(r, condition, x);
        return !row ? (
            ""
        ) : (
            <>
                {num(row.score, 0)}
                <small>{interval(row.ci[0], row.ci[1])}</small>
                <small>
                    {text.work.coherence} {num(row.coherence, 0)}
                </small>
            </>
        );
    };
    return (
        <More title={t.numbers} wide>
            <p>{t.numbersHint}</p>
            <Table label={t.numbers} columns={["", ...xs.map((x) => signedCoef(x))]} rows={conditions.map((c) => [t.conditions[c]?.[0] ?? c, ...xs.map((x) => cell(c, x))])} />
        </More>
    );
}

function Others({ r }: { r: TransferResult }) {
    return (
        <>
            <More title={t.vectors} wide>
                <Table
                    label={t.vectors}
                    columns={t.vectorsCols}
                    rows={r.arms.map((a) => [
                        <>
                            {t.conditions[a.condition]?.[0] ?? a.condition}
                            {a.note && <small>{a.note}</small>}
                        </>,
                        a.layer,
                        num(a.dose, 2),
                        num(a.dose_kl, 2),
                        num(a.ratio, 2),
                        unit(a.cosine_native),
                    ])}
                />
            </More>
            {r.panel?.length > 0 && (
                <More title={t.panelTitle} wide>
                    <p>{t.panelHint}</p>
                    <Table label={t.panelTitle} columns={t.panelCols} rows={r.panel.filter((p) => p.counted).map((p) => [`${p.dimension}, ${p.unit}`, of(p.swing.transferred), of(p.swing.native), of(p.spearman, 2)])} />
                </More>
            )}
            {r.repeats.length > 0 && (
                <More title={t.repeatsTitle} wide>
                    <Table label={t.repeatsTitle} columns={t.repeatsCols} rows={r.repeats.map((x) => [x.seed, `${x.layer_from} → ${x.layer_to}`, x.n_texts, unit(x.r2_contrast), num(x.dose, 2), num(x.swing["transferred"])])} />
                </More>
            )}
        </>
    );
}

export function Measured({ job, r }: { job: Job; r: TransferResult }) {
    const request = (job.request ?? {}) as Record<string, unknown>;
    const command = commandOf(request);
    return (
        <section aria-label={t.measured}>
            <How r={r} />
            <MapQuality r={r} />
            {r.rows && r.rows.length > 0 && <Numbers r={r} />}
            <Others r={r} />
            <More title={t.command}>
                {command !== null && (
                    <>
                        <p class="mb-1">{t.shell}</p>
                        <Copyable label={t.shell}>{command}</Copyable>
                    </>
                )}
                <p class="mb-1 mt-3">{t.curl}</p>
                <Copyable label={t.curl}>{curlOf("transfer", request)}</Copyable>
            </More>
        </section>
    );
}
