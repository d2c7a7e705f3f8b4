// SPDX-License-Identifier: MIT
//
// bring.tsx - packs from elsewhere: written by a local model for two adjectives, or imported from files of other
// programs, which are looked at before they are kept.
import { useState } from "preact/hooks";
import { post, type Reply, remove, wordsOf } from "../../api/client";
import { defaultModel, models } from "../../api/live";
import { go } from "../../app/router";
import { say } from "../../app/toast";
import { NumberField, SelectField, TextField } from "../../parts/field";
import { Upload } from "../../parts/upload";
import { text } from "../../text/en";
import { type File_, write } from "./pack";

const W = text.traits.write;
const I = text.traits.import;

export function Wizard({ reload }: { reload: () => void }) {
    const [name, setName] = useState("");
    const [positive, setPositive] = useState("");
    const [negative, setNegative] = useState("");
    const [picked, setPicked] = useState("");
    const [tries, setTries] = useState("");
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<string | null>(null);
    const model = picked || (defaultModel.value?.id ?? "");
    const start = async () => {
        setBusy(true);
        setError(null);
        try {
            const body = { trait_name: name, positive_trait: positive, negative_trait: negative, model_id: model, ...(tries ? { tries: Number(tries) } : {}) };
            const made = await post("/api/traits/generate-custom", { body });
            reload();
            go("traits", [made.trait_id]);
            say(W.done(made.trait_id), async () => {
                await remove("/api/v1/traits/{name}", { path: { name: made.trait_id } });
                reload();
            });
        } catch (e) {
            setError(wordsOf(e));
        } finally {
            setBusy(false);
        }
    };
    return (
        <form
            onSubmit={(e) => {
                e.preventDefault();
                void start();
            }}
        >
            <h2>{W.title}</h2>
            <p class="soft">{W.what}</p>
            <div class="form-grid">
                <TextField label={W.name} value={name} set={setName} />
                <TextField label={W.positive} value={positive} set={setPositive} />
                <TextField label={W.negative} value={negative} set={setNegative} />
                <SelectField label={W.model} value={model} set={setPicked} choices={(models.value ?? []).map((m) => ({ value: m.id, label: m.id }))} />
                <NumberField label={W.tries} value={tries} set={setTries} min={1} max={100} placeholder="8" />
            </div>
            {error !== null && (
                <p class="badline" role="alert">
                    {error}
                </p>
            )}
            <p class="soft small mt-2" role="status">
                {busy ? W.busy(model) : ""}
            </p>
            <button class="btn btn-primary" type="submit" disabled={busy || !name || !positive || !negative}>
                {W.go}
            </button>
        </form>
    );
}

type Found = Reply<"/api/v1/traits/import", "post">["traits"];

export function Import({ reload }: { reload: () => void }) {
    const [data, setData] = useState<unknown>(null);
    const [more, setMore] = useState<unknown>(null);
    const [words, setWords] = useState({ name: "", positive: "", negative: "" });
    const [found, setFound] = useState<Found | null>(null);
    const [error, setError] = useState<string | null>(null);
    const given = Object.fromEntries(Object.entries(words).filter(([, v]) => v.trim() !== ""));
    const own = (data as { schema?: string } | null)?.schema === "persona.trait/1";
    const ask = (dry_run: boolean) => post("/api/v1/traits/import", { body: { data, ...(more ? { eval: more } : {}), ...given, dry_run } });
    const guarded = async (f: () => Promise<void>) => {
        setError(null);
        try {
            await f();
        } catch (e) {
            setError(wordsOf(e));
        }
    };
    const choose = (set: (v: unknown) => void) => ([f]: File[]) =>
        void guarded(async () => {
            setFound(null);
            try {
                set(JSON.parse(await f!.text()));
            } catch {
                throw new Error(I.notJson(f!.name));
            }
        });
    const keepThem = () =>
        guarded(async () => {
            const names = own ? [(await write(data as File_, false)).name] : (await ask(false)).traits.map((t) => t.name);
            reload();
            go("traits", [names[0]!]);
            say(I.done(names.join(", ")), async () => {
                for (const name of names) {
                    await remove("/api/v1/traits/{name}", { path: { name } });
                }
                reload();
            });
        });
    return (
        <section aria-label={I.title}>
            <h2>{I.title}</h2>
            <p class="soft">{I.what}</p>
            <div class="two mt-3">
                <Upload label={data ? I.chosen : I.file} accept=".json" onFiles={choose(setData)} />
                <Upload label={more ? I.evalChosen : I.eval} hint={I.evalHint} accept=".json" onFiles={choose(setMore)} />
            </div>
            <div class="form-grid">
                <TextField label={I.name} value={words.name} set={(name) => setWords({ ...words, name })} />
                <TextField label={I.positive} value={words.positive} set={(positive) => setWords({ ...words, positive })} />
                <TextField label={I.negative} value={words.negative} set={(negative) => setWords({ ...words, negative })} />
            </div>
            {error !== null && (
                <p class="badline" role="alert">
                    {error}
                </p>
            )}
            <div class="acts my-3">
                <button class="btn btn-outline-secondary" type="button" disabled={!data || own} onClick={() => void guarded(async () => setFound((await ask(true)).traits))}>
                    {I.look}
                </button>
                <button class="btn btn-primary" type="button" disabled={!own && found === null} onClick={() => void keepThem()}>
                    {I.keep}
                </button>
            </div>
            {found?.map((t) => (
                <div class="note mt-3" key={t.name}>
                    <b>{t.name}</b>: {t.positive}, {t.negative}. {I.counts(t.n_instructions, t.n_questions)}
                    <ul class="mb-0 ps-3">
                        {t.changes.map((c) => (
                            <li key={c}>{c}</li>
                        ))}
                    </ul>
                </div>
            ))}
        </section>
    );
}
