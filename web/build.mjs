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

// Bootstrap carries its marks as data: images, which the policy refuses; ours are files (css/controls.css).
const noDataImages = {
    name: "no-data-images",
    setup(b) {
        b.onLoad({ filter: /bootstrap\.min\.css$/ }, ({ path }) => ({
            contents: readFileSync(path, "utf8").replace(/url\("data:image[^"]*"\)/g, "none"),
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
    plugins: [noDataImages],
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
