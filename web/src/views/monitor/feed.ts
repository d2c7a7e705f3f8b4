// SPDX-License-Identifier: MIT
//
// feed.ts - the running requests and those that have ended last, as the server tells them; how fast each writes is
// measured here, over the last two seconds.
import { useEffect, useState } from "preact/hooks";
import { online, type Reply, returns } from "../../api/client";
import { objects } from "../../api/stream";

type List = Reply<"/api/v1/requests">;
export type Ended = List["ended"][number];
/** Of a running one the server's feed leaves out what changes by itself. */
export type Running = Omit<List["requests"][number], "seconds">;
export type Probed = Running["probes"][number];

export interface Feed {
    running: Running[];
    ended: Ended[];
    /** Tokens a second by id. */
    rates: ReadonlyMap<string, number>;
    /** The recent mean of each probe at each look, by request and probe: what the little lines are made of. */
    trails: ReadonlyMap<string, readonly (number | null)[]>;
    state: "waiting" | "live" | "lost";
}

const WINDOW_MS = 2000;
const TRAIL = 60;
export const probeName = (p: { vector: string; block: number }): string => `${p.vector}@${p.block}`;
export const trailName = (r: { id: string }, p: Probed): string => `${r.id} ${probeName(p)}`;

/** What a list of the server says; [] of anything else. */
const listOf = <T>(x: unknown): T[] => (Array.isArray(x) ? (x.filter((y) => y !== null && typeof y === "object") as T[]) : []);
const known = <T extends { probes: unknown }>(r: T): T => ({ ...r, probes: listOf<Probed>(r.probes) });

class Speeds {
    private past = new Map<string, { at: number; tokens: number }[]>();
    rates(running: readonly Running[]): Map<string, number> {
        const now = performance.now();
        const next = new Map<string, { at: number; tokens: number }[]>();
        const out = new Map<string, number>();
        for (const r of running) {
            const old = (this.past.get(r.id) ?? []).filter((x) => now - x.at < WINDOW_MS);
            const all = [...old, { at: now, tokens: r.completion_tokens }];
            next.set(r.id, all);
            const [from, to] = [all[0]!, all[all.length - 1]!];
            if (to.at - from.at > 400) {
                out.set(r.id, ((to.tokens - from.tokens) / (to.at - from.at)) * 1000);
            }
        }
        this.past = next;
        return out;
    }
}

function grown(old: Feed["trails"], running: readonly Running[]): Feed["trails"] {
    const out = new Map<string, readonly (number | null)[]>();
    for (const r of running) {
        for (const p of r.probes) {
            const name = trailName(r, p);
            out.set(name, [...(old.get(name) ?? []), p.recent ?? null].slice(-TRAIL));
        }
    }
    return out;
}

export function useFeed(): Feed {
    const [feed, setFeed] = useState<Feed>({ running: [], ended: [], rates: new Map(), trails: new Map(), state: "waiting" });
    const back = returns.value;
    useEffect(() => {
        const stop = new AbortController();
        const speeds = new Speeds();
        let timer: ReturnType<typeof setTimeout> | undefined;
        const follow = async () => {
            try {
                for await (const e of objects<Partial<List>>("api/v1/requests-events", { signal: stop.signal })) {
                    const running = listOf<Running>(e.data?.requests).map(known);
                    setFeed((f) => ({
                        running,
                        ended: e.data?.ended ? listOf<Ended>(e.data.ended).map(known) : f.ended,
                        rates: speeds.rates(running),
                        trails: grown(f.trails, running),
                        state: "live",
                    }));
                }
            } catch {
                // said below; client.ts knows if the server is away
            }
            if (!stop.signal.aborted) {
                setFeed((f) => ({ ...f, state: "lost", rates: new Map() }));
                if (online.value) {
                    timer = setTimeout(() => void follow(), 1000);
                }
            }
        };
        void follow();
        return () => {
            stop.abort();
            clearTimeout(timer);
        };
    }, [back]);
    return feed;
}
