// SPDX-License-Identifier: MIT
//
// answer_list.tsx - every answer of a job, to be read: searched, narrowed to a condition, a coefficient and a question,
// a page at a time. Where what was chosen is kept is up to the view.
import { num } from "../base/format";
import { coef, signedCoef } from "../base/scale";
import { text } from "../text/en";
import { type Answer, type Answers } from "./answers";
import { Empty, Failed, Loading } from "./states";

const PAGE = 24;

export interface AnswerFilter {
    find: string;
    condition: string;
    coefficient: string;
    question: string;
    pages: number;
}
export interface AnswerListProps {
    answers: Answers;
    filter: AnswerFilter;
    change: (part: Partial<AnswerFilter>) => void;
    /** How an answer was made, in words, and the same for all that were made alike. */
    condition: (a: Answer) => string;
}

const ofNumber = (c: number | undefined): string => (c === undefined ? "" : String(c));
const distinct = (all: readonly string[]): string[] => [...new Set(all.filter((x) => x !== ""))];

function Choose({ label, value, values, set, words }: { label: string; value: string; values: readonly string[]; set: (v: string) => void; words?: (v: string) => string }) {
    return (
        <select class="form-select" aria-label={label} value={value} onChange={(e) => set(e.currentTarget.value)}>
            <option value="">{`${label}: ${text.work.allOf}`}</option>
            {values.map((v) => (
                <option key={v} value={v} selected={v === value}>
                    {words ? words(v) : v}
                </option>
            ))}
        </select>
    );
}

function One({ a, condition }: { a: Answer; condition: string }) {
    const system = ((a.messages ?? []) as { role: string; content: string }[]).find((m) => m.role === "system")?.content;
    const c = a.coefficient;
    return (
        <li>
            <span class="q">
                <b>
                    {condition}
                    {c !== undefined && c !== null && c !== 0 ? ` ${signedCoef(c)}` : ""}
                </b>{" "}
                · {a.question}
            </span>
            <span class="sc">
                {a.label === undefined || a.label === null ? text.work.unjudged : <>{text.work.score} <b>{num(a.label, 0)}</b></>}
                {a.coherence !== undefined && a.coherence !== null && <>, {text.work.coherence} {num(a.coherence, 0)}</>}
            </span>
            <p class="a">{!a.answered ? <i>{text.work.noAnswer}</i> : a.response || <i>{text.work.emptyAnswer}</i>}</p>
            {system && (
                <details>
                    <summary>{text.work.system}</summary>
                    {system}
                </details>
            )}
        </li>
    );
}

export function AnswerList({ answers, filter, change, condition }: AnswerListProps) {
    const find = filter.find.toLowerCase();
    const found = answers.list.filter(
        (a) =>
            (filter.condition === "" || condition(a) === filter.condition) &&
            (filter.coefficient === "" || ofNumber(a.coefficient) === filter.coefficient) &&
            (filter.question === "" || a.question === filter.question) &&
            (find === "" || (a.response ?? "").toLowerCase().includes(find)),
    );
    const shown = found.slice(0, PAGE * filter.pages);
    const coefficients = distinct(answers.list.map((a) => ofNumber(a.coefficient))).sort((a, b) => Number(a) - Number(b));
    const narrow = (part: Partial<AnswerFilter>) => change({ ...part, pages: 1 });
    return (
        <>
            <div class="filters mt-3" role="search" aria-label={text.work.answersTitle}>
                <input class="form-control" type="search" aria-label={text.work.search} placeholder={text.work.search} value={filter.find} onInput={(e) => narrow({ find: e.currentTarget.value })} />
                <Choose label={text.work.condition} value={filter.condition} values={distinct(answers.list.map(condition))} set={(v) => narrow({ condition: v })} />
                <Choose label={text.work.coefficient} value={filter.coefficient} values={coefficients} set={(v) => narrow({ coefficient: v })} words={(v) => coef(Number(v))} />
                <Choose label={text.work.question} value={filter.question} values={distinct(answers.list.map((a) => a.question ?? ""))} set={(v) => narrow({ question: v })} />
            </div>
            {answers.error !== null && <Failed error={answers.error} />}
            {answers.loading && <Loading />}
            {!answers.loading && found.length === 0 && <Empty title={answers.list.length === 0 ? text.work.noAnswers : text.work.noneFound} />}
            {found.length > 0 && (
                <p class="small soft mb-0" role="status">
                    {text.work.answersOf(shown.length, found.length)}
                </p>
            )}
            <ul class="answerlist">
                {shown.map((a) => (
                    <One key={a.id} a={a} condition={condition(a)} />
                ))}
            </ul>
            {found.length > shown.length && (
                <button class="btn btn-outline-secondary" type="button" onClick={() => change({ pages: filter.pages + 1 })}>
                    {text.work.showMore}
                </button>
            )}
        </>
    );
}

/** Columns and rows of a file with all of them. */
export const ANSWER_COLUMNS = ["condition", "coefficient", "operator", "layer", "variant", "question", "index", "score", "coherence", "tokens", "answered", "response"] as const;
export function answerRow(a: Answer) {
    return [a.condition, a.coefficient, a.operator, a.layer, a.variant, a.question, a.index, a.label, a.coherence, a.n_tokens, a.answered, a.response] as const;
}
