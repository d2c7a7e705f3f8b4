// SPDX-License-Identifier: MIT
//
// panel.tsx - the instruments beside the text: sliders or a pad, the recipe, the expression (both ways), what the server
// says of it. On small screens a sheet at the foot that leaves the running line in sight.
import { useEffect, useRef, useState } from "preact/hooks";
import { get, post, put, wordsOf, type Reply } from "../../api/client";
import { useResource } from "../../api/resource";
import { useCommands } from "../../app/commands";
import { useKeys } from "../../app/keys";
import { link } from "../../app/router";
import { say, sayError } from "../../app/toast";
import { num, signed } from "../../base/format";
import { Icon } from "../../parts/icons";
import { Knob } from "../../parts/knob";
import { text } from "../../text/en";
import { beginStep, canRedo, canUndo, dropTerm, expression, live, plan, redo, setExpression, setValue, shownNames, terms, undo, valueOf, type Vector } from "./knobs";
import { Monitors, Turns } from "./monitors";
import { Pad } from "./pad";
import { recentMean } from "./paint";
import { at, turns } from "./talk";
import { model, vectors } from "./state";

type Check = Reply<"/api/v1/steering/check", "post">;
type Pack = Reply<"/api/v1/traits">["traits"][number];
const lastTouched: { name: string | null } = { name: null };

function nudge(by: number | null): void {
    const name = lastTouched.name ?? shownNames.value[0];
    if (name) {
        setValue(name, by === null ? 0 : Math.max(-2, Math.min(2, valueOf(name) + by)));
    }
}

function Knobs({ packs }: { packs: readonly Pack[] }) {
    const a = turns.value[at.value]?.live ?? null;
    a?.tick.value; // measured values follow the answer
    return (
        <div class="knobs">
            {shownNames.value.map((name, i) => {
                const v = vectors.value.find((x) => x.name === name);
                const pack = packs.find((p) => p.name === (v?.trait ?? name));
                const mean = a ? recentMean(a, name, 24) : null;
                return (
                    <Knob
                        key={name}
                        name={name}
                        index={i + 1}
                        value={valueOf(name)}
                        safe={v && v.safe_low !== null && v.safe_low !== undefined && v.safe_high !== null && v.safe_high !== undefined ? [v.safe_low, v.safe_high] : null}
                        low={pack?.negative ?? ""}
                        high={pack?.positive ?? name}
                        unit={v && (v.dose === null || v.dose === undefined) ? text.play.raw : text.play.doses}
                        measured={mean === null ? (valueOf(name) === 0 ? text.play.off : "") : `${text.play.reads} ${signed(mean)} σ`}
                        onTouch={() => (lastTouched.name = name)}
                        onBegin={beginStep}
                        onChange={(value, step) => {
                            lastTouched.name = name;
                            setValue(name, value, step);
                        }}
                    />
                );
            })}
        </div>
    );
}

/** Terms that no slider can show, as they stand. */
function Others() {
    const odd = terms.value.filter((t) => t.name === null);
    return odd.length === 0 ? null : (
        <p class="chips">
            {odd.map((t) => (
                <span class="chip mono" key={t.text}>
                    {t.coefficient < 0 && t.text[0] !== "-" ? "- " : ""}
                    {t.text}
                    <button class="btn btn-quiet btn-icon btn-sm" type="button" aria-label={`${text.play.drop} ${t.text}`} onClick={() => dropTerm(t)}>
                        <Icon name="x" />
                    </button>
                </span>
            ))}
        </p>
    );
}

function AddTrait() {
    const more = vectors.value.filter((v) => !shownNames.value.includes(v.name));
    if (vectors.value.length === 0) {
        return (
            <div class="empty">
                <b>{text.play.noVectors}</b>
                <p>
                    <a href={link("extract", [], { model: model.value })}>{text.play.extractOne}</a> {text.play.or} <a href={link("transfer", [], { to: model.value })}>{text.play.carryOne}</a>
                </p>
            </div>
        );
    }
    return more.length === 0 ? null : (
        <label class="addtrait">
            <Icon name="plus" />
            <select
                class="form-select inline"
                aria-label={text.play.add}
                value=""
                onChange={(e) => {
                    shownNames.value = [...shownNames.value, e.currentTarget.value];
                    e.currentTarget.value = "";
                }}
            >
                <option value="">{text.play.add}</option>
                {more.map((v: Vector) => (
                    <option key={v.name}>{v.name}</option>
                ))}
            </select>
        </label>
    );
}

