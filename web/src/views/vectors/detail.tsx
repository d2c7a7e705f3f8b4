// SPDX-License-Identifier: MIT
//
// detail.tsx - one vector: what a dose of it is, what can be done with it, its numbers block by block, its origin.
import { useEffect, useRef } from "preact/hooks";
import { address, get, raw, remove } from "../../api/client";
import { useResource } from "../../api/resource";
import { useCommands } from "../../app/commands";
import { go, link, place, visit } from "../../app/router";
import { say, sayError } from "../../app/toast";
import { sayDeleted } from "../../app/trash";
import { bytes, num, unit } from "../../base/format";
import { saveFile } from "../../base/save_file";
import { BlockBars } from "../../parts/block_bars";
import { Icon } from "../../parts/icons";
import { Pop } from "../../parts/pop";
import { Shown } from "../../parts/states";
import { text } from "../../text/en";
import { Chain } from "./chain";
import { Tokens } from "./tokens";
import { doseWords, type Entry, kindOf, modelName, modelOf, term, type Whole } from "./words";

const MOST_BLOCKS = 4096; // that the server knows of

const T = text.vectors;
type Layer = Whole["layers"][number];

async function download(v: Entry, format: string): Promise<void> {
    try {
        const path = address("/api/v1/vectors/{model}/{name}/file", { path: { model: modelOf(v), name: v.name }, query: { format } });
        const r = await raw(path);
        saveFile(`${v.name}.${format}`, await r.blob());
        const note = r.headers.get("X-Persona-Note");
        say(note ? `${T.saved(`${v.name}.${format}`)} ${note}` : T.saved(`${v.name}.${format}`));
    } catch (e) {
        sayError(e);
    }
}

function Actions({ v, reload }: { v: Entry; reload: () => void }) {
    const blocks = [...v.norms.keys()].filter((b) => v.norms[b] != null);
    const steer = link("play", [], { model: v.model, steer: term(v, blocks) });
    const drop = async () => {
        try {
            const gone = await remove("/api/v1/vectors/{model}/{name}", { path: { model: modelOf(v), name: v.name } });
            go("vectors", [], Object.fromEntries(place.value.query));
            reload();
            sayDeleted(gone.trash, reload);
        } catch (e) {
            sayError(e);
        }
    };
    useCommands([
        { name: `${T.steer}: ${v.name}`, hint: modelName(v), run: () => visit(steer) },
        { name: `${T.remove}: ${v.name}`, hint: modelName(v), run: () => void drop() },
    ]);
    return (
        <div class="acts">
            {v.model ? (
                <a class="btn btn-primary" href={steer}>
                    {T.steer}
                </a>
            ) : null}
            <Pop
                button="btn btn-outline-secondary"
                summary={
                    <>
                        <Icon name="file" /> {T.download}
                    </>
                }
            >
                {T.formats.map((f) => (
                    <button key={f.id} class="opt" type="button" onClick={() => void download(v, f.id)}>
                        <span />
                        <span>{f.name}</span>
                        <span class="soft">{f.id === "gguf" ? bytes(v.size_bytes) : ""}</span>
                        <small>{f.hint}</small>
                    </button>
                ))}
            </Pop>
            <button class="btn btn-quiet danger" type="button" onClick={() => void drop()}>
                <Icon name="trash" /> {T.remove}
            </button>
        </div>
    );
}

/** By block from 0, null where there is nothing. */
function byBlock(w: Whole, of: (l: Layer) => number | null | undefined): (number | null)[] {
    const out: (number | null)[] = Array.from({ length: Math.min(w.n_layer, MOST_BLOCKS) }, () => null);
    for (const l of w.layers) {
        out[l.layer] = of(l) ?? null;
    }
    return out;
}

function Numbers({ w }: { w: Whole }) {
    return (
        <details class="more mt-3">
            <summary>
                <Icon name="right" /> {T.numbers}
            </summary>
            <div class="scroll" tabIndex={0} role="region" aria-label={T.numbers}>
                <table class="nums">
                    <thead>
                        <tr>
                            {T.numberColumns.map((c) => (
                                <th key={c} scope="col" class="num">
                                    {c}
                                </th>
                            ))}
                        </tr>
                    </thead>
                    <tbody>
                        {w.layers.map((l) => (
                            <tr key={l.layer} class={l.layer === w.best_layer ? "best" : undefined}>
                                <th scope="row" class="num">
                                    {l.layer}
                                </th>
                                <td class="num">{num(l.norm, 1)}</td>
                                <td class="num">{l.norm != null && l.h_median ? unit(l.norm / l.h_median) : "–"}</td>
                                <td class="num">{unit(l.auroc)}</td>
                                <td class="num">{num(l.cohen_d, 1)}</td>
                                <td class="num">{unit(l.split_half_cosine)}</td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            </div>
        </details>
    );
}

function Charts({ w }: { w: Whole }) {
    const chosen = w.best_layer >= 0 ? w.best_layer : null;
    const which = chosen === null ? T.noneChosen : T.chosen(chosen);
    const auroc = byBlock(w, (l) => l.auroc);
    return (
        <>
            <section aria-labelledby="h-norm">
                <h3 id="h-norm">{T.normPerBlock}</h3>
                <BlockBars values={byBlock(w, (l) => l.norm)} chosen={chosen} label={`${T.normPerBlock}, ${which}`} words={(x) => num(x, 1)} />
            </section>
            {auroc.some((x) => x !== null) && (
                <section aria-labelledby="h-auroc">
                    <h3 id="h-auroc">{T.aurocPerBlock}</h3>
                    <p class="soft small mb-0">{T.aurocWhat}</p>
                    <BlockBars values={auroc} chosen={chosen} low={0.5} high={1} label={`${T.aurocPerBlock}, ${which}`} words={(x) => unit(x)} />
                </section>
            )}
            <Numbers w={w} />
        </>
    );
}

/** `asked`: the address names it, and it is not only the first of the list. */
export function Detail({ v, asked, reload }: { v: Entry; asked: boolean; reload: () => void }) {
    const title = useRef<HTMLHeadingElement>(null);
    const whole = useResource((signal) => get("/api/v1/vectors/{model}/{name}", { path: { model: v.shelf, name: v.name }, signal }), [v.shelf, v.name, v.modified]);
    useEffect(() => {
        if (asked && matchMedia("(max-width: 1099.98px)").matches) {
            title.current?.focus({ preventScroll: true });
            title.current?.scrollIntoView({ block: "start" });
        }
    }, [v.shelf, v.name, asked]);
    return (
        <aside class={`detail ${asked ? "" : "unasked"}`} aria-labelledby="h-det">
            <h2 id="h-det" ref={title} tabIndex={-1}>
                {v.name}{" "}
                <span class="soft fw-normal">
                    {T.for} {modelName(v)}
                </span>
            </h2>
            <p class="soft mt-1 mb-0">{doseWords(v)}</p>
            {kindOf(v) !== "imported" && v.trait !== v.name && kindOf(v) !== "sum" && <p class="soft mt-1 mb-0">{T.trait(v.trait)}</p>}
            {!v.model && <p class="soft mt-1 mb-0">{T.modelAway}</p>}
            <Actions v={v} reload={reload} />
            <Shown of={whole} lines={6}>
                {(w) => (
                    <>
                        <Charts w={w} />
                        <Chain v={v} w={w} />
                    </>
                )}
            </Shown>
            <Tokens v={v} />
        </aside>
    );
}
