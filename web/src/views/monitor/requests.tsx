// SPDX-License-Identifier: MIT
//
// requests.tsx - one request each: what it is, how quick, how it is steered, what its probes read; stop it, steer it anew.
import { useState } from "preact/hooks";
import { ApiError, patch, remove, wordsOf } from "../../api/client";
import { type Limits } from "../../app/alarm_query";
import { say, sayError } from "../../app/toast";
import { count, duration, num, signed, step, when } from "../../base/format";
import { Icon } from "../../parts/icons";
import { Spark } from "../../parts/spark";
import { text } from "../../text/en";
import { alarms, limitOf } from "./alarms";
import { type Ended, type Feed, type Probed, probeName, type Running, trailName } from "./feed";

const t = text.monitor;
const SPAN = 6; // standard deviations to either side of the little scale

/** Where the mean stands between -SPAN and SPAN, and where it alarms. */
function Scale({ z, limit }: { z: number; limit: number }) {
    const x = (v: number) => `${50 + (50 * Math.max(-SPAN, Math.min(SPAN, v))) / SPAN}%`;
    return (
        <svg class="zscale" aria-hidden="true">
            <line class="axis" x1="0" x2="100%" y1="50%" y2="50%" />
            <line class="zero" x1="50%" x2="50%" y1="15%" y2="85%" />
            <line class="limit" x1={x(limit)} x2={x(limit)} y1="0" y2="100%" />
            <circle class={z > 0 ? "p" : "n"} cx={x(z)} cy="50%" r="4" />
        </svg>
    );
}

function Probe({ p, all, trail }: { p: Probed; all: Limits; trail?: readonly (number | null)[] }) {
    const loud = alarms(p, all);
    const z = typeof p.z === "number" ? p.z : null;
    return (
        <li class={loud ? "loud" : ""}>
            <span class="mono">{probeName(p)}</span>
            {z === null ? (
                <span class="soft small">{p.tokens > 0 ? `${t.projection} ${num(p.projection, 1)}, ${t.noNeutral}` : t.noToken}</span>
            ) : (
                <>
                    <b class={`z ${step(z)}`}>{signed(z, 1)} σ</b>
                    <Scale z={z} limit={limitOf(all, p)} />
                    {trail && trail.length > 1 && <Spark values={trail} />}
                    <small>
                        {loud ? (
                            <strong>
                                <Icon name="warn" /> {t.over} {num(limitOf(all, p), 1)}
                            </strong>
                        ) : (
                            `${t.recent} ${signed(p.recent, 1)} σ`
                        )}
                    </small>
                </>
            )}
        </li>
    );
}

function Probes({ r, all, feed }: { r: Running; all: Limits; feed?: Feed }) {
    return r.probes.length === 0 ? (
        <span class="soft small">{t.noProbes}</span>
    ) : (
        <ul class="readings">
            {r.probes.map((p) => (
                <Probe key={probeName(p)} p={p} all={all} {...(feed ? { trail: feed.trails.get(trailName(r, p)) ?? [] } : {})} />
            ))}
        </ul>
    );
}

async function steer(r: Running, to: string): Promise<number> {
    const set = (x: string | null) => patch("/api/v1/requests/{id}/steering", { path: { id: r.id }, body: { steering: x } });
    const reply = await set(to.trim() === "" ? null : to.trim());
    say(t.steered(reply.n_tokens), () => set(r.expression ?? null).then(() => undefined));
    return reply.n_tokens;
}

