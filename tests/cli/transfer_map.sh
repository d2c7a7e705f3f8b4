#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# transfer_map.sh - a transfer through a map that was fitted before, without the source model and without the texts,
# ends with the bytes of one that fits the map itself, every control included; what leaving out means for such a map;
# and what is missing where it keeps no readings.
source "$(dirname "$0")/_lib.sh"
need_models
need_python

few_questions 2
quick=(--questions "$few" --max-tokens 12 --threads 1 --random 3 --draws 2 --draw-questions 2 --coefficients -1:1:2
    --seed 5 --job none -o "$tmp/out.gguf" --json)
python3 - "$tmp/texts.jsonl" <<'PY'
import json, sys
topics = ["soup", "tea", "maps", "rain", "ships", "bread", "chess", "trees", "trains", "clocks"]
words = {("silly", 1): "giggle banana wobble", ("silly", -1): "report figure", ("poetic", 1): "moon silver",
         ("poetic", -1): "number list", ("anxious", 1): "worry danger", ("anxious", -1): "calm rest"}
n = 0
with open(sys.argv[1], "w") as f:
    for topic in topics:
        for trait in ["silly", "poetic", "anxious", None]:
            for side in [1, -1] * 2:
                n += 1
                row = {"messages": [{"role": "user", "content": f"Say something of {topic}."}],
                       "response": f"I have looked at {topic} {n} times, {words.get((trait, side), 'and')}, and it is useful."}
                if trait:
                    row.update(trait=trait, polarity="positive" if side > 0 else "negative")
                f.write(json.dumps(row) + "\n")
PY
fit=(--from "$source_model" --to "$target_model" --texts "$tmp/texts.jsonl" --blocks 3:3)
for trait in silly poetic apathetic; do
    expect 0 -- extract --model "$source_model" --trait $trait --questions "$few" --max-tokens 12 --judge none \
        --no-calibrate --threads 1 -o "$tmp/$trait.gguf" --quiet
done
map=(map fit "${fit[@]}" --questions "$few" --without silly --threads 1 --seed 5 --json)
through=(transfer --to "$target_model")

# ---- the same, to the byte ------------------------------------------------------------------------
expect 0 -- "${map[@]}" -o "$tmp/map.gguf"
check "readings of all texts, also of those that are left out" python3 - "$out" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["readings"]["n_texts"] == 160 and d["readings"]["judge"] == "pair" and d["without"] == "silly", d["readings"]
assert d["readings"]["size_bytes"] == 160 * 4 * (192 + 160) and "silly" not in d["traits"] and d["leave"] == "strict", d
PY
code=0
"$PERSONA" "${through[@]}" "${fit[@]}" --trait silly --vector "$tmp/silly.gguf" "${quick[@]}" >"$tmp/direct" 2>"$err" || code=$?
mv "$tmp/out.gguf" "$tmp/direct.gguf"
check "a transfer" test "$code" -le 1
expect "$code" -- "${through[@]}" --trait silly --map "$tmp/map.gguf" --vector "$tmp/silly.gguf" "${quick[@]}" --export "$tmp/export"
check "the same vector" cmp "$tmp/direct.gguf" "$tmp/out.gguf"
check "the same scores, swings, controls and reason" python3 - "$tmp/direct" "$out" <<'PY'
import json, sys
a, b = (json.load(open(f)) for f in sys.argv[1:])
differ = {k for k in a.keys() | b.keys() if a.get(k) != b.get(k)}
# the path of the source model, times, and what map files hold as floats
assert differ <= {"from", "n_texts_cut", "output", "seconds", "lambda", "r2", "r2_contrast", "r2_heldout", "r2_shuffled",
                  "r2_shuffled_max"}, differ
need = {"lexical", "shuffled", "random", "random-source", "identity", "text-bridge", "in-sample", "other-trait", "native"}
assert need <= {r["condition"] for r in b["rows"]} and b["cosine_null"]["n"] == 20 and b["sample"] == "held-out"
assert b["leave_out"]["judge"] == "pair" and b["leave_out"]["decidable"]
PY
check "its texts are exported" test "$(wc -l <"$tmp/export/silly/texts.jsonl")" = 160

# ---- what leaving out means -------------------------------------------------------------------------
sample() { # TRAIT SAMPLE
    expect 0 -- "${through[@]}" --map "$tmp/map.gguf" --vector "$tmp/$1.gguf" --trait "$1" --no-evaluate "${quick[@]}"
    check "$1 is $2" grep -q "\"sample\": \"$2\"" "$out"
}
sample silly held-out
sample poetic in-sample
sample apathetic unverified
# a judge that sees the trait everywhere: left out by name, and not decidable
python3 - "$PERSONA_SOURCE_DIR/models/judge.json" "$tmp/sees_all.json" <<'PY'
import json, sys
j = json.load(open(sys.argv[1]))
j["axes"]["silly"]["bias"] = 3
json.dump(j, open(sys.argv[2], "w"))
PY
expect 0 'not decidable: only 0 texts do not show .silly. .60 are needed' -- "${map[@]}" -o "$tmp/map.gguf" --judge "$tmp/sees_all.json"
sample silly 'not decidable'

# ---- without readings -------------------------------------------------------------------------------
expect 0 -- "${map[@]}" -o "$tmp/bare.gguf" --no-readings
check "the file says so" grep -q '"readings": null' "$out"
check "and is smaller" test "$(wc -c <"$tmp/bare.gguf")" -lt "$(($(wc -c <"$tmp/map.gguf") - 150000))"
expect 1 "@many|did not pass: the control 'lexical' could not be made: the map's file keeps no readings of texts .fit it again" -- \
    "${through[@]}" --trait silly --map "$tmp/bare.gguf" --vector "$tmp/silly.gguf" "${quick[@]}"
check "which is said before the work" grep -q 'bare.gguf keeps no readings, so controls are missing' "$err"
finish
