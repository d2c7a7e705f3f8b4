// SPDX-License-Identifier: MIT
//
// compare.tsx - how directions agree: one table of cosines for each model. Models have no common axes, so nothing is
// compared across them; a vector that was carried over stands among those of its new model.
import { get } from "../../api/client";
import { useResource } from "../../api/resource";
import { keep, link, place } from "../../app/router";
import { unit } from "../../base/format";
import { Heat, Ramp } from "../../parts/heat";
import { Shown } from "../../parts/states";
import { text } from "../../text/en";
import { modelsOf } from "./library";
import { type Entry, kindOf, modelName, modelOf } from "./words";

const T = text.vectors.compare;
const AT_ONCE = 16; // of the server
const HALF = AT_ONCE / 2;

/** Block to row to column: by the names' order. */
type Cosines = Map<number, (number | null)[][]>;

async function ask(group: readonly Entry[], signal: AbortSignal): Promise<Cosines> {
    const out: Cosines = new Map();
    const parts: number[][] = [];
    for (let i = 0; i < group.length; i += HALF) {
        parts.push([...group.keys()].slice(i, i + HALF));
    }
    const empty = () => group.map(() => group.map((): number | null => null));
    const take = async (which: readonly number[]) => {
        const names = which.map((i) => `${group[i]!.shelf}/${group[i]!.name}`).join(",");
        for (const b of (await get("/api/v1/vectors/compare", { query: { vectors: names }, signal })).blocks) {
            const all = out.get(b.block) ?? empty();
            which.forEach((i, r) => which.forEach((k, c) => (all[i]![k] = b.cosines[r]?.[c] ?? null)));
            out.set(b.block, all);
        }
    };
    if (group.length <= AT_ONCE) {
        await take([...group.keys()]);
        return out;
    }
    for (let a = 0; a < parts.length; a++) {
        for (let b = a + 1; b < parts.length; b++) {
            await take([...parts[a]!, ...parts[b]!]);
        }
    }
    return out;
}

/** The best block of most of them, of those that the server has numbers for. */
function usual(group: readonly Entry[], blocks: readonly number[]): number {
    const votes = (b: number) => group.filter((v) => v.best_layer === b).length;
    return [...blocks].sort((a, b) => votes(b) - votes(a))[0]!;
}

function label(v: Entry): string {
    return kindOf(v) === "carried" ? `${v.name}, ${text.vectors.kinds.carried}` : v.name;
}

function Group({ group }: { group: readonly Entry[] }) {
    const first = group[0]!;
    const cosines = useResource((signal) => ask(group, signal), group.map((v) => [v.shelf, v.name, v.modified]));
    const key = `at-${first.shelf.slice(0, 6)}`;
    const id = `h-cos-${first.shelf}`;
    return (
        <section class="cosgroup" aria-labelledby={id}>
            <h3 id={id}>{modelName(first)}</h3>
            <Shown of={cosines} lines={group.length}>
                {(all) => {
                    const blocks = [...all.keys()].sort((a, b) => a - b);
                    const asked = Number(place.value.query.get(key) ?? usual(group, blocks));
                    const at = all.has(asked) ? asked : blocks[0]!;
                    return (
                        <>
                            <p class="soft small mb-0">
                                <label for={key}>{T.at}</label>
                                <select id={key} class="form-select inline" onChange={(e) => keep({ [key]: e.currentTarget.value })}>
                                    {blocks.map((b) => (
                                        <option key={b} value={b} selected={b === at}>
                                            {b}
                                        </option>
                                    ))}
                                </select>
                                {T.band(first.n_embd, unit(1.96 / Math.sqrt(first.n_embd)))}
                            </p>
                            <Heat
                                class="cos"
                                label={`${T.title}, ${modelName(first)}`}
                                per={0.2}
                                rows={group.map((v) => (
                                    <a key={v.name} href={link("vectors", [modelOf(v), v.name], place.value.query)}>
                                        {label(v)}
                                    </a>
                                ))}
                                columns={group.map(label)}
                                cell={(r, c) => {
                                    const value = all.get(at)?.[r]?.[c] ?? null;
                                    return { value, words: r === c ? "1" : unit(value), own: r === c };
                                }}
                            />
                        </>
                    );
                }}
            </Shown>
        </section>
    );
}

export function Compare({ all }: { all: readonly Entry[] }) {
    const groups = modelsOf(all).map((m) => all.filter((v) => v.shelf === m.shelf).sort((a, b) => a.name.localeCompare(b.name)));
    const many = groups.filter((g) => g.length > 1);
    const single = groups.filter((g) => g.length === 1).map((g) => g[0]!);
    return (
        <section class="half" aria-labelledby="h-cos">
            <h2 id="h-cos">{T.title}</h2>
            <p class="soft">{T.what}</p>
            {many.map((g) => (
                <Group key={g[0]!.shelf} group={g} />
            ))}
            {many.length > 0 && (
                <p class="mt-3 mb-0">
                    <Ramp low="−1" high="+1" />
                </p>
            )}
            {single.length > 0 && <p class="soft small mt-3 mb-0">{T.alone(single.map((v) => `${v.name} (${modelName(v)})`).join(", "))}</p>}
        </section>
    );
}
