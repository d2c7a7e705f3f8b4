// SPDX-License-Identifier: MIT
//
// setup.tsx - the line above the conversation: the model, the system text, the sampling, sharing.
import { useState } from "preact/hooks";
import { defaultModel, models } from "../../api/live";
import { link } from "../../app/router";
import { sayError } from "../../app/toast";
import { bytes, count, num } from "../../base/format";
import { Icon } from "../../parts/icons";
import { Pop } from "../../parts/pop";
import { text } from "../../text/en";
import { Share } from "./share";
import { busy, model, sampling, seed, useModel } from "./state";
import { fresh, system } from "./talk";

function Picker() {
    const [find, setFind] = useState("");
    const all = models.value ?? [];
    const now = all.find((m) => m.id === model.value) ?? defaultModel.value;
    const dot = (state: string) => (state === "ready" ? "on" : state === "loading" ? "" : "off");
    const list = all.filter((m) => m.id.toLowerCase().includes(find.toLowerCase()));
    return (
        <Pop
            class="picker"
            button=""
            summary={
                <>
                    <span class="visually-hidden">{text.play.model}: </span>
                    <span class={`dot ${dot(now?.state ?? "")}`} />
                    <b>{now?.id ?? text.states.loading}</b> <small>{now?.loaded ? `${now.loaded.quant}, ${now.loaded.n_layer} ${text.play.blocksWord}` : (now?.state ?? "")}</small>
                    <Icon name="down" />
                </>
            }
        >
            <input class="form-control mb-2" type="search" placeholder={text.play.findModel} aria-label={text.play.findModel} value={find} onInput={(e) => setFind(e.currentTarget.value)} />
            {list.map((m) => (
                <button class="opt" type="button" key={m.id} aria-pressed={m.id === model.value} disabled={busy.value} onClick={() => void useModel(m.id).then(fresh, sayError)}>
                    <span class={`dot ${dot(m.state)}`} />
                    <span>{m.id}</span>
                    <span class="soft">{bytes(m.size_bytes)}</span>
                    <small>
                        {m.state}
                        {m.loaded && ` · ${m.loaded.quant} · ${m.loaded.n_layer} ${text.play.blocksWord}`}
                        {m.vectors && ` · ${count(m.vectors.length, text.play.vector, text.play.vectors)}`}
                    </small>
                </button>
            ))}
            <a class="opt" href={link("models")}>
                <span>
                    <Icon name="plus" />
                </span>
                <span>{text.play.otherModel}</span>
            </a>
        </Pop>
    );
}

function System() {
    return (
        <Pop class="wide" button="btn btn-quiet" summary={<span>{system.value === "" ? text.play.noSystem : `${text.play.system}: ${system.value.slice(0, 24)}`}</span>}>
            <label class="form-label" for="system">
                {text.play.system}
            </label>
            <textarea id="system" class="form-control" rows={5} value={system.value} onInput={(e) => (system.value = e.currentTarget.value)} />
        </Pop>
    );
}

function Number_(p: { id: string; label: string; value: number; min: number; max: number; step: number; set: (v: number) => void }) {
    return (
        <div class="field">
            <label class="form-label" for={p.id}>
                {p.label}
            </label>
            <input
                id={p.id}
                class="form-control"
                type="number"
                min={p.min}
                max={p.max}
                step={p.step}
                value={p.value}
                onChange={(e) => {
                    const v = Number(e.currentTarget.value);
                    if (Number.isFinite(v)) {
                        p.set(Math.max(p.min, Math.min(p.max, v)));
                    }
                }}
            />
        </div>
    );
}

function SamplingPop() {
    const s = sampling.value;
    return (
        <Pop class="wide" button="btn btn-quiet" summary={<span>{`T ${num(s.temperature)}, ${text.play.seed} ${seed.value}`}</span>}>
            <div class="p-2">
                <Number_ id="t" label={text.play.temperature} value={s.temperature} min={0} max={5} step={0.1} set={(temperature) => (sampling.value = { ...s, temperature })} />
                <Number_ id="top_p" label={text.play.topP} value={s.topP} min={0.01} max={1} step={0.01} set={(topP) => (sampling.value = { ...s, topP })} />
                <Number_ id="max" label={text.play.maxTokens} value={s.maxTokens} min={1} max={32768} step={1} set={(maxTokens) => (sampling.value = { ...s, maxTokens })} />
                <Number_ id="pace" label={text.play.pace} value={s.pace} min={0} max={1000} step={1} set={(pace) => (sampling.value = { ...s, pace })} />
                <Number_ id="seed" label={text.play.seed} value={seed.value} min={0} max={2 ** 31} step={1} set={(v) => (seed.value = Math.round(v))} />
            </div>
        </Pop>
    );
}

export function Setup() {
    return (
        <div class="setup">
            <Picker />
            <System />
            <SamplingPop />
            <div class="end">
                <button class="btn btn-quiet" type="button" disabled={busy.value} onClick={fresh}>
                    <Icon name="plus" /> <span class="wide-only">{text.play.fresh}</span>
                </button>
                <Share />
            </div>
        </div>
    );
}
