// SPDX-License-Identifier: MIT
//
// run.tsx - what this extraction was asked and what it measured, in names and values.
import { interval, num } from "../../base/format";
import { Pairs } from "../../parts/facts";
import { text } from "../../text/en";
import type { Request, Result } from "./result";

const t = text.extract;

export function Run({ asked, r, n }: { asked: Request; r: Result | null; n: number }) {
    const methods = t.form.methods as Record<string, string>;
    const judges = t.form.judges as Record<string, string>;
    const method = r?.method ?? asked.method ?? "mean";
    const measured: [string, string][] = r
        ? [
              [t.rows.choice, r.layer_choice ?? "–"],
              [t.rows.dose, r.dose === null ? t.noDose : num(r.dose, 2)],
              [t.rows.safe, (r.coefficient.safe[0] ?? null) === null ? t.noDose : `${interval(r.coefficient.safe[0], r.coefficient.safe[1], 1)} ${t.doses}`],
              [t.rows.swing, r.swing === null ? t.noDose : num(r.swing, 0)],
              [t.rows.kl, num(r.dose_kl, 2)],
          ]
        : [];
    return (
        <>
            <h3 class={r ? "mt-5" : ""}>{t.run}</h3>
            <div class="mt-2">
                <Pairs
                    pairs={[
                        [t.rows.method, methods[method] ?? method],
                        [t.rows.judge, r ? (r.judge ?? t.nobody) : (judges[asked.judge ?? "auto"] ?? "")],
                        [t.rows.seed, String(r?.seed ?? asked.seed ?? 0)],
                        [t.rows.answers, String(n)],
                        ...measured,
                    ]}
                />
            </div>
            {r?.judge_validity && <p class="hintline">{r.judge_validity}</p>}
            {r?.note && <p class="hintline">{r.note}</p>}
        </>
    );
}