function SteerForm({ r, close }: { r: Running; close: () => void }) {
    const [value, setValue] = useState(r.expression ?? "");
    const [error, setError] = useState<string | null>(null);
    const send = async (e: Event) => {
        e.preventDefault();
        try {
            await steer(r, value);
            close();
        } catch (x) {
            setError(x instanceof ApiError && x.status === 404 && x.param === null && !/vector|name/.test(x.message) ? t.gone : wordsOf(x));
        }
    };
    const id = `steer-${r.id}`;
    return (
        <form class="steerform" onSubmit={(e) => void send(e)} onKeyDown={(e) => e.key === "Escape" && close()}>
            <label class="form-label" for={id}>
                {t.expression}
            </label>
            <div>
                <input id={id} class={`form-control mono ${error ? "is-bad" : ""}`} type="text" autocomplete="off" spellcheck={false} value={value} placeholder={t.unsteered} aria-describedby={error ? `${id}-e` : undefined} onInput={(e) => setValue(e.currentTarget.value)} ref={(el) => el?.focus()} />
                <button class="btn btn-primary" type="submit">
                    {t.apply}
                </button>
                <button class="btn btn-quiet" type="button" onClick={close}>
                    {t.close}
                </button>
            </div>
            {error && (
                <p class="badline" id={`${id}-e`} role="alert">
                    {error}
                </p>
            )}
        </form>
    );
}

const loud = (r: Running, all: Limits): boolean => r.probes.some((p) => alarms(p, all));

export function RunningRow({ r, feed, all }: { r: Running; feed: Feed; all: Limits }) {
    const [open, setOpen] = useState(false);
    const rate = feed.rates.get(r.id);
    const stop = () =>
        remove("/api/v1/requests/{id}", { path: { id: r.id } }).then(
            () => say(t.stopped),
            (e: unknown) => (e instanceof ApiError && e.status === 404 ? say(t.gone) : sayError(e)),
        );
    return (
        <li class={`req ${loud(r, all) ? "loud" : ""}`} aria-label={`${r.model} ${r.route}`}>
            <div class="who">
                <b>{r.model}</b>
                <small class="mono">{r.route}</small>
                <small>
                    {t.since} {when(r.created)}
                    {r.n_choices > 1 && `, ${t.choices(r.n_ended, r.n_choices)}`}
                </small>
            </div>
            <div class="how">
                <b class="tab">{count(r.completion_tokens, t.token, t.tokens)}</b>
                <small class="tab">{rate !== undefined ? `${num(rate, 0)} ${t.perSecond}` : r.first_token_s == null ? t.reading(r.prompt_tokens) : t.measuring}</small>
                <small class="tab">{r.first_token_s != null && `${t.firstAfter} ${duration(r.first_token_s)}`}</small>
            </div>
            <div class="by">
                {open ? <SteerForm r={r} close={() => setOpen(false)} /> : <span class={r.expression ? "mono" : "soft"}>{r.expression ?? t.unsteered}</span>}
                {!open && (
                    <span class="acts">
                        <button class="btn btn-quiet btn-sm" type="button" onClick={() => setOpen(true)}>
                            <Icon name="edit" /> {t.steer}
                        </button>
                        <button class="btn btn-quiet btn-sm danger" type="button" onClick={() => void stop()}>
                            <Icon name="stop" /> {t.stop}
                        </button>
                    </span>
                )}
            </div>
            <Probes r={r} all={all} feed={feed} />
        </li>
    );
}

export function EndedRow({ r, all }: { r: Ended; all: Limits }) {
    const wrote = r.seconds - (r.first_token_s ?? 0);
    const finish = (t.finishes as Record<string, string>)[r.finish] ?? r.finish;
    return (
        <li class={`req ${loud(r, all) ? "loud" : ""}`} aria-label={`${r.model} ${r.route}`}>
            <div class="who">
                <b>{r.model}</b>
                <small class="mono">{r.route}</small>
                <small>
                    {finish} {when(r.ended)}
                </small>
            </div>
            <div class="how">
                <b class="tab">{count(r.completion_tokens, t.token, t.tokens)}</b>
                <small class="tab">{r.completion_tokens > 1 && wrote > 0 ? `${num((r.completion_tokens - 1) / wrote, 0)} ${t.perSecond}` : ""}</small>
                <small class="tab">{r.first_token_s != null && `${t.firstAfter} ${duration(r.first_token_s)}`}</small>
            </div>
            <div class="by">
                <span class={r.expression ? "mono" : "soft"}>{r.expression ?? t.unsteered}</span>
            </div>
            <Probes r={r} all={all} />
        </li>
    );
}

export const anyAlarm = loud;
