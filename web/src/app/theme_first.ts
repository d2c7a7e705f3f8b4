// SPDX-License-Identifier: MIT
//
// theme_first.ts - runs before the first paint: the reader's choice of light or dark.
try {
    const chosen = localStorage.getItem("persona-theme");
    if (chosen === "light" || chosen === "dark") {
        document.documentElement.dataset["bsTheme"] = chosen;
    }
} catch {
    // a private window: as the system says
}
