// SPDX-License-Identifier: MIT
//
// build.mjs - the page: TypeScript and CSS into two hashed files, and the document that names them, into
// dist/. The same sources and the same lockfile give the same bytes. `--check DIR` builds into DIR only.
//
// Inline nothing: the server's policy allows scripts and styles from files alone.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const at = process.argv.indexOf("--check");
const out = at > 0 ? process.argv[at + 1] : join(here, "dist");
const LIMIT = 150 * 1024; // bytes over the wire, all that the first view needs

// Every word of the sources: a class that is in none of them can be on no element.
function wordsOf(folder, words = new Set()) {
    for (const f of readdirSync(folder, { withFileTypes: true })) {
        if (f.isDirectory()) {
            wordsOf(join(folder, f.name), words);
        } else {
            for (const [word] of readFileSync(join(folder, f.name), "utf8").matchAll(/[\w-]+/g)) {
                words.add(word);
            }
        }
    }
    return words;
}

/** Selectors of a list, cut at the commas that stand in no parentheses. */
const selectors = (head) => head.split(/,(?![^(]*\))/);

/** The rules whose classes all are among the words; what is about no class stays. */
function used(css, words) {
    const can = (selector) => [...selector.matchAll(/\.((?:[\w-]|\\.)+)/g)].every(([, name]) => words.has(name.replace(/\\/g, "")));
    let out = "";
    for (let from = 0; from < css.length; ) {
        const open = css.indexOf("{", from);
        if (open < 0) {
            return out + css.slice(from);
        }
        let to = open + 1;
        for (let depth = 1; depth > 0; to++) {
            depth += css[to] === "{" ? 1 : css[to] === "}" ? -1 : 0;
        }
        const head = css.slice(from, open);
        const body = css.slice(open + 1, to - 1);
        if (/^\s*@(media|supports)/.test(head)) {
            const inside = used(body, words);
            out += inside ? `${head}{${inside}}` : "";
        } else if (/^\s*@/.test(head)) {
            out += css.slice(from, to);
        } else {
            const kept = selectors(head).filter(can);
            out += kept.length > 0 ? `${kept.join()}{${body}}` : "";
        }
        from = to;
    }
    return out;
}

// Bootstrap carries its marks as data: images, which the policy refuses; ours are files (css/controls.css). Of its
// rules those stay that the page can use, an eighth.
const bootstrap = {
    name: "bootstrap",
    setup(b) {
        b.onLoad({ filter: /bootstrap\.min\.css$/ }, ({ path }) => ({
            contents: used(readFileSync(path, "utf8").replace(/url\("data:image[^"]*"\)/g, "none"), wordsOf(join(here, "src"))),
            loader: "css",
        }));
    },
};

const result = await build({
    absWorkingDir: here,
    entryPoints: { app: "src/main.tsx", theme: "src/app/theme_first.ts", style: "css/index.css" },
    bundle: true,
    minify: true,
    format: "iife",
    target: ["es2022", "chrome123", "firefox120", "safari17.5"],
    charset: "utf8",
    legalComments: "none",
    entryNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    loader: { ".svg": "file" },
    outdir: "dist",
    write: false,
    plugins: [bootstrap],
    define: { "process.env.NODE_ENV": '"production"' },
});

const files = new Map();
for (const f of result.outputFiles) {
    files.set(f.path.split("/").pop(), Buffer.from(f.contents));
}
const hashed = (name, bytes) => {
    const dot = name.lastIndexOf(".");
    const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 8).toUpperCase();
    return `${name.slice(0, dot)}-${hash}${name.slice(dot)}`;
};
const icon = readFileSync(join(here, "favicon.svg"));
files.set(hashed("favicon.svg", icon), icon);
const licenses = readFileSync(join(here, "licenses.txt"));
files.set("licenses.txt", licenses);

const named = (start, end) => [...files.keys()].find((f) => f.startsWith(start) && f.endsWith(end));
const document = readFileSync(join(here, "index.html"), "utf8").replace(/\{\{(\w+)(\.\w+)\}\}/g, (_, start, end) => {
    const found = named(`${start}-`, end);
    if (!found) {
        throw new Error(`index.html wants ${start}${end}, which was not built`);
    }
    return `assets/${found}`;
});
files.set("index.html", Buffer.from(document));

mkdirSync(out, { recursive: true });
for (const old of readdirSync(out)) {
    rmSync(join(out, old));
}
let wire = 0;
for (const [name, bytes] of files) {
    writeFileSync(join(out, name), bytes);
    const packed = gzipSync(bytes, { level: 9 }).length;
    wire += packed;
    if (process.argv.includes("--sizes")) {
        console.log(`${name}\t${bytes.length}\t${packed}`);
    }
}
console.log(`page: ${(wire / 1024).toFixed(1)} KB gzipped of ${LIMIT / 1024}`);
if (wire > LIMIT) {
    console.error("the page is larger than it may be");
    process.exit(1);
}
