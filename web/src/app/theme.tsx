// SPDX-License-Identifier: MIT
//
// theme.tsx - system, light, dark.
import { signal } from "@preact/signals";
import { repaint } from "../base/repaint";
import { Icon } from "../parts/icons";
import { text } from "../text/en";

export type Theme = "system" | "light" | "dark";
const ORDER: readonly Theme[] = ["system", "light", "dark"];
const chosen = document.documentElement.dataset["bsTheme"];
const theme = signal<Theme>(chosen === "light" || chosen === "dark" ? chosen : "system");

export function setTheme(t: Theme): void {
    theme.value = t;
    if (t === "system") {
        delete document.documentElement.dataset["bsTheme"];
    } else {
        document.documentElement.dataset["bsTheme"] = t;
    }
    try {
        localStorage.setItem("persona-theme", t);
    } catch {
        // lasts as long as the page
    }
    repaint.value++;
}

export function nextTheme(): void {
    setTheme(ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length]!);
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    repaint.value++;
});

export function ThemeButton() {
    const label = text.theme[theme.value];
    return (
        <button class="btn btn-quiet btn-icon" type="button" aria-label={label} title={label} onClick={nextTheme}>
            <Icon name="moon" />
        </button>
    );
}
