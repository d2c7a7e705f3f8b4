// SPDX-License-Identifier: MIT
//
// vectors.tsx - the library of vectors: the table, one of them beside it, how they agree, and what was deleted.
// #/vectors/MODEL/NAME is one of them; without it the first of the list is shown where there is room for it.
import { useEffect, useMemo } from "preact/hooks";
import { get } from "../../api/client";
import { isOpen, jobs } from "../../api/live";
import { useResource } from "../../api/resource";
import { keep, link, place } from "../../app/router";
import { listTrash, TrashList } from "../../app/trash";
import { Empty, Shown } from "../../parts/states";
import { text } from "../../text/en";
import { Combine } from "./combine";
import { Compare } from "./compare";
import { Detail } from "./detail";
import { chosen, Library } from "./library";
import { UploadPanel } from "./upload";
import { type Entry, isOf, keyOf, modelName } from "./words";

const T = text.vectors;

function Missing({ model, name }: { model: string; name: string }) {
    return (
        <aside class="detail">
            <Empty title={T.missing(name, model)}>
                <p class="soft">{T.missingHow}</p>
                <a class="btn btn-outline-secondary" href={link("vectors", [], place.value.query)}>
                    {T.allVectors}
                </a>
            </Empty>
        </aside>
    );
}

function Whole({ all, damaged, reload }: { all: readonly Entry[]; damaged: { name: string; error: string }[]; reload: () => void }) {
    const [model, name] = place.value.parts;
    const asked = model && name ? (all.find((v) => isOf(v, model) && v.name === name) ?? null) : null;
    const first = useMemo(() => chosen(all, place.value.query)[0] ?? null, [all, place.value.query]);
    const now = asked ?? (model ? null : first);
    return (
        <>
            <div class="lib">
                <Library all={all} damaged={damaged} now={now} />
                <div>
                    {now && <Detail key={keyOf(now)} v={now} asked={asked !== null} reload={reload} />}
                    {model && name && !asked && <Missing model={model} name={name} />}
                    <Combine all={all} now={now} reload={reload} />
                </div>
            </div>
            {all.length > 0 && <Compare all={all} />}
        </>
    );
}

export function Vectors() {
    const list = useResource(() => get("/api/v1/vectors"), []);
    const trash = useResource(() => listTrash("vector"), []);
    const ended = (jobs.value ?? []).filter((j) => !isOpen(j)).length;
    const reload = () => {
        list.reload();
        trash.reload();
    };
    useEffect(() => {
        if (list.value) {
            reload(); // a job may have made one
        }
    }, [ended]);
    const uploading = place.value.query.get("upload") !== null;
    const owner = (shelf: string | undefined): string => {
        const v = list.value?.vectors.find((x) => x.shelf === shelf);
        return v ? modelName(v) : (shelf ?? "");
    };
    return (
        <main id="main" class="page trio" tabIndex={-1}>
            <div class="titlerow">
                <h1>{text.views.vectors}</h1>
                <div class="acts">
                    <button class="btn btn-outline-secondary" type="button" aria-expanded={uploading} onClick={() => keep({ upload: uploading ? "" : 1 })}>
                        {T.upload.button}
                    </button>
                    <a class="btn btn-primary" href={link("extract")}>
                        {T.extract}
                    </a>
                </div>
            </div>
            {uploading && <UploadPanel reload={reload} />}
            <Shown of={list} lines={10}>
                {(l) => <Whole all={l.vectors} damaged={l.damaged} reload={reload} />}
            </Shown>
            <section class="trashed">
                <TrashList of={trash} owner={(t) => owner(t.shelf)} onRestored={reload} />
            </section>
        </main>
    );
}
