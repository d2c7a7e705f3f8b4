// SPDX-License-Identifier: MIT
//
// report.tsx - a finished transfer in the order of a reader: the verdict in words, why, from where to where, against
// its controls, dose and response, what else moves, the answers themselves, how it was measured.
import type { Job } from "../../api/live";
import { interval, num } from "../../base/format";
import type { Answers } from "../../parts/answers";
import { Icon } from "../../parts/icons";
import { text } from "../../text/en";
import { Conditions } from "./conditions";
import { Dose } from "./dose";
import { Measured } from "./measured";
import { type Interval, rowAt, testsOf, type TransferResult } from "./result";
import { Samples } from "./samples";
import { Specific } from "./specific";

const t = text.transfer;
/** Small swings keep a decimal, so that 0 is said of nothing else. */
const brief = (x: number | null): string => num(x, x !== null && Math.abs(x) < 10 ? 1 : 0);
const both = (x: Interval, times = 1): string => `[${interval(x.ci[0] === null ? null : times * x.ci[0], x.ci[1] === null ? null : times * x.ci[1])}]`;

/** The verdict in words: what moved, what chance does, what is kept, what it costs. */
function Words({ r }: { r: TransferResult }) {
    const swing = r.swing["transferred"];
    if (!swing || swing.value === null) {
        return <p class="words">{t.notMeasured}</p>;
    }
    const random = r.spreads["random"];
    const shuffled = r.swing["shuffled"];
    const plus = rowAt(r, "transferred", 1)?.coherence ?? null;
    const base = rowAt(r, "transferred", 0)?.coherence ?? null;
    return (
        <p class="words">
            {t.moves} <b>{t.points(brief(swing.value))}</b> {both(swing)}. {random && random.mean !== null && `${t.randomsDo(random.n, brief(random.mean), brief(random.sd), random.n_reaching, num(random.p, 3))} `}
            {shuffled && shuffled.value !== null && `${t.shuffledDoes(brief(shuffled.value))} `}
            {r.retained.value === null ? (
                t.keepsNot
            ) : (
                <>
                    {t.keeps} <b>{num(100 * r.retained.value, 0)} %</b> {both(r.retained, 100)}.
                </>
            )}{" "}
            {plus !== null && t.coherent(num(plus, 0), num(base, 0))}
        </p>
    );
}

function Why({ r }: { r: TransferResult }) {
    return (
        <>
            {r.verdict && r.reason && (
                <p class="note mt-4">
                    <b>{t.why(r.verdict)}</b> {r.reason}
                </p>
            )}
            {[r.caution, r.note].filter((x) => x).map((x) => (
                <p class="note mt-3" key={x}>
                    <b>{t.caution}</b> {x}
                </p>
            ))}
        </>
    );
}

function Move({ r }: { r: TransferResult }) {
    return (
        <div class="move">
            <div>
                <p>{t.sourceIs}</p>
                <strong>{r.from.name}</strong>
                <p>{t.block(r.layer_from, r.from.n_layer, r.from.n_embd)}</p>
            </div>
            <Icon name="arrow" />
            <div>
                <p>{t.targetIs}</p>
                <strong>{r.to.name}</strong>
                <p>{t.block(r.layer_to, r.to.n_layer, r.to.n_embd)}</p>
            </div>
        </div>
    );
}

/** Every test by its name, met or not: a word and a shape. */
function Tests({ r }: { r: TransferResult }) {
    return (
        <section class="half" aria-labelledby="h-tests">
            <h2 id="h-tests">{t.tested}</h2>
            <p class="soft">{t.testedHint}</p>
            <table class="tests mt-4" aria-label={t.tested}>
                <thead>
                    <tr>
                        <th scope="col">{t.test}</th>
                        <th scope="col">{t.found}</th>
                        <th scope="col">{t.wants}</th>
                    </tr>
                </thead>
                <tbody>
                    {testsOf(r).map((x) => (
                        <tr key={x.name} class={x.met === false ? "unmet" : ""}>
                            <th scope="row">
                                <span class={`tick ${x.met === false ? "no" : x.met === null ? "none" : ""}`}>{x.met !== null && <Icon name={x.met ? "check" : "x"} />}</span>
                                <span>
                                    {x.name}
                                    <small>{x.met === null ? t.unknown : x.met ? t.met : t.unmet}</small>
                                </span>
                            </th>
                            <td>{x.found}</td>
                            <td class="soft">{x.wants}</td>
                        </tr>
                    ))}
                </tbody>
            </table>
        </section>
    );
}

export function Report({ job, result: r, answers }: { job: Job; result: TransferResult; answers: Answers }) {
    const measured = r.rows !== undefined && r.rows.length > 0;
    return (
        <>
            <div class="verdictbox">
                <Words r={r} />
                <Why r={r} />
            </div>
            <Move r={r} />
            {measured && (
                <>
                    <Conditions r={r} />
                    <Tests r={r} />
                    <Dose r={r} />
                    <Specific job={job} r={r} />
                    <Samples job={job} r={r} answers={answers} />
                </>
            )}
            <Measured job={job} r={r} />
        </>
    );
}
