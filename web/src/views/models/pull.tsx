// SPDX-License-Identifier: MIT
//
// pull.tsx - how another model comes here: the server fetches it from its hub as a job; from any other address the
// command line does, so the page makes the command.
import { useEffect, useState } from "preact/hooks";
import { post } from "../../api/client";
import { jobs, refreshJobs, refreshModels } from "../../api/live";
import { say } from "../../app/toast";
import { quoted } from "../../base/command";
import { errorAt, errorElsewhere, TextField } from "../../parts/field";
import { Failed } from "../../parts/states";
import { text } from "../../text/en";

const t = text.models;
const EXAMPLE = "hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:qwen2.5-0.5b-instruct-q8_0.gguf";

export function Pull() {
    const [what, setWhat] = useState("");
    const [refused, setRefused] = useState<unknown>(null);
    const arrived = (jobs.value ?? []).filter((j) => j.kind === "pull" && j.state === "done").length;
    useEffect(() => void refreshModels(), [arrived]);
    const fetchIt = async (e: Event) => {
        e.preventDefault();
        try {
            await post("/api/v1/jobs/pull", { body: { source: what.trim() } });
            say(t.pulls(what.trim()));
            setWhat("");
            void refreshJobs();
        } catch (e) {
            setRefused(e);
        }
    };
    const elsewhere = errorElsewhere(refused, ["source"]);
    const command = `persona models pull ${quoted(what.trim() || EXAMPLE)}`;
    const copy = async () => {
        try {
            await navigator.clipboard.writeText(command);
            say(t.copied);
        } catch {
            say(t.cannotCopy);
        }
    };
    return (
        <>
            <p class="soft">{t.pullWhat}</p>
            <form class="pull" onSubmit={(e) => void fetchIt(e)} noValidate>
                <TextField label={t.pullLabel} value={what} set={(v) => (setRefused(null), setWhat(v))} placeholder={EXAMPLE} error={errorAt(refused, "source")} />
                <button class="btn btn-primary" type="submit" disabled={what.trim() === ""}>
                    {t.download}
                </button>
            </form>
            {elsewhere !== null && <Failed error={elsewhere} />}
            <p class="soft small mt-4 mb-1">{t.pullCommand}</p>
            <div class="command">
                <code>{command}</code>
                <button class="btn btn-outline-secondary" type="button" onClick={() => void copy()}>
                    {t.copy}
                </button>
            </div>
        </>
    );
}
