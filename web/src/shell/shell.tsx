// SPDX-License-Identifier: MIT
//
// shell.tsx - what stands around every view: the bar, the line that says the server is away, the palette, the toast;
// and the form for a token, if the server wants one.
import { useEffect, useErrorBoundary, useState } from "preact/hooks";
import { keyWanted, online, setKey } from "../api/client";
import { openPalette } from "../app/commands";
import { useKeys } from "../app/keys";
import { go, link, place } from "../app/router";
import { ThemeButton } from "../app/theme";
import { ToastLine } from "../app/toast";
import { Icon } from "../parts/icons";
import { Failed } from "../parts/states";
import { text } from "../text/en";
import { Keys } from "../views/keys/keys";
import { JobsMenu } from "./jobs_menu";
import { Palette } from "./palette";
import { VIEWS } from "./views";

function Bar() {
    const [open, setOpen] = useState(false);
    const now = place.value.view;
    useEffect(() => setOpen(false), [place.value]);
    return (
        <header class="bar">
            <button class="btn btn-quiet btn-icon menu" type="button" aria-expanded={open} aria-controls="nav" aria-label={text.bar.views} onClick={() => setOpen(!open)}>
                <Icon name="menu" />
            </button>
            <a class="brand" href={link(VIEWS[0]!.id)}>
                persona
            </a>
            <nav id="nav" aria-label={text.bar.views} data-open={open || undefined}>
                {VIEWS.map((v) => (
                    <a key={v.id} href={link(v.id)} aria-current={v.id === now ? "page" : undefined}>
                        {v.title}
                    </a>
                ))}
            </nav>
            <div class="tools">
                <button class="btn btn-quiet find" type="button" aria-label={`${text.palette.title}, Ctrl K`} onClick={openPalette}>
                    <Icon name="search" />
                    <kbd>Ctrl K</kbd>
                </button>
                <JobsMenu />
                <ThemeButton />
            </div>
        </header>
    );
}

function KeyForm() {
    const [value, setValue] = useState("");
    return (
        <main id="main" class="keyform">
            <h1>{text.key.title}</h1>
            <p class="soft mt-3">{text.key.why}</p>
            <form
                onSubmit={(e) => {
                    e.preventDefault();
                    setKey(value.trim());
                }}
            >
                <label class="form-label" for="token">
                    {text.key.label}
                </label>
                <input id="token" class="form-control" type="password" autocomplete="current-password" value={value} onInput={(e) => setValue(e.currentTarget.value)} />
                <button class="btn btn-primary mt-3" type="submit">
                    {text.key.go}
                </button>
            </form>
        </main>
    );
}

/** A fault in one view must not take the bar with it. */
function Guarded({ view }: { view: (typeof VIEWS)[number] }) {
    const [error, reset] = useErrorBoundary();
    const Show = view.show;
    return error ? (
        <main id="main" class="page">
            <Failed error={`${text.states.broken} ${String(error)}`} retry={reset} />
        </main>
    ) : (
        <Show />
    );
}

export function Shell() {
    const now = place.value.view;
    const view = VIEWS.find((v) => v.id === now) ?? VIEWS[0]!;
    useKeys([
        { keys: "Ctrl K", does: text.palette.title, run: (e) => { e.preventDefault(); openPalette(); }, inFields: true },
        { keys: "?", does: text.views.keys, run: () => go("keys") },
        ...VIEWS.map((v) => ({ keys: `G ${v.key.toUpperCase()}`, does: `${text.keys.go} ${v.title}`, run: () => go(v.id) })),
    ]);
    useEffect(() => {
        document.title = `${now === "keys" ? text.views.keys : view.title} · persona`;
    }, [now]);
    return (
        <>
            <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById("main")?.focus(); }}>
                {text.bar.skip}
            </a>
            <Bar />
            {!online.value && (
                <div class="banner away" role="status">
                    <span>
                        <b>{text.offline.title}</b> {text.offline.what}
                    </span>
                </div>
            )}
            {keyWanted.value ? <KeyForm /> : now === "keys" ? <Keys /> : <Guarded key={view.id} view={view} />}
            <Palette />
            <ToastLine />
        </>
    );
}
