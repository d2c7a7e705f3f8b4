#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# resume_transfer.sh - a transfer that is killed again and again ends with the vector and the document of one that
# was not; its job is shown, exported, and refused for other settings.

. "$(dirname "$0")/_lib.sh"
need_models
need_python

few_questions 3
expect 0 -- map fit --from "$source_model" --to "$target_model" --without silly -o "$tmp/map.gguf" --neutral 16 \
    --map-questions 2 --questions "$few" --candidates 2 --max-tokens 24 --no-readings --quiet
expect 0 -- extract --model "$source_model" --trait silly --questions "$few" --max-tokens 24 --no-calibrate --judge none \
    --job none -o "$tmp/v.gguf" --quiet
carry=(transfer --map "$tmp/map.gguf" --vector "$tmp/v.gguf" --to "$target_model" --trait silly --coefficients -1:1:3
    --random 4 --draws 2 --draw-questions 2 --quiet --json)
small=("${carry[@]}" --questions "$few" --max-tokens 40)

start=$(date +%s%N)
code=0
"$PERSONA" "${small[@]}" --job "$tmp/whole.db" -o "$tmp/whole.gguf" >"$tmp/whole.json" 2>"$err" || code=$?
check "a small transfer runs" test "$code" -le 1
span=$((($(date +%s%N) - start) / 1000000))

# SIGKILL at a few moments: blocks tried, doses, evaluation, native extraction (its job is in the library).
rm -rf "$XDG_DATA_HOME"
kills=0
moments="1 2 3 4"
[[ -z ${PERSONA_QUICK:-} ]] || moments=2
for i in $moments; do
    "$PERSONA" "${small[@]}" --job "$tmp/killed.db" -o "$tmp/killed.gguf" >/dev/null 2>&1 &
    pid=$!
    sleep "$(awk -v ms="$span" -v i="$i" 'BEGIN { srand(i + 7); printf "%.3f", ms / 1000 * (0.1 + 0.4 * rand()) }')"
    if kill -9 "$pid" 2>/dev/null; then kills=$((kills + 1)); fi
    wait "$pid" 2>/dev/null || :
    if [[ -e $tmp/killed.gguf ]]; then break; fi # it finished, thanks to what earlier runs had kept
done
check "something was killed" test "$kills" -gt 0
rm -f "$tmp/killed.gguf"
again=0
"$PERSONA" "${small[@]}" --job "$tmp/killed.db" -o "$tmp/killed.gguf" >"$tmp/killed.json" 2>"$err" || again=$?
check "the same exit code" test "$again" = "$code"
check "the vector of the resumed run is the same, byte for byte" cmp "$tmp/whole.gguf" "$tmp/killed.gguf"
check "and so is the document" python3 - "$tmp/whole.json" "$tmp/killed.json" <<'PY'
import json, sys
a, b = (json.load(open(p)) for p in sys.argv[1:3])
assert a["resumed"] == 0 and b["resumed"] > 0, (a["resumed"], b["resumed"])
for d in (a, b):
    for key in ("seconds", "output", "job", "resumed"):
        del d[key]
assert a == b, [k for k in a if a[k] != b[k]]
assert len(a["rows"]) > 10 and len(a["random"]) == 4
PY
check "both jobs hold the same answers and scores" python3 - "$tmp/whole.db" "$tmp/killed.db" <<'PY'
import sqlite3, sys
def rows(path):
    c = sqlite3.connect(path)
    return [c.execute(q).fetchall() for q in (
        "SELECT stage, id, text, question_index, polarity, seed, answered FROM answer ORDER BY stage, id",
        "SELECT * FROM score ORDER BY stage, judge, id", "SELECT * FROM value ORDER BY key", "SELECT manifest FROM job")]
a, b = rows(sys.argv[1]), rows(sys.argv[2])
assert a == b and len(a[1]) > 100 and len({r[1] for r in a[1]}) > 3
PY

# A finished job answers at once, and other settings are refused by name.
expect "$code" -- "${small[@]}" --job "$tmp/whole.db" -o "$tmp/again.gguf"
check "nothing is asked again" cmp "$tmp/whole.gguf" "$tmp/again.gguf"
expect 64 'evaluation.max_tokens' -- "${carry[@]}" --questions "$few" --max-tokens 41 --job "$tmp/whole.db" -o "$tmp/x.gguf"
expect 64 'evaluation.questions' -- "${carry[@]}" --questions 2 --max-tokens 40 --job "$tmp/whole.db" -o "$tmp/x.gguf"
expect 0 -- vector convert "$tmp/v.gguf" "$tmp/scaled.gguf" --normalize
expect 64 'vector' -- "${small[@]}" --vector "$tmp/scaled.gguf" --job "$tmp/whole.db" -o "$tmp/x.gguf"
expect 64 'slots' -- "${small[@]}" --slots 8 --job "$tmp/whole.db" -o "$tmp/x.gguf"
expect 64 'of one trait' -- transfer --map "$tmp/map.gguf" --from "$source_model" --to "$target_model" --traits silly,poetic \
    --job "$tmp/whole.db"

# jobs: shown and exported with condition and coefficient
expect 0 -- jobs show "$tmp/whole.db"
check "the evaluation is a stage of the job" grep -q '^  evaluate/' "$out"
expect 0 -- jobs export "$tmp/whole.db" -o "$tmp/answers.jsonl"
check "every answer says how it was steered" python3 - "$tmp/answers.jsonl" <<'PY'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
assert {"unsteered", "prompt", "transferred", "random", "shuffled", "sampling"} <= {r["condition"] for r in rows}
t = [r for r in rows if r["condition"] == "transferred"]
assert {r["coefficient"] for r in t} == {-1, 1} and all(0 <= r["label"] <= 100 for r in t) and len(t) == 6
assert {r["polarity"] for r in rows if r["condition"] == "prompt"} == {"positive", "negative"}
PY
finish