/** What the server makes of the expression, a moment after the last change. */
function useCheck(): Check | string | null {
    const [told, tell] = useState<Check | string | null>(null);
    const e = expression.value;
    const m = model.value;
    useEffect(() => {
        if (m === null || plan.value === null) {
            tell(null);
            return;
        }
        const stop = new AbortController();
        const timer = setTimeout(() => {
            post("/api/v1/steering/check", { body: { model: m, steering: e }, signal: stop.signal }).then(tell, (x: unknown) => !stop.signal.aborted && tell(wordsOf(x)));
        }, 250);
        return () => {
            clearTimeout(timer);
            stop.abort();
        };
    }, [e, m]);
    return told;
}

function CheckLine({ told }: { told: Check | string | null }) {
    if (told === null) {
        return <p id="expr-s">{text.play.unsteered}</p>;
    }
    if (typeof told === "string" || !told.ok) {
        const message = typeof told === "string" ? told : (told.error?.message ?? "").replace(/^steering: (steering expression, )?/, "");
        const column = typeof told === "string" ? undefined : told.error?.column;
        return (
            <p id="expr-s" class="badline" role="alert">
                {column !== undefined && <span class="mono" aria-hidden="true">{`${" ".repeat(Math.max(0, column - 1))}^`}</span>}
                {message}
            </p>
        );
    }
    const blocks = told.blocks ?? [];
    const span = blocks.length === 0 ? "" : blocks.length === 1 ? `${text.play.atBlock} ${blocks[0]}` : `${text.play.atBlocks} ${Math.min(...blocks)}–${Math.max(...blocks)}`;
    return (
        <p id="expr-s">
            <Icon name="check" /> {span}, {text.play.inUnit} {told.unit}
            {(told.warnings ?? []).map((w) => (
                <span class="warnline d-block" key={w}>
                    {w}
                </span>
            ))}
        </p>
    );
}

function Expression() {
    const told = useCheck();
    const bad = told !== null && (typeof told === "string" || !told.ok);
    return (
        <div class="expr">
            <label class="form-label" for="expr">
                {text.play.expression}
            </label>
            <input
                id="expr"
                class={`form-control ${bad ? "is-bad" : ""}`}
                value={expression.value}
                placeholder="1*silly"
                spellcheck={false}
                autocapitalize="off"
                autocomplete="off"
                aria-describedby="expr-s"
                aria-invalid={bad}
                onInput={(e) => setExpression(e.currentTarget.value)}
            />
            <CheckLine told={told} />
        </div>
    );
}

function Recipes() {
    const list = useResource((signal) => get("/api/v1/recipes", { signal }), []);
    const [name, setName] = useState<string | null>(null);
    const recipes = list.value?.recipes ?? [];
    const now = recipes.find((r) => r.expression === expression.value);
    const keepIt = async () => {
        if (name === null) {
            return;
        }
        try {
            const old = recipes.find((r) => r.name === name);
            await put("/api/v1/recipes/{name}", { path: { name }, body: { expression: expression.value, description: "" } });
            say(`${text.play.kept} ${name}`, old ? async () => void (await put("/api/v1/recipes/{name}", { path: { name }, body: { expression: old.expression, description: old.description } }), list.reload()) : undefined);
            setName(null);
            list.reload();
        } catch (e) {
            sayError(e);
        }
    };
    return (
        <div class="recipes">
            <div class="row1">
            <select
                class="form-select"
                aria-label={text.play.recipe}
                value={now?.name ?? ""}
                onChange={(e) => {
                    const r = recipes.find((x) => x.name === e.currentTarget.value);
                    setExpression(r?.expression ?? "");
                }}
            >
                <option value="">{recipes.length === 0 ? text.play.noRecipes : expression.value === "" ? text.play.recipe : text.play.recipeOther}</option>
                {recipes.map((r) => (
                    <option key={r.name} value={r.name}>
                        {r.name}
                    </option>
                ))}
            </select>
            {plan.value !== null && !now && (
                <button class="btn btn-quiet" type="button" aria-expanded={name !== null} onClick={() => setName(name === null ? "" : null)}>
                    {name === null ? text.play.keep : text.play.close}
                </button>
            )}
            </div>
            {name !== null && plan.value !== null && !now && (
                <form
                    class="keep"
                    onSubmit={(e) => {
                        e.preventDefault();
                        void keepIt();
                    }}
                >
                    <input class="form-control" aria-label={text.play.recipeName} placeholder={text.play.recipeName} value={name} pattern="[A-Za-z0-9_\-][A-Za-z0-9._\-]*" onInput={(e) => setName(e.currentTarget.value)} />
                    <button class="btn btn-outline-secondary" type="submit" disabled={name === ""}>
                        {text.play.keep}
                    </button>
                </form>
            )}
        </div>
    );
}

