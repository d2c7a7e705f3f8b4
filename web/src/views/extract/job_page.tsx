// SPDX-License-Identifier: MIT
//
// job_page.tsx - one extraction: how far it is and what it wrote while it runs, what came of it at the end, why it
// failed if it did. All of it is the server's, so the page can be left, reloaded, or opened twice.
import { quotedName } from "../../base/expr";
import { get } from "../../api/client";
import { isOpen } from "../../api/live";
import { useResource } from "../../api/resource";
import { forgetJob, resumeJob, stopJob } from "../../app/job_acts";
import { go, link } from "../../app/router";
import { duration, num, percent, when } from "../../base/format";
import { useArriving } from "../../parts/answers";
import { type Fact, Facts } from "../../parts/facts";
import { Icon } from "../../parts/icons";
import { type JobLive, type JobWhole, useJob } from "../../parts/job_live";
import { JobLog } from "../../parts/job_log";
import { type Stage, Stages } from "../../parts/stages";
import { Empty, Failed, Loading } from "../../parts/states";
import { text } from "../../text/en";
import { isKept, type Judged, judge } from "./answers";
import { Blocks, Promoted } from "./direction";
import { Feed, type Sides } from "./feed";
import { Run } from "./run";
import { requestOf, resultOf, stageAt } from "./result";
import { Scores } from "./scores";
import { SpeedChart } from "./speed";
import { whole } from "../../text/whole";

const t = text.extract;

function stagesOf(j: JobWhole, answers: readonly Judged[]): Stage[] {
    const at = stageAt(j);
    const done = j.state === "done";
    const plain = requestOf(j).calibrate === false;
    const names = plain ? t.stages.slice(0, 3) : t.stages;
    const todo = plain ? t.stageTodoPlain : t.stageTodo;
    const r = resultOf(j);
    const told = ["", r ? `${r.kept.positive + r.kept.negative} ${t.fate.kept}` : "", r ? `${t.block} ${r.best_layer}` : "", r ? `${t.rows.dose} ${num(r.dose, 2)}` : ""];
    told[0] = answers.length > 0 ? t.written(whole(answers.length)) : "";
    return names.map((name, i) => {
        const ran = i === at && !isOpen(j) && j.total > 0 && j.done >= j.total;
        if (done || i < at || ran) {
            return { name, state: "done", note: told[i]! };
        }
        if (i === at && isOpen(j)) {
            return { name, state: "now", part: j.total > 0 ? j.done / j.total : null, note: j.total > 0 ? t.of(String(j.done), String(j.total)) : "" };
        }
        return { name, state: "todo", note: isOpen(j) ? todo[i]! : i === at ? told[i]! : "" };
    });
}

function keptFact(side: string, of: readonly Judged[]): Fact {
    const judged = of.filter((a) => a.fate !== "open");
    const kept = of.filter(isKept).length;
    const label = t.kept(side);
    return judged.length === 0 && of.length > 0
        ? { label, value: "–", note: `${t.written(String(of.length))}, ${t.keptNone}` }
        : { label, value: judged.length > 0 ? t.of(String(kept), String(judged.length)) : "–", note: judged.length > 0 ? percent(kept / judged.length) : t.keptNone };
}

function factsOf(j: JobWhole, answers: readonly Judged[], sides: Sides): Fact[] {
    const eta = j.eta_s ?? null;
    const tokens = t.tokens(whole(j.n_tokens));
    const first: Fact[] = isOpen(j)
        ? [
              { label: t.left, value: duration(eta), note: eta === null ? t.leftNone : t.doneAt(when(Date.now() / 1000 + eta)) },
              { label: t.speed, value: j.tokens_per_second ? `${num(j.tokens_per_second, 0)} ${t.perSecond}` : "–", note: t.speedNote },
          ]
        : [{ label: t.took, value: duration(j.seconds), note: j.n_tokens > 0 ? tokens : "" }];
    return [...first, keptFact(sides.positive, answers.filter((a) => a.side > 0)), keptFact(sides.negative, answers.filter((a) => a.side < 0))];
}

function State({ j }: { j: JobWhole }) {
    const words =
        j.state === "queued" ? t.waits(j.place) : j.state === "running" ? (j.resumed ? t.resumed : t.runs)(when(j.started)) : t.endedAt((t.ended as Record<string, string>)[j.state] ?? j.state, when(j.ended), duration(j.seconds));
    return (
        <p class="crumb" role="status">
            <span class={`dot ${j.state === "running" ? "on" : j.state === "queued" ? "off" : ""}`} /> {words}
        </p>
    );
}

function Acts({ j, live }: { j: JobWhole; live: JobLive }) {
    return (
        <div class="acts">
            {j.state === "done" && <Next j={j} first />}
            {(j.state === "failed" || j.state === "canceled") && (
                <button class="btn btn-primary" type="button" onClick={() => resumeJob(j, live.reload)}>
                    {t.resume}
                </button>
            )}
            {!isOpen(j) && (
                <a class="btn btn-outline-secondary" href={link("extract", [], { ...requestOf(j), calibrate: requestOf(j).calibrate === false ? "no" : undefined })}>
                    {j.state === "done" ? t.other : t.again}
                </a>
            )}
            {isOpen(j) ? (
                <button class="btn btn-outline-secondary" type="button" onClick={() => stopJob(j, live.reload)}>
                    <Icon name="stop" /> {t.cancel}
                </button>
            ) : (
                <button class="btn btn-quiet danger" type="button" onClick={() => void forgetJob(j).then((gone) => gone && go("extract"))}>
                    {t.remove}
                </button>
            )}
        </div>
    );
}

