// SPDX-License-Identifier: MIT
//
// receipt.tsx - what the steering did, by the server's own measurement: asked beside measured, the edit against the state
// it was made to, the tokens it touched. An expression that touched nothing is an alert.
import { say } from "../../app/toast";
import { num, signed } from "../../base/format";
import { text } from "../../text/en";
import type { Answer } from "./types";

export function Receipt({ answer }: { answer: Answer }) {
    answer.tick.value;
    const r = answer.receipt;
    const none = answer.expression === null && r === null;
    if (none) {
        return null;
    }
    if (r === null) {
        return (
            <section class="receipt" aria-label={text.play.receipt}>
                <header>
                    <h3>{text.play.receipt}</h3>
                    <p>{answer.state === "done" || answer.state === "stored" ? text.play.noReceipt : text.play.receiptLater}</p>
                </header>
            </section>
        );
    }
    const copy = () => navigator.clipboard.writeText(JSON.stringify(r, null, 2)).then(() => say(text.play.copied));
    return (
        <section class="receipt" aria-label={text.play.receipt}>
            <header>
                <h3>{text.play.receipt}</h3>
                <p>
                    {r.unit}, {text.play.atBlocks} {r.layers.join(", ")}
                </p>
                <span class="acts">
                    <button class="btn btn-quiet btn-sm" type="button" onClick={() => void copy()}>
                        {text.play.copyJson}
                    </button>
                </span>
            </header>
            {r.n_steered === 0 && (
                <p class="note" role="alert">
                    <b>{text.play.untouched}</b> {r.note}
                </p>
            )}
            <dl class="facts tight">
                {r.steps.slice(0, 4).map((s, k) => (
                    <div key={k}>
                        <dt>
                            {s.operator} {text.play.atBlock} {s.block}
                        </dt>
                        <dd>
                            {signed(s.asked, 0)} → {signed(s.measured, 0)}
                            <small>{text.play.askedMeasured}</small>
                        </dd>
                    </div>
                ))}
                <div>
                    <dt>{text.play.editRatio}</dt>
                    <dd>
                        {r.edit_ratio ? `${num(100 * r.edit_ratio.mean)} %` : "–"}
                        <small>{r.edit_ratio ? `${text.play.p95} ${num(100 * r.edit_ratio.p95)} %` : ""}{r.guard.n_over > 0 ? `, ${text.play.over(r.guard.n_over)}` : ""}</small>
                    </dd>
                </div>
                <div>
                    <dt>{text.play.touched}</dt>
                    <dd>
                        {r.n_steered} {text.play.of} {r.n_tokens}
                        <small>{answer.marks.length > 0 ? text.play.changes(answer.marks.length) : text.play.onePlan}</small>
                    </dd>
                </div>
            </dl>
        </section>
    );
}