export function Panel() {
    const [open, setOpen] = useState(false);
    const [pad, setPad] = useState(false);
    const panel = useRef<HTMLElement>(null);
    const packs = useResource((signal) => get("/api/v1/traits", { signal }), []);
    useKeys([
        { keys: "[", does: text.play.keys.less, run: () => nudge(-0.1) },
        { keys: "]", does: text.play.keys.more, run: () => nudge(0.1) },
        { keys: "{", does: text.play.keys.muchLess, run: () => nudge(-0.5) },
        { keys: "}", does: text.play.keys.muchMore, run: () => nudge(0.5) },
        { keys: "0", does: text.play.keys.zero, run: () => nudge(null) },
        { keys: "Ctrl Z", does: text.play.keys.undo, run: (e) => { e.preventDefault(); undo(); } },
        { keys: "Ctrl Shift Z", does: text.play.keys.redo, run: (e) => { e.preventDefault(); redo(); } },
        ...shownNames.value.slice(0, 9).map((n, i) => ({ keys: String(i + 1), does: `${text.play.keys.slider} ${n}`, run: () => panel.current?.querySelector<HTMLElement>(`[data-knob="${i + 1}"]`)?.focus() })),
    ]);
    useCommands([
        { name: text.play.resetAll, run: () => setExpression("") },
        ...shownNames.value.map((n) => ({ name: `${text.play.moreOf} ${n}`, hint: "+0.5", run: () => setValue(n, Math.min(2, valueOf(n) + 0.5)) })),
    ]);
    return (
        <aside ref={panel} class="panel" aria-label={text.play.panel} data-open={open || undefined}>
            <button class="peek" type="button" aria-expanded={open} aria-controls="panel-body" onClick={() => setOpen(!open)}>
                <strong>{text.play.steering}</strong>
                {terms.value
                    .filter((t) => t.name !== null && t.coefficient !== 0)
                    .slice(0, 3)
                    .map((t) => (
                        <span class="chip" key={t.name}>
                            {t.name} <b class={t.coefficient < 0 ? "neg" : "pos"}>{num(t.coefficient)}</b>
                        </span>
                    ))}
                <Icon name="up" />
            </button>
            <div class="body" id="panel-body">
                <section class="steer" aria-labelledby="h-steer">
                    <header>
                        <h2 id="h-steer">{text.play.steering}</h2>
                        {shownNames.value.length > 1 && (
                            <span class="seg" role="group" aria-label={text.play.input}>
                                <label>
                                    <input type="radio" name="mode" checked={!pad} onChange={() => setPad(false)} />
                                    {text.play.sliders}
                                </label>
                                <label>
                                    <input type="radio" name="mode" checked={pad} onChange={() => setPad(true)} />
                                    {text.play.pad}
                                </label>
                            </span>
                        )}
                        <span class="end">
                            <button class="btn btn-quiet btn-icon" type="button" aria-label={text.play.keys.undo} disabled={!canUndo.value} onClick={undo}>
                                <Icon name="undo" />
                            </button>
                            <button class="btn btn-quiet btn-icon" type="button" aria-label={text.play.keys.redo} disabled={!canRedo.value} onClick={redo}>
                                <Icon name="redo" />
                            </button>
                        </span>
                    </header>
                    <p class="live" role="status">
                        {live.value || text.play.liveHint}
                    </p>
                    <Recipes />
                    {pad && shownNames.value.length > 1 && <Pad packs={packs.value?.traits ?? []} />}
                    <Knobs packs={packs.value?.traits ?? []} />
                    <AddTrait />
                    <Others />
                    <Expression />
                </section>
                <Monitors />
                <Turns />
            </div>
        </aside>
    );
}
