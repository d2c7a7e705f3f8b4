// SPDX-License-Identifier: MIT
//
// upload.tsx - a vector from a file: choose it, say for which model and under which name. The server reads the format
// from the content, and what it refuses it says in words.
import { useState } from "preact/hooks";
import { address, ApiError, raw } from "../../api/client";
import { defaultModel, modelById, models } from "../../api/live";
import { go, place } from "../../app/router";
import { bytes } from "../../base/format";
import { errorElsewhere, SelectField, TextField } from "../../parts/field";
import { Upload } from "../../parts/upload";
import { text } from "../../text/en";
import { sayWritten, writeOver } from "./replace";

const T = text.vectors.upload;
const MOST = 64 * 1024 * 1024; // of the server

/** A name that the library takes, of that of a file. */
const nameFrom = (file: string): string =>
    file
        .replace(/\.(gguf|safetensors|json|pt|f32|bin)$/i, "")
        .replace(/[^A-Za-z0-9._-]+/g, "_")
        .replace(/^\.+/, "")
        .slice(0, 100);

async function send(model: string, name: string, file: File): Promise<string[]> {
    const r = await raw(address("/api/v1/vectors/{model}/{name}/file", { path: { model, name } }), { method: "PUT", body: file, headers: { "Content-Type": "application/octet-stream" } });
    return ((await r.json()) as { notes: string[] }).notes;
}

export function UploadPanel({ reload }: { reload: () => void }) {
    const asked = modelById(place.value.query.get("model"))?.id ?? defaultModel.value?.id ?? "";
    const [picked, setPicked] = useState<string | null>(null);
    const [file, setFile] = useState<File | null>(null);
    const [name, setName] = useState("");
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<unknown>(null);
    const model = picked ?? asked;
    const exists = error instanceof ApiError && error.code === "exists";
    const at = { model, name: name.trim() };
    const take = async (over: boolean) => {
        setBusy(true);
        setError(null);
        try {
            let notes: string[] = [];
            const write = async () => {
                notes = await send(at.model, at.name, file!);
            };
            if (over) {
                await writeOver(at, write, T.replaced(at.name), reload);
            } else {
                await write();
                sayWritten(at, [T.done(at.name), ...notes].join(" "), reload);
            }
            setFile(null);
            setName("");
            go("vectors", [at.model, at.name], { ...Object.fromEntries(place.value.query), upload: "" });
        } catch (e) {
            setError(e);
        } finally {
            setBusy(false);
        }
    };
    const choose = ([f]: File[]) => {
        if (!f) {
            return;
        }
        setFile(f);
        setName(nameFrom(f.name));
        setError(f.size > MOST ? new Error(T.large(bytes(f.size))) : null);
    };
    return (
        <section class="uploader" aria-labelledby="h-up">
            <h2 id="h-up">{T.title}</h2>
            <p class="soft">{T.what}</p>
            <form
                class="form-grid"
                onSubmit={(e) => {
                    e.preventDefault();
                    void take(false);
                }}
            >
                <div class="w6">
                    <Upload label={file ? file.name : T.file} hint={file ? `${bytes(file.size)}. ${T.other}` : T.hint} accept=".gguf,.safetensors,.json,.pt" busy={busy} onFiles={choose} />
                </div>
                <SelectField label={text.vectors.model} value={model} set={setPicked} choices={(models.value ?? []).map((m) => ({ value: m.id, label: m.id }))} />
                <TextField label={T.name} value={name} set={setName} />
                <div class="go">
                    <button class="btn btn-primary" type="submit" disabled={busy || !file || !at.name || file.size > MOST}>
                        {T.go}
                    </button>
                    {exists && (
                        <button class="btn btn-outline-secondary" type="button" disabled={busy} onClick={() => void take(true)}>
                            {T.replace}
                        </button>
                    )}
                </div>
                {error !== null && (
                    <p class="badline w6" role="alert">
                        {exists ? T.taken(at.name) : errorElsewhere(error, [])}
                    </p>
                )}
            </form>
        </section>
    );
}
