// SPDX-License-Identifier: MIT
//
// toast.tsx - one line at the foot of the page for what has been done, with Undo: things happen at once and can be
// taken back, instead of a question before each. It stays ten seconds, longer under the pointer or the focus.
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { wordsOf } from "../api/client";
import { Icon } from "../parts/icons";
import { text } from "../text/en";

interface Toast {
    words: string;
    undo?: (() => void | Promise<void>) | undefined;
    number: number;
}
const STAYS_MS = 10_000;
const toast = signal<Toast | null>(null);
let number = 0;

export function say(words: string, undo?: () => void | Promise<void>): void {
    toast.value = { words, undo, number: ++number };
}
export function sayError(e: unknown): void {
    say(wordsOf(e));
}

export function ToastLine() {
    const t = toast.value;
    const [held, hold] = useState(false);
    useEffect(() => {
        if (t === null || held) {
            return;
        }
        const timer = setTimeout(() => {
            toast.value = null;
        }, STAYS_MS);
        return () => clearTimeout(timer);
    }, [t, held]);
    const back = async () => {
        const undo = t?.undo;
        toast.value = null;
        try {
            await undo?.();
        } catch (e) {
            sayError(e);
        }
    };
    return (
        <div aria-live="polite">
            {t && (
                <div class="toast-line" key={t.number} onPointerEnter={() => hold(true)} onPointerLeave={() => hold(false)} onFocusIn={() => hold(true)} onFocusOut={() => hold(false)}>
                    <span>{t.words}</span>
                    {t.undo ? (
                        <button class="btn" type="button" onClick={() => void back()}>
                            <Icon name="undo" /> {text.toast.undo}
                        </button>
                    ) : (
                        <button class="btn btn-icon" type="button" aria-label={text.toast.close} onClick={() => (toast.value = null)}>
                            <Icon name="x" />
                        </button>
                    )}
                </div>
            )}
        </div>
    );
}
