// SPDX-License-Identifier: MIT
//
// expr.ts - steering expressions both ways: what sliders can show (a coefficient times a name) and everything else as
// it stands. The grammar is the server's (docs/FORMATS.md); here a sum is only cut into its terms, and what a slider
// cannot show is kept word by word, never dropped.

export interface Term {
    /** The vector's name, if a slider can show the whole term: [coefficient*]name. */
    name: string | null;
    coefficient: number;
    /** As it was written, without its sign; "": from a slider. */
    text: string;
}

const NAME = "[A-Za-z][A-Za-z0-9_.-]*";
const SIMPLE = new RegExp(`^(?:([0-9]*\\.?[0-9]+(?:e[+-]?[0-9]+)?)\\s*\\*\\s*)?(?:(${NAME})|'([^']+)')$`, "i");
const KEPT = ["when", "and", "until", "raw", "ratio"];

/** A name as an expression takes it. */
export function quotedName(name: string): string {
    return new RegExp(`^${NAME}$`).test(name) && !KEPT.includes(name) ? name : `'${name}'`;
}

/** Cuts a sum at its top-level plus and minus signs. A minus inside a name has no space before it. */
function cut(expression: string): { sign: 1 | -1; text: string }[] {
    const out: { sign: 1 | -1; text: string }[] = [];
    let depth = 0;
    let quoted = false;
    let sign: 1 | -1 = 1;
    let from = 0;
    const push = (to: number) => {
        const text = expression.slice(from, to).trim();
        if (text !== "") {
            out.push({ sign, text });
        }
    };
    for (let i = 0; i < expression.length; i++) {
        const c = expression[i]!;
        if (c === "'") {
            quoted = !quoted;
        } else if (quoted) {
            continue;
        } else if (c === "(") {
            depth++;
        } else if (c === ")") {
            depth--;
        } else if (depth === 0 && (c === "+" || c === "-") && (i === 0 || /\s/.test(expression[i - 1]!)) && !/[*:]\s*$/.test(expression.slice(0, i))) {
            push(i);
            sign = c === "-" ? -1 : 1;
            from = i + 1;
        }
    }
    push(expression.length);
    return out;
}

export function parse(expression: string): Term[] {
    // a condition behind a sum belongs to all of it: no slider can show that
    if (/\swhen\s/.test(expression)) {
        return [{ name: null, coefficient: 1, text: expression.trim() }];
    }
    return cut(expression).map(({ sign, text }) => {
        const m = SIMPLE.exec(text.startsWith("-") ? text.slice(1).trim() : text);
        const inner = text.startsWith("-") ? -1 : 1;
        return m
            ? { name: (m[2] ?? m[3])!, coefficient: sign * inner * (m[1] === undefined ? 1 : Number(m[1])), text }
            : { name: null, coefficient: sign * inner, text };
    });
}

function shown(x: number): string {
    return String(Number(Math.abs(x).toFixed(3)));
}

/** Terms of coefficient zero do nothing and are left out; no terms at all: null, unsteered. */
export function print(terms: readonly Term[]): string | null {
    let out = "";
    for (const t of terms) {
        if (t.name !== null && t.coefficient === 0) {
            continue;
        }
        const minus = t.coefficient < 0;
        const body = t.name !== null && t.text === "" ? `${shown(t.coefficient)}*${quotedName(t.name)}` : t.text.replace(/^-\s*/, "");
        out += out === "" ? (minus ? `-${body}` : body) : ` ${minus ? "-" : "+"} ${body}`;
    }
    return out === "" ? null : out;
}
