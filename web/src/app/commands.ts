// SPDX-License-Identifier: MIT
//
// commands.ts - what views offer to the command palette while they are shown.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

export interface Command {
    name: string;
    hint?: string;
    run: () => void;
}

export const given = signal<readonly Command[]>([]);
export const paletteOpen = signal(false);

export function useCommands(commands: readonly Command[]): void {
    useEffect(() => {
        given.value = [...given.value, ...commands];
        return () => {
            given.value = given.value.filter((c) => !commands.includes(c));
        };
    });
}
export function openPalette(): void {
    paletteOpen.value = true;
}
