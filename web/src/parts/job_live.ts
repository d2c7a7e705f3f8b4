// SPDX-License-Identifier: MIT
//
// job_live.ts - one job, followed. Its events say at once what changes; while they cannot be had, the poll of all jobs
// (api/live.ts) says it a little later, and the stream is tried again. What was asked, its log and what came of it are
// asked for when the job appears, when a stage begins and when it ends.
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, get, type Reply, returns, wordsOf } from "../api/client";
import { isOpen, type Job, jobs, refreshJobs } from "../api/live";
import { objects } from "../api/stream";

export type JobWhole = Reply<"/api/v1/jobs/{id}">;
/** Tokens a second at a time, in seconds since 1970. */
export interface Speed {
    at: number;
    rate: number;
}
export interface JobLive {
    job: JobWhole | null;
    /** Why it cannot be shown: there is none of that name, or the server failed. */
    error: string | null;
    missing: boolean;
    /** Tokens a second since the server began. */
    speed: readonly Speed[];
    reload: () => void;
}

const SILENT_MS = 3000; // after which the poll is believed
const SPEEDS = 600; // kept; then every other one
const SPEED_S = 1; // between two of them at least

/** What the server has noted, and what was seen since. */
class Meter {
    private at = 0;
    private tokens = 0;
    private stage = "";
    list: Speed[] = [];
    known(whole: JobWhole): void {
        this.list = (whole.speed ?? []).map((p) => ({ at: p.at, rate: p.tokens_per_second }));
    }
    add(j: Job): boolean {
        const now = Date.now() / 1000;
        const since = now - this.at;
        if (j.state !== "running" || j.stage !== this.stage || j.n_tokens < this.tokens) {
            [this.at, this.tokens, this.stage] = [now, j.n_tokens, j.stage];
            return false;
        }
        if (since < SPEED_S) {
            return false;
        }
        const kept = this.list.length < SPEEDS ? this.list : this.list.filter((_, i) => i % 2 === 0);
        this.list = [...kept, { at: now, rate: (j.n_tokens - this.tokens) / since }];
        [this.at, this.tokens] = [now, j.n_tokens];
        return true;
    }
}

const pause = (ms: number, stop: AbortSignal) =>
    new Promise<void>((go) => {
        const t = setTimeout(go, ms);
        stop.addEventListener("abort", () => (clearTimeout(t), go()));
    });

/** Tells every state that it hears of until the job has ended, there is none, or `stop`. */
export async function followJob(id: string, tell: (j: Job) => void, stop: AbortSignal): Promise<void> {
    for (let tries = 0; !stop.aborted; tries++) {
        try {
            for await (const e of objects<Job>(`api/v1/jobs/${encodeURIComponent(id)}/events`, { signal: stop })) {
                tries = 0;
                tell(e.data);
                if (!isOpen(e.data)) {
                    return;
                }
            }
        } catch (e) {
            if (stop.aborted || (e instanceof ApiError && e.status >= 400 && e.status < 500)) {
                throw e;
            }
        }
        await pause(Math.min(5000, 250 * 2 ** tries), stop);
    }
}

/** id null: none yet. */
export function useJob(id: string | null): JobLive {
    const [job, setJob] = useState<JobWhole | null>(null);
    const [error, setError] = useState<unknown>(null);
    const [turn, setTurn] = useState(0);
    const [speed, setSpeed] = useState<readonly Speed[]>([]);
    const heard = useRef(0); // when the stream last said something
    const meter = useRef(new Meter());
    const back = returns.value;
    const tell = (j: Job) => {
        setJob((old) => ({ ...(old?.id === j.id ? { request: old.request, result: old.result, log: old.log } : {}), ...j }) as JobWhole);
        if (meter.current.add(j)) {
            setSpeed(meter.current.list);
        }
    };
    useEffect(() => {
        setJob(null);
        setSpeed([]);
        setError(null);
        meter.current = new Meter();
    }, [id]);
    useEffect(() => {
        if (id === null) {
            return;
        }
        const stop = new AbortController();
        const ask = async () => {
            const whole = await get("/api/v1/jobs/{id}", { path: { id }, signal: stop.signal });
            meter.current.known(whole);
            setSpeed(meter.current.list);
            setJob(whole);
            setError(null);
            return whole;
        };
        let stage = "";
        const hear = (j: Job) => {
            heard.current = Date.now();
            tell(j);
            if (j.stage !== stage) {
                stage = j.stage;
                ask().catch(() => undefined); // the log has a line more; the stream says what is wrong
            }
        };
        const follow = async () => {
            try {
                const first = await ask();
                stage = first.stage;
                if (isOpen(first)) {
                    await followJob(id, hear, stop.signal);
                    await ask();
                    void refreshJobs();
                }
            } catch (e) {
                if (!stop.signal.aborted) {
                    setError(e);
                }
            }
        };
        void follow();
        return () => stop.abort();
    }, [id, turn, back]);
    const polled = jobs.value?.find((j) => j.id === id) ?? null;
    useEffect(() => {
        if (polled && job && isOpen(job) && Date.now() - heard.current > SILENT_MS) {
            tell(polled);
        }
        if (polled && job && !isOpen(job) && isOpen(polled) && polled.started !== job.started) {
            setTurn((n) => n + 1); // resumed by somebody else
        }
    }, [polled]);
    return {
        job,
        error: error === null ? null : wordsOf(error),
        missing: error instanceof ApiError && error.status === 404,
        speed,
        reload: () => setTurn((n) => n + 1),
    };
}
