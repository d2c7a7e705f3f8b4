// SPDX-License-Identifier: MIT
//
// report.tsx - a finished sweep: what it recommends, the curves, every point with why it failed, every answer, and the
// commands that do it again.
import type { Job } from "../../api/live";
import { answerFilter, changeFilter } from "../../app/answer_filter";
import { keep } from "../../app/router";
import { curlOf, optionsOf, quoted } from "../../base/command";
import { interval, num, percent, signed, unit } from "../../base/format";
import { signedCoef } from "../../base/scale";
import { AnswerList } from "../../parts/answer_list";
import type { Answers } from "../../parts/answers";
import { Copyable } from "../../parts/copyable";
import { Facts } from "../../parts/facts";
import { Icon } from "../../parts/icons";
import { text } from "../../text/en";
import { Charts, chosen, CurveChoice } from "./charts";
import { drawn, failure, nameOf, type Point, type SweepResult } from "./result";

const t = text.sweeps;

function Recommended({ r }: { r: SweepResult }) {
    const curve = r.curves[chosen(r.curves.map((c) => ({ name: nameOf(c) })))]!;
    const at = (x: number | null) => r.points.find((p) => p.condition === "steered" && nameOf(p) === nameOf(curve) && p.coefficient === x);
    const say = (x: number | null) => {
        const p = at(x);
        return p ? t.atCoherence(num(p.score, 0), num(p.coherence, 0)) : "";
    };
    return (
        <Facts
            class="mt-5"
            facts={[
                { label: t.safe, value: curve.safe[0] === null ? t.none_ : interval(curve.safe[0], curve.safe[1], 2), note: r.coherence_from === null ? t.noJudge : t.safeNote(num(r.coherence_from, 0)) },
                { label: t.best, value: curve.promote === null ? t.none_ : signedCoef(curve.promote), note: say(curve.promote) },
                { label: t.away, value: curve.suppress === null ? t.none_ : signedCoef(curve.suppress), note: say(curve.suppress) },
                { label: t.rises, value: unit(curve.spearman), note: t.risesNote },
                { label: t.anti, value: percent(curve.anti_steered), note: t.antiNote(curve.n_sloped) },
                { label: t.agreement, value: unit(curve.agreement), note: t.agreementNote },
            ]}
        />
    );
}

function Line({ p, r, read }: { p: Point; r: SweepResult; read: (condition: string, c: number | null) => void }) {
    const why = failure(p, r.coherence_from);
    const name = nameOf(p);
    return (
        <tr class={why ? "soft" : ""}>
            <th scope="row">
                <button class="btn btn-quiet py-0 px-1 text-start" type="button" onClick={() => read(name, p.condition === "unsteered" ? null : p.coefficient)}>
                    {p.operator ? `${signedCoef(p.coefficient)}` : ""} <span class={p.operator ? "soft" : ""}>{name}</span>
                </button>
            </th>
            <td>{num(p.score, 0)}</td>
            <td>{interval(p.ci[0], p.ci[1])}</td>
            <td>{signed(p.shift.value, 0)}</td>
            <td>{num(p.coherence, 0)}</td>
            <td>{num(p.kl, 2)}</td>
            <td>{num(p.tokens, 0)}</td>
            <td>{p.n}</td>
            <td class="txt">{why && <><span class="dot off" /> {why}</>}</td>
        </tr>
    );
}

function Table({ r, read }: { r: SweepResult; read: (condition: string, c: number | null) => void }) {
    return (
        <section class="half" aria-labelledby="h-table">
            <h2 id="h-table">{t.table}</h2>
            <div class="scroll mt-3" tabIndex={0} role="region" aria-label={t.table}>
                <table class="numbers" aria-label={t.table}>
                    <thead>
                        <tr>
                            {t.cols.map((c, i) => (
                                <th scope="col" key={i} class={i === t.cols.length - 1 ? "txt" : ""}>
                                    {c}
                                </th>
                            ))}
                        </tr>
                    </thead>
                    <tbody>
                        {r.points.map((p, i) => (
                            <Line key={i} p={p} r={r} read={read} />
                        ))}
                    </tbody>
                </table>
            </div>
        </section>
    );
}

/** null: questions of one's own are a file on the command line. */
function command(request: Record<string, unknown>): string | null {
    const { model, kl, prompt, ask, ...rest } = request;
    return ask !== undefined ? null : `persona sweep --model=${quoted(`models/${String(model)}.gguf`)}${optionsOf(rest, { temperature: "temp" })}${kl === false ? " --no-kl" : ""}${prompt === false ? " --no-prompt" : ""}`;
}

export function SweepReport({ job, result: r, answers }: { job: Job; result: SweepResult; answers: Answers }) {
    const curves = drawn(r);
    const read = (condition: string, c: number | null) => {
        changeFilter({ condition, coefficient: c === null ? "" : String(c), pages: 1 });
        document.getElementById("h-answers")?.scrollIntoView({ block: "start" });
    };
    const request = (job.request ?? {}) as Record<string, unknown>;
    const shell = command(request);
    const pick = (x: number) => {
        keep({ curve: curves[chosen(curves)]!.name });
        read(x === 0 ? t.unsteered : curves[chosen(curves)]!.name, x === 0 ? null : x);
    };
    return (
        <>
            <div>
                <CurveChoice curves={curves} />
                <Recommended r={r} />
            </div>
            <section class="half" aria-labelledby="h-curves">
                <h2 id="h-curves">{t.curves}</h2>
                <p class="soft">{t.scoreHint}</p>
                <div class="mt-4">
                    <Charts curves={curves} result={r} onPick={pick} />
                </div>
            </section>
            <Table r={r} read={read} />
            <section aria-labelledby="h-answers">
                <h2 id="h-answers">{text.work.answersTitle}</h2>
                <AnswerList answers={answers} filter={answerFilter()} change={changeFilter} condition={nameOf} />
            </section>
            <section aria-label={t.command}>
                <details class="more">
                    <summary>
                        <Icon name="right" />
                        {t.command}
                    </summary>
                    <div>
                        <p>{t.how(r.judge ?? t.nobody, r.n_questions, r.seed, r.coherence_from === null ? null : num(r.coherence_from, 0))}</p>
                        {shell !== null && (
                            <>
                                <p class="mb-1">{text.transfer.shell}</p>
                                <Copyable label={text.transfer.shell}>{shell}</Copyable>
                            </>
                        )}
                        <p class="mb-1 mt-3">{text.transfer.curl}</p>
                        <Copyable label={text.transfer.curl}>{curlOf("sweep", request)}</Copyable>
                    </div>
                </details>
            </section>
        </>
    );
}
