// SPDX-License-Identifier: MIT
//
// keys.ts - the keys of the page. Single letters act only while no field has the focus, and can be switched off
// (WCAG 2.1.4). Views register theirs while they are shown; the page of keys lists what is registered.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

export interface Key {
    keys: string; // as shown and matched: "Ctrl K", "Shift C", "[", "G P"
    does: string;
    run: (e: KeyboardEvent) => void;
    inFields?: boolean; // also while one writes
}

export const registered = signal<readonly Key[]>([]);
export const singleKeys = signal(true);
const STORE = "persona-keys";
try {
    singleKeys.value = localStorage.getItem(STORE) !== "off";
} catch {
    // lasts as long as the page
}
export function setSingleKeys(on: boolean): void {
    singleKeys.value = on;
    try {
        localStorage.setItem(STORE, on ? "on" : "off");
    } catch {
        // see above
    }
}

export function useKeys(keys: readonly Key[]): void {
    useEffect(() => {
        registered.value = [...registered.value, ...keys];
        return () => {
            registered.value = registered.value.filter((k) => !keys.includes(k));
        };
    });
}

function nameOf(e: KeyboardEvent): string {
    const name = e.key === " " ? "Space" : e.key.length === 1 ? e.key.toUpperCase() : e.key.replace("Arrow", "");
    const ctrl = e.ctrlKey || e.metaKey ? "Ctrl " : "";
    const shift = e.shiftKey && (/^[A-Z]$/.test(name) || name.length > 1) ? "Shift " : "";
    return `${ctrl}${e.altKey ? "Alt " : ""}${shift}${name}`;
}

function writes(t: EventTarget | null): boolean {
    const el = t as HTMLElement | null;
    return !!el?.closest?.("textarea, select, [contenteditable], input:not([type=range]):not([type=radio]):not([type=checkbox])");
}

let first = ""; // of a pair such as G P
let firstAt = 0;

addEventListener("keydown", (e) => {
    if (e.defaultPrevented || e.isComposing) {
        return;
    }
    const name = nameOf(e);
    const pair = Date.now() - firstAt < 1500 ? `${first} ${name}` : "";
    const found = [...registered.value].reverse().find((k) => k.keys === pair || k.keys === name);
    first = name;
    firstAt = Date.now();
    if (!found) {
        return;
    }
    // a slider has its arrows for itself
    if ((e.target as HTMLElement | null)?.matches?.("input[type=range]") && /^(Shift )?(Up|Down|Left|Right|Home|End|PageUp|PageDown)$/.test(name)) {
        return;
    }
    const modified = /^(Ctrl|Alt)/.test(name) || name === "Escape";
    if ((writes(e.target) && !found.inFields) || (!modified && !found.inFields && !singleKeys.value)) {
        return;
    }
    found.run(e);
    firstAt = 0;
});
