// SPDX-License-Identifier: MIT
//
// pull.tsx - how another model comes here: the command line fetches it, so the page makes the command.
import { useState } from "preact/hooks";
import { say } from "../../app/toast";
import { TextField } from "../../parts/field";
import { text } from "../../text/en";

const t = text.models;
const EXAMPLE = "hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:qwen2.5-0.5b-instruct-q8_0.gguf";

/** As a shell reads it as one word. */
function quoted(s: string): string {
    return /^[\w@%+=:,./-]+$/.test(s) ? s : `'${s.replace(/'/g, "'\\''")}'`;
}

export function Pull() {
    const [what, setWhat] = useState("");
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
            <div class="pull">
                <TextField label={t.pullLabel} value={what} set={setWhat} placeholder={EXAMPLE} />
                <div class="command">
                    <code>{command}</code>
                    <button class="btn btn-outline-secondary" type="button" onClick={() => void copy()}>
                        {t.copy}
                    </button>
                </div>
            </div>
        </>
    );
}
