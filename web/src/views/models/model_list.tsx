// SPDX-License-Identifier: MIT
//
// model_list.tsx - each model of the server: what it is, whether it is loaded, and the buttons that change it. The
// seconds of loading run here between two polls.
import { useEffect, useState } from "preact/hooks";
import { post } from "../../api/client";
import { memory, type Model, models, refreshModels } from "../../api/live";
import { useCommands } from "../../app/commands";
import { link } from "../../app/router";
import { say, sayError } from "../../app/toast";
import { bytes, duration } from "../../base/format";
import { Empty, Loading } from "../../parts/states";
import { text } from "../../text/en";
import { whole } from "../../text/whole";

const t = text.models;

async function load(m: Model): Promise<void> {
    const began = performance.now();
    const soon = setTimeout(() => void refreshModels(), 50); // it is loading now
    try {
        await post("/api/v1/models/{id}/load", { path: { id: m.id } });
        say(t.loaded(m.id, duration((performance.now() - began) / 1000)), () => unload(m));
    } catch (e) {
        sayError(e);
    } finally {
        clearTimeout(soon);
        void refreshModels();
    }
}

async function unload(m: Model): Promise<void> {
    try {
        await post("/api/v1/models/{id}/unload", { path: { id: m.id } });
        say(t.unloaded(m.id), () => load(m));
    } catch (e) {
        sayError(e);
    } finally {
        void refreshModels();
    }
}

function State({ m }: { m: Model }) {
    const [, tick] = useState(0);
    const [since, setSince] = useState(0); // clock when it began
    useEffect(() => setSince(performance.now() / 1000 - m.seconds), [m.seconds, m.state]);
    useEffect(() => {
        if (m.state !== "loading") {
            return;
        }
        const timer = setInterval(() => tick((n) => n + 1), 200);
        return () => clearInterval(timer);
    }, [m.state]);
    const lasts = duration(Math.max(0, performance.now() / 1000 - since));
    const names: Record<string, string> = t.states;
    return (
        <>
            <span class={`dot ${m.state === "ready" ? "on" : m.state === "cold" ? "off" : ""}`} />{" "}
            {m.state === "loading" ? t.loading(lasts) : m.state === "ready" ? t.ready(duration(m.seconds), m.n_users) : (names[m.state] ?? m.state)}
            {m.failure && <small class="bad d-block">{m.failure}</small>}
        </>
    );
}

function Row({ m }: { m: Model }) {
    const f = m.loaded ?? null;
    const size = f ? `${f.arch} · ${f.quant} · ${t.params(f.n_params >= 1e9 ? `${(f.n_params / 1e9).toFixed(1)} G` : `${(f.n_params / 1e6).toFixed(1)} M`)}` : "";
    return (
        <tr>
            <th scope="row">
                <b>{m.id}</b>{" "}
                {m.default && (
                    <span class="chip" title={t.defaultHint}>
                        {t.default}
                    </span>
                )}
                {size && <small>{size}</small>}
            </th>
            <td data-h={t.head.state}>
                <State m={m} />
            </td>
            <td data-h={t.head.size} class="num">
                {bytes(m.size_bytes)}
            </td>
            <td data-h={t.head.blocks} class="num">
                {f?.n_layer ?? "–"}
            </td>
            <td data-h={t.head.context} class="num">
                {f ? t.tokens(whole(f.n_ctx)) : "–"}
                {f && <small>{`${t.trained(whole(f.n_ctx_train))}, ${t.slots(f.n_slots)}`}</small>}
            </td>
            <td data-h={t.head.vectors}>
                {(m.vectors ?? []).length === 0
                    ? t.noVectors
                    : (m.vectors ?? []).map((v, i) => (
                          <span key={v}>
                              {i > 0 && ", "}
                              <a href={link("vectors", [m.id, v])}>{v}</a>
                          </span>
                      ))}
            </td>
            <td class="acts">
                {m.state === "ready" ? (
                    <button class="btn btn-outline-secondary" type="button" aria-label={`${t.unload} ${m.id}`} disabled={m.n_users > 0} onClick={() => void unload(m)}>
                        {t.unload}
                    </button>
                ) : (
                    <button class="btn btn-outline-secondary" type="button" aria-label={`${t.load} ${m.id}`} disabled={m.state === "loading"} onClick={() => void load(m)}>
                        {t.load}
                    </button>
                )}
                <a class="btn btn-quiet" href={link("play", [], { model: m.id })} aria-label={`${t.ask}: ${m.id}`}>
                    {t.ask}
                </a>
            </td>
        </tr>
    );
}

function Memory() {
    const m = memory.value;
    if (m === null || !(m.budget_bytes > 0)) {
        return null;
    }
    const part = Math.min(100, (100 * m.used_bytes) / m.budget_bytes);
    return (
        <div class="memory">
            <p class="small soft mb-1">
                {t.memory}: <b class="fw-semibold">{t.memoryOf(bytes(m.used_bytes), bytes(m.budget_bytes))}</b>
            </p>
            <svg class="meter-svg" aria-hidden="true">
                <rect width={`${m.used_bytes > 0 ? Math.max(0.5, part) : 0}%`} />
            </svg>
        </div>
    );
}

export function ModelList() {
    const all = models.value;
    useCommands((all ?? []).map((m) => (m.state === "ready" ? { name: `${t.unload} ${m.id}`, run: () => void unload(m) } : { name: `${t.load} ${m.id}`, run: () => void load(m) })));
    if (all === null) {
        return <Loading />;
    }
    if (all.length === 0) {
        return (
            <Empty title={t.none}>
                <p class="soft">{t.noneWhat}</p>
            </Empty>
        );
    }
    return (
        <>
            <Memory />
            <table class="rows mt-3">
                <thead>
                    <tr>
                        {Object.values(t.head).map((h, i) => (
                            <th key={h} scope="col" class={i >= 2 && i <= 4 ? "num" : undefined}>
                                {h}
                            </th>
                        ))}
                        <td />
                    </tr>
                </thead>
                <tbody>
                    {all.map((m) => (
                        <Row m={m} key={m.id} />
                    ))}
                </tbody>
            </table>
        </>
    );
}
