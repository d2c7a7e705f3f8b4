#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# sbom.sh - the list of parts (tools/sbom) is an SPDX 2.3 document: what its schema requires is there, every relation joins
# elements that exist, all that the program is linked with is in it, and the same input gives the same bytes.
source "$(dirname "$0")/_lib.sh"
need_python
command -v readelf >/dev/null || { echo "skipped: no readelf"; exit 77; }
if grep -q '^PERSONA_SANITIZE:[A-Z]*=.' "$(dirname "$PERSONA")/CMakeCache.txt"; then
    echo "skipped: a sanitizer's runtimes are no part of what is shipped"
    exit 77
fi

make_it() { SOURCE_DATE_EPOCH=1700000000 "$PERSONA_SOURCE_DIR/tools/sbom" "$PERSONA"; }
make_it >"$out" 2>"$err" || bad "tools/sbom fails"
check "the same bytes again" cmp -s "$out" <(make_it)
readelf -d "$PERSONA" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' >"$tmp/needed"
n_run=$((n_run + 1))
python3 - "$out" "$PERSONA_SOURCE_DIR" <<'PY' 2>"$err" || bad "not an SPDX 2.3 document"
import json
import re
import sys

d = json.load(open(sys.argv[1], encoding="utf-8"))
# schemas/spdx-schema.json of SPDX 2.3: "required", patterns and enumerations, as far as the document goes
need = {
    "document": ["SPDXID", "creationInfo", "dataLicense", "name", "spdxVersion", "documentNamespace"],
    "creationInfo": ["created", "creators"],
    "packages": ["SPDXID", "downloadLocation", "name", "versionInfo", "licenseDeclared", "copyrightText"],
    "files": ["SPDXID", "checksums", "fileName"],
    "externalRefs": ["referenceCategory", "referenceLocator", "referenceType"],
    "checksums": ["algorithm", "checksumValue"],
    "relationships": ["spdxElementId", "relatedSpdxElement", "relationshipType"],
}
for x, what in [(d, "document"), (d["creationInfo"], "creationInfo")] + [
        (x, what) for what in ("packages", "files", "relationships") for x in d[what]]:
    for key in need[what]:
        assert x.get(key), f"{what}: no {key} in {x}"
for x in d["packages"] + d["files"]:
    assert re.fullmatch("SPDXRef-[a-zA-Z0-9.-]+", x["SPDXID"]), x["SPDXID"]
    for what in ("externalRefs", "checksums"):
        for part in x.get(what, []):
            assert all(part.get(key) for key in need[what]), part
assert d["spdxVersion"] == "SPDX-2.3" and d["dataLicense"] == "CC0-1.0" and d["SPDXID"] == "SPDXRef-DOCUMENT"
assert d["creationInfo"]["created"] == "2023-11-14T22:13:20Z"
assert all(re.match("(Tool|Person|Organization): ", x) for x in d["creationInfo"]["creators"])
assert re.match("https?://[^#]+$", d["documentNamespace"])
ids = [x["SPDXID"] for x in d["packages"] + d["files"]]
assert len(ids) == len(set(ids)), "an SPDXID twice"
kinds = {"DESCRIBES", "DYNAMIC_LINK", "STATIC_LINK", "CONTAINS"}
for x in d["relationships"]:
    assert x["relatedSpdxElement"] in ids and x["spdxElementId"] in ids + ["SPDXRef-DOCUMENT"] and x["relationshipType"] in kinds, x
assert {x["relatedSpdxElement"] for x in d["relationships"]} == set(ids), "an element that nothing leads to"
for x in d["files"]:
    assert {c["algorithm"] for c in x["checksums"]} >= {"SHA1"}, x # the specification wants SHA1
names = {x["name"] for x in d["packages"]}
assert names >= {"persona", "llama.cpp", "ggml", "glibc", "OpenBLAS", "minja", "preact", "bootstrap"}, names
assert {x["fileName"] for x in d["files"]} == {"./models/persona-gpt-oss.gguf", "./models/persona-qwen2.gguf"}
direct = json.load(open(sys.argv[2] + "/web/package.json"))["dependencies"]
assert all(any(x["name"] == n and x["versionInfo"] == v for x in d["packages"]) for n, v in direct.items()), direct
PY
check "the program is linked with something" grep -q libllama "$tmp/needed"

# A library that nobody has written down is an error.
cp -r "$PERSONA_SOURCE_DIR/tools" "$tmp/tools" && ln -s "$PERSONA_SOURCE_DIR"/{web,models} "$tmp/"
sed -i '/^    "libyyjson":/d' "$tmp/tools/sbom"
n_run=$((n_run + 1))
if PERSONA_PREFIX=${PERSONA_PREFIX:-$PERSONA_SOURCE_DIR/.prefix} "$tmp/tools/sbom" "$PERSONA" >"$out" 2>"$err"; then
    bad "an unknown library is accepted"
fi
check "and it is named" grep -q 'libyyjson.so.0 is linked and unknown' "$err"
finish
