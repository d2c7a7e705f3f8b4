// SPDX-License-Identifier: MIT
//
// check.mjs - what holds for the sources of the page: rooms that only look down, no way from text to markup, files of a
// readable size. `--self-test` shows that each rule finds its fault.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOMS = ["text", "base", "api", "parts", "app", "views", "shell", ""]; // "": main.tsx
const LINES = 500;
const FORBIDDEN = [
    [/\b(innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|srcdoc)\b/, "makes markup of text"],
    [/\b(eval|new Function)\s*\(/, "makes a program of text"],
    [/\sstyle="/, "an inline style, which the policy refuses"],
    [/\bany\b(?=[\s,;)\]>|])(?<=[:<|]\s*any)/, "any: say what it is"],
];

function roomOf(path) {
    return path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
}

function faults(path, source) {
    const out = [];
    const room = roomOf(path);
    const rank = ROOMS.indexOf(room);
    if (rank < 0) {
        out.push(`${path}: no room of that name`);
    }
    if (!source.startsWith("// SPDX-License-Identifier: MIT\n//\n// ")) {
        out.push(`${path}: wants a license line and a story at its top`);
    }
    for (const [, to] of source.matchAll(/from "(\.[^"]+)"/g)) {
        const target = join(dirname(path), to);
        if (target.startsWith("..")) {
            continue; // gen/
        }
        const other = ROOMS.indexOf(roomOf(target));
        const views = room === "views" && roomOf(target) === "views" && path.split("/")[1] !== target.split("/")[1];
        if (other > rank || views) {
            out.push(`${path}: looks up, or into another view: ${to}`);
        }
    }
    source.split("\n").forEach((line, i) => {
        for (const [what, why] of FORBIDDEN) {
            if (what.test(line) && !line.trim().startsWith("//")) {
                out.push(`${path}:${i + 1}: ${why}`);
            }
        }
    });
    const n = source.split("\n").length;
    if (n > LINES) {
        out.push(`${path}: ${n} lines, more than ${LINES}`);
    }
    return out;
}

function selfTest() {
    const head = "// SPDX-License-Identifier: MIT\n//\n// a.ts - a\n";
    const bad = [
        ["base/a.ts", `${head}import { x } from "../views/play/play";`],
        ["views/a/a.tsx", `${head}import { x } from "../b/b";`],
        ["base/a.ts", `${head}e.innerHTML = s;`],
        ["base/a.ts", `${head}const x: any = 1;`],
        ["base/a.ts", "const x = 1;"],
        ["base/a.ts", head + "\n".repeat(LINES)],
        ["attic/a.ts", head],
    ];
    for (const [path, source] of bad) {
        if (faults(path, source).length === 0) {
            throw new Error(`not found: ${source}`);
        }
    }
    if (faults("views/a/a.tsx", `${head}import { x } from "../../base/b";`).length > 0) {
        throw new Error("found what is right");
    }
}

selfTest();
if (!process.argv.includes("--self-test")) {
    const root = join(dirname(fileURLToPath(import.meta.url)), "src");
    const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((f) => f.isFile() && /\.tsx?$/.test(f.name));
    const found = files.flatMap((f) => {
        const path = relative(root, join(f.parentPath ?? f.path, f.name));
        return faults(path, readFileSync(join(root, path), "utf8"));
    });
    found.forEach((f) => console.error(f));
    console.log(`check-web: ${files.length} files, ${found.length} faults`);
    process.exit(found.length > 0 ? 1 : 0);
}