function Next({ j, first = false }: { j: JobWhole; first?: boolean }) {
    const r = resultOf(j);
    if (r === null) {
        return null;
    }
    const steer = (
        <a class="btn btn-primary" href={link("play", [], { model: r.model, steer: `1*${quotedName(r.output)}` })}>
            {t.steer}
        </a>
    );
    return first ? (
        steer
    ) : (
        <section aria-labelledby="h-next">
            <h2 id="h-next">{t.next}</h2>
            <p class="soft">{t.nextAbout(r.output, r.model)}</p>
            <div class="d-flex flex-wrap gap-2 mt-3">
                {steer}
                <a class="btn btn-outline-secondary" href={link("transfer", [], { from: r.model, vector: r.output })}>
                    {t.carry}
                </a>
                <a class="btn btn-outline-secondary" href={link("sweeps", [], { model: r.model, vector: r.output })}>
                    {t.sweep}
                </a>
                <a class="btn btn-outline-secondary" href={link("vectors", [r.model, r.output])}>
                    {t.vector}
                </a>
            </div>
        </section>
    );
}

function Whole({ j, live }: { j: JobWhole; live: JobLive }) {
    const asked = requestOf(j);
    const r = resultOf(j);
    const packs = useResource((signal) => get("/api/v1/traits", { signal }), []);
    const pack = packs.value?.traits.find((x) => x.name === asked.trait);
    const sides = { positive: pack?.positive ?? asked.trait, negative: pack?.negative ?? t.away.toLowerCase() };
    const at = stageAt(j);
    const told = useArriving(j.id, `${j.state} ${j.stage} ${at < 2 ? j.done : ""}`).list;
    // "auto" may find nobody: past the judge's stage without a score, all that was answered is kept
    const judged = asked.judge !== "none" && (at < 2 && j.state !== "done" ? true : told.some((a) => a.label !== undefined));
    const limits = { trait: asked.min_trait ?? 50, coherence: asked.min_coherence ?? 50, judged };
    const answers = judge(told, limits);
    return (
        <>
            <Stages stages={stagesOf(j, answers)} label={t.stagesLabel} />
            {j.state === "failed" && (
                <div class="banner mt-5" role="alert">
                    <Icon name="warn" />
                    <span>
                        <b>{t.failedWhat}</b> {j.error} <span class="soft d-block">{t.failedNext}</span>
                    </span>
                </div>
            )}
            <div class="mt-5">
                <Facts facts={factsOf(j, answers, sides)} />
            </div>
            <section class="half" aria-labelledby="h-roll">
                <div class="wide-narrow">
                    <div>
                        <Feed answers={answers} sides={sides} live={isOpen(j) && at < 1} open={isOpen(j)} />
                    </div>
                    <div>
                        <Scores answers={answers} sides={sides} limit={limits.trait} none={!limits.judged ? t.histNobody : isOpen(j) ? t.histNone : t.histNothing} />
                        <SpeedChart speed={live.speed} />
                    </div>
                </div>
            </section>
            <section class="half" aria-labelledby="h-blk">
                <div class="wide-narrow">
                    <div>
                        <h2 id="h-blk">{t.blocks}</h2>
                        {r ? <Blocks r={r} /> : <p class="soft mt-1">{isOpen(j) ? t.blocksLater : t.blocksNever}</p>}
                    </div>
                    <div>
                        {r && (
                            <>
                                <h2>{t.promotes}</h2>
                                <Promoted model={r.model} name={r.output} positive={sides.positive} />
                            </>
                        )}
                        <Run asked={asked} r={r} n={answers.length} />
                    </div>
                </div>
            </section>
            {j.state === "done" && <Next j={j} />}
            <JobLog job={j} />
        </>
    );
}

export function JobPage({ id }: { id: string }) {
    const live = useJob(id);
    const j = live.job;
    const asked = j === null ? null : requestOf(j);
    const model = (j && resultOf(j)?.model) ?? asked?.model ?? "";
    return (
        <main id="main" class="page duo" tabindex={-1}>
            <p class="crumb">
                <a href={link("extract")}>{t.all}</a>
            </p>
            {live.missing ? (
                <Empty title={t.missing}>
                    <p class="soft">{id}</p>
                    <a class="btn btn-outline-secondary" href={link("extract")}>
                        {t.all}
                    </a>
                </Empty>
            ) : (
                live.error !== null && <Failed error={live.error} retry={live.reload} />
            )}
            {j === null && live.error === null && <Loading />}
            {j !== null && asked !== null && !live.missing && (
                <>
                    <State j={j} />
                    <div class="titlerow">
                        <h1>{model === "" ? asked.trait : t.title(asked.trait, model)}</h1>
                        <Acts j={j} live={live} />
                    </div>
                    <Whole j={j} live={live} />
                </>
            )}
        </main>
    );
}
