// SPDX-License-Identifier: MIT
//
// copyable.tsx - a command with a button that copies it. Where the browser refuses, the text is selected instead.
import { useRef, useState } from "preact/hooks";
import { text } from "../text/en";

export function Copyable({ label, children }: { label: string; children: string }) {
    const line = useRef<HTMLElement>(null);
    const [done, setDone] = useState(false);
    const copy = async () => {
        try {
            await navigator.clipboard.writeText(children);
            setDone(true);
        } catch {
            getSelection()?.selectAllChildren(line.current!);
        }
    };
    return (
        <div class="copyable">
            <code ref={line}>{children}</code>
            <button class="btn btn-outline-secondary" type="button" aria-label={`${text.work.copy}: ${label}`} onClick={() => void copy()}>
                <span aria-live="polite">{done ? text.work.copied : text.work.copy}</span>
            </button>
        </div>
    );
}
