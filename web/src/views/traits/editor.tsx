// SPDX-License-Identifier: MIT
//
// editor.tsx - a pack as a form, for a new one, a copy and a change. What is written stands in the tab's session until
// it is saved, so a reload loses nothing. The server's rules decide; what it refuses is said under the form.
import { useEffect, useState } from "preact/hooks";
import { wordsOf } from "../../api/client";
import { go } from "../../app/router";
import { say } from "../../app/toast";
import { Field, TextField } from "../../parts/field";
import { text } from "../../text/en";
import { type File_, fileOf, QUESTIONS, read, same, write } from "./pack";

const T = text.traits.edit;

function Area({ label, value, rows, set, hint }: { label: string; value: string; rows: number; set: (v: string) => void; hint?: string }) {
    return (
        <Field label={label} hint={hint} class="mt-3">
            {(named) => <textarea {...named} class="form-control" rows={rows} value={value} onInput={(e) => set(e.currentTarget.value)} />}
        </Field>
    );
}

interface Draft {
    draft: File_;
    old: File_ | null;
}

/** The draft and the pack that it began from: that one must still be there when it is saved, not the one of a reload. */
function useDraft(key: string, start: Draft): [Draft, (f: File_) => void, () => void] {
    const store = `persona-draft:${key}`;
    const [now, setNow] = useState<Draft>(() => {
        try {
            return (JSON.parse(sessionStorage.getItem(store) ?? "null") as Draft | null) ?? start;
        } catch {
            return start;
        }
    });
    const set = (draft: File_) => {
        const next = { ...now, draft };
        setNow(next);
        try {
            sessionStorage.setItem(store, JSON.stringify(next));
        } catch {
            // lasts as long as the page
        }
    };
    const forget = () => {
        try {
            sessionStorage.removeItem(store);
        } catch {
            // there is none
        }
    };
    return [now, set, forget];
}

/** `old`: the pack that is changed, null for a new one or a copy. */
export function Editor({ id, start, old: shown, saved }: { id: string; start: File_; old: File_ | null; saved: () => void }) {
    const [{ draft, old }, set, forget] = useDraft(id, { draft: start, old: shown });
    const [questions, setQuestions] = useState(draft.questions.join("\n"));
    const [error, setError] = useState<string | null>(null);
    const [busy, setBusy] = useState(false);
    useEffect(() => setError(null), [draft]);
    const put = (change: Partial<File_>) => set({ ...draft, ...change });
    const lines = draft.questions.length;
    const save = async () => {
        setBusy(true);
        try {
            if (old && !same(fileOf(await read(old.name)), old)) {
                throw new Error(T.changed);
            }
            await write(draft, old !== null);
            forget();
            saved();
            go("traits", [draft.name]);
            say(T.saved(draft.name), old ? async () => (await write(old, true), saved()) : undefined);
        } catch (e) {
            setError(wordsOf(e));
        } finally {
            setBusy(false);
        }
    };
    return (
        <form
            class="packform"
            onSubmit={(e) => {
                e.preventDefault();
                void save();
            }}
        >
            <div class="form-grid">
                <TextField label={T.name} hint={T.nameHint} value={draft.name} set={(name) => put({ name })} disabled={old !== null} />
                <TextField label={T.positive} hint={T.poleHint} value={draft.positive} set={(positive) => put({ positive })} />
                <TextField label={T.negative} value={draft.negative} set={(negative) => put({ negative })} />
            </div>
            <Area label={T.description} rows={2} value={draft.description} set={(description) => put({ description })} />
            <h3 class="mt-4">{T.pairs}</h3>
            {draft.instruction.map((p, i) => (
                <div class="two pairrow" key={i}>
                    <Area label={`${T.with} ${i + 1}`} rows={3} value={p.pos} set={(pos) => put({ instruction: draft.instruction.map((x, k) => (k === i ? { ...x, pos } : x)) })} />
                    <Area label={`${T.without} ${i + 1}`} rows={3} value={p.neg} set={(neg) => put({ instruction: draft.instruction.map((x, k) => (k === i ? { ...x, neg } : x)) })} />
                </div>
            ))}
            <Area
                label={T.questions}
                hint={T.questionsHint(lines, QUESTIONS)}
                rows={12}
                value={questions}
                set={(s) => {
                    setQuestions(s);
                    put({ questions: s.split("\n").map((q) => q.trim()).filter(Boolean) });
                }}
            />
            <Area label={T.rubric} hint={T.rubricHint} rows={12} value={draft.eval_prompt} set={(eval_prompt) => put({ eval_prompt })} />
            {error !== null && (
                <p class="badline" role="alert">
                    {error}
                </p>
            )}
            <div class="acts">
                <button class="btn btn-primary" type="submit" disabled={busy}>
                    {T.save}
                </button>
                <button
                    class="btn btn-quiet"
                    type="button"
                    onClick={() => {
                        forget();
                        go("traits", old ? [old.name] : []);
                    }}
                >
                    {T.drop}
                </button>
            </div>
        </form>
    );
}
