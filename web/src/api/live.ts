// SPDX-License-Identifier: MIT
//
// live.ts - what every view shows or offers: the server's models and jobs, asked for again as often as they can
// change. One poll for the whole page; none while the page is hidden.
import { computed, signal } from "@preact/signals";
import { get, online, type Reply, returns } from "./client";

export type Model = Reply<"/api/v1/models">["models"][number];
export type Job = Reply<"/api/v1/jobs">["jobs"][number];

export const models = signal<Model[] | null>(null);
export const memory = signal<Reply<"/api/v1/models">["memory"] | null>(null);
export const jobs = signal<Job[] | null>(null);

export const isOpen = (j: Job): boolean => j.state === "queued" || j.state === "running";
export const openJobs = computed(() => (jobs.value ?? []).filter(isOpen));
export const defaultModel = computed(() => models.value?.find((m) => m.default) ?? models.value?.[0] ?? null);

export function modelById(id: string | undefined | null): Model | null {
    return models.value?.find((m) => m.id === id) ?? null;
}

/** Done of the whole job from 0 to 1, null before it is known. */
export function share(j: Job): number | null {
    return j.total > 0 ? Math.min(1, j.done / j.total) : null;
}

async function askModels(): Promise<void> {
    const told = await get("/api/v1/models");
    models.value = told.models;
    memory.value = told.memory;
}
async function askJobs(): Promise<void> {
    jobs.value = (await get("/api/v1/jobs")).jobs;
}

const timers = new Map<() => Promise<void>, ReturnType<typeof setTimeout>>();

async function round(ask: () => Promise<void>, pause: () => number): Promise<void> {
    clearTimeout(timers.get(ask));
    try {
        if (online.value && !document.hidden) {
            await ask();
        }
    } catch {
        // client.ts says that the server is away; the next round asks again
    }
    clearTimeout(timers.get(ask));
    timers.set(
        ask,
        setTimeout(() => void round(ask, pause), pause()),
    );
}

const modelPause = (): number => (models.value?.some((m) => m.state === "loading") ? 500 : 10_000);
const jobPause = (): number => (openJobs.value.length > 0 ? 1000 : 10_000);

/** After something was done that changes them. */
export function refreshModels(): Promise<void> {
    return round(askModels, modelPause);
}
export function refreshJobs(): Promise<void> {
    return round(askJobs, jobPause);
}

export function startLive(): void {
    const both = () => {
        void refreshModels();
        void refreshJobs();
    };
    document.addEventListener("visibilitychange", () => {
        if (!document.hidden) {
            both();
        }
    });
    returns.subscribe(both);
}
