// SPDX-License-Identifier: MIT
//
// palette.tsx - Ctrl K: go anywhere, do anything by name. Views give commands while they are shown; places, models and
// jobs are always in it. A combobox in the ARIA sense: the focus stays in the field, arrows move the choice.
import { useEffect, useRef, useState } from "preact/hooks";
import { jobs, models } from "../api/live";
import { type Command, given, paletteOpen as open } from "../app/commands";
import { jobLink, jobName, stateWords } from "../app/job_words";
import { go, link, visit } from "../app/router";
import { nextTheme } from "../app/theme";
import { text } from "../text/en";
import { VIEWS } from "./views";

function all(): Command[] {
    const to = (hash: string) => () => visit(hash);
    return [
        ...given.value,
        ...VIEWS.map((v) => ({ name: v.title, hint: `G ${v.key.toUpperCase()}`, run: to(link(v.id)) })),
        ...(models.value ?? []).map((m) => ({ name: `${text.palette.ask} ${m.id}`, hint: m.state, run: () => go("play", [], { model: m.id }) })),
        ...(jobs.value ?? []).map((j) => ({ name: jobName(j), hint: stateWords(j), run: to(jobLink(j)) })),
        { name: text.palette.theme, run: nextTheme },
        { name: text.views.keys, hint: "?", run: to(link("keys")) },
    ];
}

/** Letters of the query in their order; fewer letters between them are better. */
function score(name: string, query: string): number {
    const s = name.toLowerCase();
    let at = -1;
    let gaps = 0;
    for (const c of query.toLowerCase()) {
        const next = s.indexOf(c, at + 1);
        if (next < 0) {
            return Infinity;
        }
        gaps += next - at - 1;
        at = next;
    }
    return gaps;
}

export function Palette() {
    const dialog = useRef<HTMLDialogElement>(null);
    const field = useRef<HTMLInputElement>(null);
    const [query, setQuery] = useState("");
    const [at, setAt] = useState(0);
    useEffect(() => {
        if (open.value) {
            setQuery("");
            setAt(0);
            dialog.current?.showModal();
        } else {
            dialog.current?.close();
        }
    }, [open.value]);
    const found = open.value
        ? all()
              .map((c) => ({ c, s: score(c.name, query) }))
              .filter((x) => x.s < Infinity)
              .sort((a, b) => (query === "" ? 0 : a.s - b.s))
              .slice(0, 12)
              .map((x) => x.c)
        : [];
    const run = (c: Command | undefined) => {
        if (c) {
            // at once: what comes next finds the focus where it was. If that was nowhere, the browser leaves it in the
            // field that is no longer seen until it draws the next time, and keys would be lost there
            dialog.current?.close();
            field.current?.blur();
            c.run();
        }
    };
    const key = (e: KeyboardEvent) => {
        const by = { ArrowDown: 1, ArrowUp: -1 }[e.key];
        if (by && found.length > 0) {
            e.preventDefault();
            setAt((at + by + found.length) % found.length);
        } else if (e.key === "Enter") {
            e.preventDefault();
            run(found[at]);
        }
    };
    return (
        <dialog ref={dialog} class="palette" aria-label={text.palette.title} onClose={() => (open.value = false)} onClick={(e) => e.target === dialog.current && (open.value = false)}>
            <input
                ref={field}
                class="form-control"
                type="text"
                role="combobox"
                aria-expanded="true"
                aria-controls="palette-list"
                aria-activedescendant={found.length > 0 ? `palette-${at}` : undefined}
                aria-label={text.palette.title}
                placeholder={text.palette.hint}
                value={query}
                onInput={(e) => {
                    setQuery(e.currentTarget.value);
                    setAt(0);
                }}
                onKeyDown={key}
                autocomplete="off"
                spellcheck={false}
            />
            <ul id="palette-list" role="listbox" aria-label={text.palette.title}>
                {found.map((c, i) => (
                    <li key={`${c.name}${i}`} id={`palette-${i}`} role="option" aria-selected={i === at} onClick={() => run(c)} onPointerMove={() => setAt(i)}>
                        <span>{c.name}</span>
                        <small>{c.hint}</small>
                    </li>
                ))}
            </ul>
            {found.length === 0 && <p class="soft px-3 py-2 m-0">{text.palette.none}</p>}
        </dialog>
    );
}
