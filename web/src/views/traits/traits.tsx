// SPDX-License-Identifier: MIT
//
// traits.tsx - the trait packs: a list with search, one in full beside it, and the ways to a new one.
// #/traits/NAME is one; ?edit=1 changes it, ?edit=copy begins a new one with it; ?new=hand, model or import makes one.
import { useEffect, useRef } from "preact/hooks";
import { get, remove } from "../../api/client";
import { useResource } from "../../api/resource";
import { go, keep, link, place } from "../../app/router";
import { sayError } from "../../app/toast";
import { listTrash, sayDeleted, TrashList } from "../../app/trash";
import { saveJson } from "../../base/save_file";
import { Icon } from "../../parts/icons";
import { Empty, Shown } from "../../parts/states";
import { text } from "../../text/en";
import { Import, Wizard } from "./bring";
import { Editor } from "./editor";
import { blank, fileOf, type Pack, read, type Short } from "./pack";

const T = text.traits;

function List({ all, now }: { all: readonly Short[]; now: string | undefined }) {
    const find = place.value.query.get("find") ?? "";
    const words = find.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = all.filter((t) => words.every((w) => [t.name, t.positive, t.negative, t.description, t.own ? T.own : T.builtIn].join(" ").toLowerCase().includes(w)));
    return (
        <section aria-label={T.list}>
            <input class="form-control mb-3" type="search" placeholder={T.find} aria-label={T.find} value={find} onInput={(e) => keep({ find: e.currentTarget.value })} />
            <ul class="packs">
                {rows.map((t) => (
                    <li key={t.name}>
                        <a href={link("traits", [t.name], { find })} aria-current={t.name === now ? "page" : undefined}>
                            <b>{t.name}</b> <span class="soft">{t.own ? T.own : T.builtIn}</span>
                            <small>
                                {t.positive}, {t.negative}
                            </small>
                        </a>
                    </li>
                ))}
            </ul>
            {rows.length === 0 && <Empty title={T.nothing} />}
        </section>
    );
}

function Show({ p, reload }: { p: Pack; reload: () => void }) {
    const drop = async () => {
        try {
            const gone = await remove("/api/v1/traits/{name}", { path: { name: p.name } });
            reload();
            go("traits");
            sayDeleted(gone.trash, reload);
        } catch (e) {
            sayError(e);
        }
    };
    const title = useRef<HTMLHeadingElement>(null);
    useEffect(() => {
        if (matchMedia("(max-width: 1099.98px)").matches) {
            title.current?.focus({ preventScroll: true });
            title.current?.scrollIntoView({ block: "start" }); // it stands below the list
        }
    }, [p.name]);
    return (
        <article class="detail" aria-labelledby="h-trait">
            <h2 id="h-trait" ref={title} tabIndex={-1}>
                {p.name}{" "}
                <span class="soft fw-normal">
                    {p.positive}, {p.negative}
                </span>
            </h2>
            <p class="soft mt-1 mb-0">{p.description}</p>
            <div class="acts">
                <a class="btn btn-primary" href={link("extract", [], { trait: p.name })}>
                    {T.extract}
                </a>
                {p.own && (
                    <a class="btn btn-outline-secondary" href={link("traits", [p.name], { edit: 1 })}>
                        <Icon name="edit" /> {T.change}
                    </a>
                )}
                <a class="btn btn-outline-secondary" href={link("traits", [p.name], { edit: "copy" })}>
                    {T.copy}
                </a>
                <button class="btn btn-outline-secondary" type="button" onClick={() => saveJson(`${p.name}.json`, fileOf(p))}>
                    <Icon name="file" /> {T.export}
                </button>
                {p.own && (
                    <button class="btn btn-quiet danger" type="button" onClick={() => void drop()}>
                        <Icon name="trash" /> {T.remove}
                    </button>
                )}
            </div>
            <section>
                <h3>{T.instructions}</h3>
                <ol class="pairs">
                    {p.instructions.map((x, i) => (
                        <li key={i}>
                            <p class="side">{x.positive}</p>
                            <p class="side n">{x.negative}</p>
                        </li>
                    ))}
                </ol>
            </section>
            <section>
                <h3>{T.questions(p.n_questions)}</h3>
                <ol class="qs">
                    {p.questions.map((q, i) => (
                        <li key={i}>{q}</li>
                    ))}
                </ol>
            </section>
            <section>
                <h3>{T.rubric}</h3>
                <p class="rubric">{p.eval_prompt}</p>
            </section>
        </article>
    );
}

function One({ name, reload, turn }: { name: string; reload: () => void; turn: unknown }) {
    const pack = useResource((signal) => read(name, signal), [name, turn]);
    const edit = place.value.query.get("edit");
    return (
        <Shown of={pack} lines={8}>
            {(p) =>
                edit && (p.own || edit === "copy") ? (
                    <Editor key={`${name}${edit}`} id={`${edit}:${name}`} start={edit === "copy" ? { ...fileOf(p), name: `${p.name}_2`.slice(0, 48) } : fileOf(p)} old={edit === "copy" ? null : fileOf(p)} saved={reload} />
                ) : (
                    <Show p={p} reload={reload} />
                )
            }
        </Shown>
    );
}

function Right({ reload, turn }: { reload: () => void; turn: unknown }) {
    const [name] = place.value.parts;
    switch (place.value.query.get("new")) {
        case "hand":
            return <Editor key="hand" id="new" start={blank()} old={null} saved={reload} />;
        case "model":
            return <Wizard reload={reload} />;
        case "import":
            return <Import reload={reload} />;
        default:
            return name ? <One name={name} reload={reload} turn={turn} /> : <Empty title={T.choose}><p class="soft">{T.what}</p></Empty>;
    }
}

export function Traits() {
    const list = useResource(() => get("/api/v1/traits"), []);
    const trash = useResource(() => listTrash("trait"), []);
    const reload = () => {
        list.reload();
        trash.reload();
    };
    return (
        <main id="main" class="page" tabIndex={-1}>
            <div class="titlerow">
                <h1>{text.views.traits}</h1>
                <div class="acts">
                    <a class="btn btn-outline-secondary" href={link("traits", [], { new: "import" })}>
                        {T.import.button}
                    </a>
                    <a class="btn btn-outline-secondary" href={link("traits", [], { new: "hand" })}>
                        {T.hand}
                    </a>
                    <a class="btn btn-primary" href={link("traits", [], { new: "model" })}>
                        {T.write.button}
                    </a>
                </div>
            </div>
            <div class="traitlib">
                <div>
                    <Shown of={list} lines={10}>
                        {(l) => (
                            <>
                                <List all={l.traits} now={place.value.parts[0]} />
                                {l.more.length > 0 && (
                                    <p class="soft small mt-3">
                                        {T.more}{" "}
                                        {l.more.map((n) => (
                                            <a key={n} class="me-2" href={link("traits", [n])}>
                                                {n}
                                            </a>
                                        ))}
                                    </p>
                                )}
                                {l.damaged.map((d) => (
                                    <p key={d.name} class="note small">
                                        <b>{d.name}</b>: {d.error}
                                    </p>
                                ))}
                            </>
                        )}
                    </Shown>
                </div>
                <div>
                    <Right reload={reload} turn={list.value?.traits} />
                </div>
            </div>
            <TrashList of={trash} owner={() => ""} onRestored={reload} />
        </main>
    );
}
