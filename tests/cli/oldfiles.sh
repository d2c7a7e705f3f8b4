#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# oldfiles.sh - what an earlier version wrote is still of use: tests/fixtures/old holds a job, a cache of readings,
# a map and two vectors, and make.sh there says how they came about. Jobs and readings name the version of libllama
# that computed them, so with another one they are refused, or read anew; the rest holds everywhere.

source "$(dirname "$0")/_lib.sh"
need_models
need_python
old=$PERSONA_SOURCE_DIR/tests/fixtures/old
cp -r "$old/job.db" "$old/activations" "$tmp" # both are opened for writing

# document TEXT PYTHON: conditions on the last document, as d
document() {
    n_run=$((n_run + 1))
    python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
exec(sys.argv[2])' "$out" "$2" || bad "$1"
}
n_answers() { python3 -c 'import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM answer").fetchone()[0])' "$1"; }

expect 0 -- doctor --json
same_library=no
if grep -q '"llama": "0.7.0"' "$out" && grep -q '"ggml": "0.27.0"' "$out"; then same_library=yes; fi

# ---- vectors ---------------------------------------------------------------------------------------
expect 0 -- vector show "$old/silly.gguf" --json
document "the old vector, its dose and where it comes from" '
assert d["trait"] == "silly" and d["n_layer"] == 7 and d["n_embd"] == 192 and d["best_layer"] == 3
assert abs(d["dose"] - 0.76669073) < 1e-7 and d["kept"] == {"positive": 14, "negative": 14}
assert d["method"] == "mean_difference" and d["judge"] == "pair" and d["library"] == "llama 0.7.0, ggml 0.27.0"
'
expect 0 -- generate --model "$source_model" --prompt 'How do I start with chess?' --steer "1.5*$old/silly.gguf" \
    --temp 0 -n 32 --threads 1 --json
document "it steers as it did, in doses" '
assert d["steering"]["unit"] == "dose" and d["steering"]["layers"] == [3]
assert abs(d["steering"]["delta_projection"] - 443.26458) < 1e-3, d["steering"]
'
document "and the model says the same" "
assert d['text'].strip() == open('$old/steered.txt').read().strip(), d['text']
"

# ---- maps ------------------------------------------------------------------------------------------
expect 0 -- map show "$old/map.gguf" --json
document "the old map" '
b, = d["blocks"]
assert d["readings"] is None and d["n_texts"] == 43 and b["layer_from"] == 3 and b["layer_to"] == 3 and abs(b["r2_contrast"] - 0.217217) < 1e-6
'
expect 0 -- transfer --map "$old/map.gguf" --vector "$old/silly.gguf" --to "$target_model" --trait silly --no-evaluate \
    --slots 4 --threads 1 -o "$tmp/carried.gguf" --json
expect 0 -- vector compare "$tmp/carried.gguf" "$old/carried.gguf" --json
document "it carries the old vector to where it did" '
assert d["layers"] and all(l["cosine"] > 0.99999 for l in d["layers"]), d["layers"]
'

# ---- jobs ------------------------------------------------------------------------------------------
job=(extract --model "$source_model" --trait silly --questions 3 --max-tokens 20 --seed 3 --min-trait 45 --slots 4
    --threads 1)
expect 0 -- jobs show "$tmp/job.db" --json
if [[ $same_library == yes ]]; then
    n=$(n_answers "$tmp/job.db")
    expect 0 -- "${job[@]}" --job "$tmp/job.db" -o "$tmp/silly.gguf" --json
    document "the finished job is taken up" 'assert d["resumed"] == 33 and d["dose"], d["resumed"]'
    check "the model was asked nothing" test "$(n_answers "$tmp/job.db")" = "$n"
    # what files say more since then: how far the pairs agree
    expect 0 -- vector show "$tmp/silly.gguf" --json
    cp "$out" "$tmp/new.json"
    expect 0 -- vector show "$old/silly.gguf" --json
    check "the same vector, byte for byte, and how far its pairs agree" python3 - "$old/silly.gguf" "$tmp/silly.gguf" "$out" "$tmp/new.json" <<'PY'
import json, sys
old, new = (open(f, "rb").read() for f in sys.argv[1:3])
a, b = (json.load(open(f)) for f in sys.argv[3:5])
for d in (a, b):
    d.pop("vector")
assert all(l.pop("agreement") is None for l in a["layers"]) and all(0 < l.pop("agreement") < 1 for l in b["layers"])
n = 4 * a["n_embd"] * len(a["layers"])
assert a == b and old[-n:] == new[-n:], (a, b)
PY
    # one that was killed: its last answers and measurements are missing
    cp "$old/job.db" "$tmp/half.db"
    python3 - "$tmp/half.db" <<'PY'
import sqlite3, sys
d = sqlite3.connect(sys.argv[1])
d.execute("DELETE FROM score")
d.execute("DELETE FROM value")
d.execute("DELETE FROM answer WHERE stage <> 'rollout' OR id >= 20")
d.execute("INSERT INTO value VALUES('state', 'running')")
d.commit()
PY
    expect 0 -- "${job[@]}" --no-calibrate --job "$tmp/half.db" -o "$tmp/half.gguf" --json
    document "the half-done one goes on" 'assert d["resumed"] == 20 and d["generated"]["positive"] == 15, d["resumed"]'
    expect 0 -- vector compare "$tmp/half.gguf" "$old/silly.gguf" --json
    document "and ends with the same direction" 'assert all(l["cosine"] > 0.98 for l in d["layers"]), d["layers"]'
else
    expect 64 engine -- "${job[@]}" --job "$tmp/job.db" -o "$tmp/silly.gguf"
fi

# ---- readings --------------------------------------------------------------------------------------
fit=(map fit --from "$source_model" --to "$target_model" --without silly --map-questions 2 --neutral 8 --max-tokens 16
    --judge none --blocks 3:3 --slots 4 --threads 1 --cache "$tmp" --no-readings -o "$tmp/map.gguf")
if [[ $same_library == yes ]]; then
    expect 0 '0 are new' -- "${fit[@]}" --json
    document "the same map from the old readings" '
b, = d["blocks"]
assert d["n_texts"] == 43 and abs(b["r2_contrast"] - 0.217217) < 1e-4, b
'
else
    expect 0 -- "${fit[@]}" --json
fi
finish
