// SPDX-License-Identifier: MIT
//
// monitor.tsx - #/monitor: all requests as they run, what their probes read, alarms, and texts screened along vectors;
// #/monitor/JOB: one screening.
import { useEffect, useRef, useState } from "preact/hooks";
import { isOpen, jobs } from "../../api/live";
import { jobLink, jobName, stateWords } from "../../app/job_words";
import { link, place } from "../../app/router";
import { count, num, when } from "../../base/format";
import { Facts } from "../../parts/facts";
import { Empty, Loading } from "../../parts/states";
import { text } from "../../text/en";
import { alarms, limits } from "./alarms";
import { type Ended, type Feed, probeName, type Running, useFeed } from "./feed";
import { anyAlarm, EndedRow, RunningRow } from "./requests";
import { ScreenForm } from "./screen_form";
import { ScreenJob } from "./screen_job";
import { LimitFields, useWatch, WatchRows } from "./watch";

const t = text.monitor;

function probesOf(feed: Feed): string[] {
    const names = [...feed.running, ...feed.ended].flatMap((r) => r.probes.map(probeName));
    return [...new Set(names)].sort();
}

/** Says each alarm once, politely. */
function Announce({ feed }: { feed: Feed }) {
    const said = useRef(new Set<string>());
    const [words, setWords] = useState("");
    const all = limits();
    const now = feed.running.flatMap((r) => r.probes.filter((p) => alarms(p, all)).map((p) => ({ key: `${r.id} ${probeName(p)}`, words: t.alarm(probeName(p), r.model) })));
    const fresh = now.filter((x) => !said.current.has(x.key));
    useEffect(() => {
        if (fresh.length > 0) {
            fresh.forEach((x) => said.current.add(x.key));
            setWords(fresh.map((x) => x.words).join(". "));
        }
    }, [fresh.map((x) => x.key).join(" ")]);
    return (
        <p class="visually-hidden" role="status">
            {words}
        </p>
    );
}

function Requests({ feed }: { feed: Feed }) {
    const all = limits();
    const watch = useWatch();
    const only = place.value.query.get("only") === "alarms";
    const shown = <R extends Running | Ended>(list: readonly R[]): R[] => (only ? list.filter((r) => anyAlarm(r, all)) : [...list]);
    const rate = [...feed.rates.values()].reduce((a, b) => a + b, 0);
    const loud = [...feed.running, ...feed.ended].filter((r) => anyAlarm(r, all)).length;
    const ended = shown(feed.ended);
    return (
        <>
            <Facts
                facts={[
                    { label: t.running, value: feed.state === "waiting" ? "–" : num(feed.running.length, 0), note: rate > 0 ? `${num(rate, 0)} ${t.perSecond}` : t.idle },
                    { label: t.alarmed, value: feed.state === "waiting" ? "–" : num(loud, 0), note: t.ofLast(feed.running.length + feed.ended.length) },
                    { label: t.feed, value: t.feeds[feed.state], note: feed.state === "lost" ? t.feedLost : t.feedLive },
                ]}
            />
            <section class="watch" aria-label={t.watch}>
                <h2>{t.watch}</h2>
                <p class="soft">{t.watchWhat}</p>
                <WatchRows of={watch} />
                <LimitFields probes={probesOf(feed)} all={all} />
            </section>
            <section aria-label={t.requests}>
                <div class="titlerow">
                    <h2>{t.requests}</h2>
                    <div class="acts seg" role="group" aria-label={t.show}>
                        <a href={link("monitor", [], without("only"))} aria-current={only ? undefined : "true"}>
                            {t.all}
                        </a>
                        <a href={link("monitor", [], withOnly())} aria-current={only ? "true" : undefined}>
                            {t.onlyAlarms}
                        </a>
                    </div>
                </div>
                {feed.state === "waiting" ? (
                    <Loading lines={3} />
                ) : feed.running.length === 0 ? (
                    <Empty title={t.none}>
                        <p class="soft">{t.noneWhat}</p>
                    </Empty>
                ) : (
                    <ul class="reqs">
                        {shown(feed.running).map((r) => (
                            <RunningRow key={r.id} r={r} feed={feed} all={all} />
                        ))}
                    </ul>
                )}
                {feed.ended.length > 0 && <h3 class="past">{t.ended}</h3>}
                {feed.ended.length > 0 && ended.length === 0 && <p class="soft">{t.noAlarms}</p>}
                <ul class="reqs">
                    {ended.map((r) => (
                        <EndedRow key={r.id} r={r} all={all} />
                    ))}
                </ul>
            </section>
        </>
    );
}

function without(name: string): URLSearchParams {
    const q = new URLSearchParams(place.value.query);
    q.delete(name);
    return q;
}
function withOnly(): URLSearchParams {
    const q = new URLSearchParams(place.value.query);
    q.set("only", "alarms");
    return q;
}

function Screenings() {
    const list = (jobs.value ?? []).filter((j) => j.kind === "screen").slice(0, 8);
    return list.length === 0 ? null : (
        <ul class="pastjobs" aria-label={t.screenings}>
            {list.map((j) => (
                <li key={j.id}>
                    <a href={jobLink(j)}>{jobName(j)}</a>{" "}
                    <span class="soft">
                        {stateWords(j)}, {isOpen(j) ? count(j.done, t.answer, t.answers) : when(j.ended)}
                    </span>
                </li>
            ))}
        </ul>
    );
}

export function Monitor() {
    const id = place.value.parts[0];
    return id !== undefined ? <ScreenJob id={id} /> : <Both />;
}

function Both() {
    const feed = useFeed();
    return (
        <main id="main" class="page monitor" tabindex={-1}>
            <h1>{text.views.monitor}</h1>
            <p class="soft lead">{t.lead}</p>
            <Announce feed={feed} />
            <Requests feed={feed} />
            <section aria-label={t.screening}>
                <h2>{t.screening}</h2>
                <p class="soft">{t.screeningWhat}</p>
                <ScreenForm />
                <Screenings />
            </section>
        </main>
    );
}
