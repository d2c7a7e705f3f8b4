// SPDX-License-Identifier: MIT
//
// samples.tsx - answers of several conditions to one question at one coefficient, side by side; and all of them.
import type { Job } from "../../api/live";
import { answerFilter, changeFilter } from "../../app/answer_filter";
import { keep, place } from "../../app/router";
import { num } from "../../base/format";
import { coef } from "../../base/scale";
import { AnswerList } from "../../parts/answer_list";
import type { Answer, Answers } from "../../parts/answers";
import { Icon } from "../../parts/icons";
import { Failed, Loading } from "../../parts/states";
import { text } from "../../text/en";
import { coefficientsOf } from "./dose";
import { ran, type TransferResult } from "./result";

const t = text.transfer;
const COLUMNS = ["unsteered", "transferred", "native", "shuffled"];
const CHOICES = ["prompt", "text-bridge", "in-sample", "lexical", "identity", "sampling", "shuffled", "random-source", "random", "other-trait"];
const CLASSES: Record<string, string> = { transferred: "hero", native: "nat" };
const near = (a: number | undefined, b: number) => a !== undefined && Math.abs(a - b) < 1e-9;

function words(condition: string): string {
    return t.conditions[condition]?.[0] ?? condition;
}

function find(list: readonly Answer[], condition: string, c: number, question: string): Answer | undefined {
    const mine = list.filter((a) => a.question === question);
    return condition === "unsteered" || c === 0 ? mine.find((a) => a.condition === "unsteered") : mine.find((a) => a.condition === condition && near(a.coefficient, c));
}

function Quote({ condition, a, choose }: { condition: string; a: Answer | undefined; choose: preact.ComponentChildren }) {
    return (
        <blockquote class={CLASSES[condition] ?? ""}>
            <cite>
                {choose ?? <b>{words(condition)}</b>}
                <span>{a && (a.label === undefined || a.label === null ? text.work.unjudged : `${text.work.score} ${num(a.label, 0)}`)}</span>
            </cite>
            <p>{!a ? <i class="soft">{t.unknown}</i> : !a.answered ? <i>{text.work.noAnswer}</i> : a.response || <i>{text.work.emptyAnswer}</i>}</p>
        </blockquote>
    );
}

function Pick({ questions, q, coefficients, c }: { questions: readonly string[]; q: number; coefficients: readonly number[]; c: number }) {
    return (
        <div class="pickrow">
            <div class="q">
                <label class="form-label" for="sample-q">
                    {t.questionOf(q + 1, questions.length)}
                </label>
                <select class="form-select" id="sample-q" value={String(q)} onChange={(e) => keep({ q: e.currentTarget.value })}>
                    {questions.map((x, i) => (
                        <option key={x} value={String(i)} selected={i === q}>
                            {x}
                        </option>
                    ))}
                </select>
            </div>
            <div role="radiogroup" aria-label={text.work.coefficient}>
                <span class="form-label d-block">{text.work.coefficient}</span>
                <span class="seg">
                    {coefficients.map((x) => (
                        <label key={x}>
                            <input type="radio" name="sample-c" checked={near(x, c)} onChange={() => keep({ c: x })} />
                            {coef(x)}
                        </label>
                    ))}
                </span>
            </div>
        </div>
    );
}

export function Samples({ job, r, answers }: { job: Job; r: TransferResult; answers: Answers }) {
    const query = place.value.query;
    const questions = [...new Set(answers.list.map((a) => a.question ?? ""))].filter((x) => x !== "");
    const q = Math.min(Math.max(0, Number(query.get("q")) || 0), Math.max(0, questions.length - 1));
    const coefficients = coefficientsOf(r);
    const c = coefficients.find((x) => near(x, Number(query.get("c") ?? 1))) ?? 1;
    const there = CHOICES.filter((x) => ran(r, x));
    const last = query.get("beside") ?? "";
    const columns = [...COLUMNS.slice(0, 3).filter((x) => x === "unsteered" || ran(r, x)), there.includes(last) ? last : there.includes("shuffled") ? "shuffled" : there[0] ?? "random"];
    const choose = (condition: string) => (
        <select class="form-select inline" aria-label={text.work.condition} value={condition} onChange={(e) => keep({ beside: e.currentTarget.value })}>
            {there.map((x) => (
                <option key={x} value={x} selected={x === condition}>
                    {words(x)}
                </option>
            ))}
        </select>
    );
    return (
        <section aria-labelledby="h-samp">
            <h2 id="h-samp">{t.read}</h2>
            <p class="soft">{t.readHint}</p>
            {answers.error !== null && <Failed error={answers.error} />}
            {answers.loading ? (
                <Loading />
            ) : (
                <>
                    <Pick questions={questions} q={q} coefficients={coefficients} c={c} />
                    <div class="samples" tabIndex={0} role="region" aria-label={t.read}>
                        {columns.map((x, i) => (
                            <Quote key={i} condition={x} a={find(answers.list, x, c, questions[q] ?? "")} choose={i === columns.length - 1 && there.length > 0 ? choose(x) : undefined} />
                        ))}
                    </div>
                </>
            )}
            <details class="more mt-4" id={`all-${job.id}`} open={query.get("all") === "1"} onToggle={(e) => keep({ all: e.currentTarget.open ? 1 : null })}>
                <summary>
                    <Icon name="right" />
                    {text.work.answersTitle}
                </summary>
                <div class="wide">
                    <AnswerList answers={answers} filter={answerFilter()} change={changeFilter} condition={(a) => words(a.condition ?? "")} />
                </div>
            </details>
        </section>
    );
}
