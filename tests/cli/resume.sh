#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# resume.sh - an extraction that is killed again and again ends with the vector of one that was not.

. "$(dirname "$0")/_lib.sh"
need_models
need_python

few_questions 3
small=(extract --model "$source_model" --trait silly --questions "$few" --max-tokens 24 --json)

start=$(date +%s%N)
expect 0 -- "${small[@]}" --job "$tmp/whole.db" -o "$tmp/whole.gguf"
cp "$out" "$tmp/whole.json"
span=$((($(date +%s%N) - start) / 1000000))

# SIGKILL at six moments of the work: what is kept adds up, so that they lie in rollouts, sweep and calibration.
kills=0
moments="1 2 3 4 5 6"
[[ -z ${PERSONA_QUICK:-} ]] || moments="1 3 5"
for i in $moments; do
    "$PERSONA" "${small[@]}" --job "$tmp/killed.db" -o "$tmp/killed.gguf" >/dev/null 2>&1 &
    pid=$!
    sleep "$(awk -v ms="$span" -v i="$i" 'BEGIN { srand(i); printf "%.3f", ms / 1000 * (0.05 + 0.4 * rand()) }')"
    if kill -9 "$pid" 2>/dev/null; then kills=$((kills + 1)); fi
    wait "$pid" 2>/dev/null || :
    if [[ -e $tmp/killed.gguf ]]; then break; fi # it finished, thanks to what earlier runs had kept
done
check "something was killed" test "$kills" -gt 0
rm -f "$tmp/killed.gguf"
expect 0 -- "${small[@]}" --job "$tmp/killed.db" -o "$tmp/killed.gguf"
cp "$out" "$tmp/killed.json"
check "the vector of the resumed run is the same, byte for byte" cmp "$tmp/whole.gguf" "$tmp/killed.gguf"
check "and so is the report" python3 - "$tmp/whole.json" "$tmp/killed.json" <<'PY'
import json, sys
a, b = (json.load(open(p)) for p in sys.argv[1:3])
for key in ("generated", "kept", "unanswered", "best_layer", "dose", "swing", "curve", "coefficient", "layers"):
    assert a[key] == b[key], (key, a[key], b[key])
assert a["resumed"] == 0 and b["resumed"] > 0
PY

# A finished job answers at once; another judge or method on it asks nothing again.
expect 0 -- "${small[@]}" --job "$tmp/whole.db" -o "$tmp/again.gguf"
check "a finished job gives the same vector" cmp "$tmp/whole.gguf" "$tmp/again.gguf"
expect 0 -- "${small[@]}" --judge none --method all --job "$tmp/whole.db" -o "$tmp/all.gguf"
cp "$out" "$tmp/all.json"
check "another judge and every method on the same answers" python3 - "$tmp/all.json" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["resumed"] == 33, d["resumed"]
assert [m["method"] for m in d["methods"]] == ["mean", "pca", "logistic"]
assert d["methods"][0]["cosine"] > 0.999999 and all(m["cosine"] > 0.2 for m in d["methods"])
assert d["layer_choice"] == "statistics" and d["judge"] is None
PY

# Other options on the same job are refused by name; --fresh starts anew.
other=(extract --model "$source_model" --trait silly --questions "$few" --max-tokens 25 --no-calibrate --judge none)
expect 64 max_tokens -- "${other[@]}" --job "$tmp/whole.db" -o "$tmp/x.gguf"
expect 0 -- "${other[@]}" --job "$tmp/whole.db" -o "$tmp/x.gguf" --fresh

# The answers leave as the published CSV pair and come back as texts to read.
expect 0 -- jobs export "$tmp/killed.db" -o "$tmp/csv"
check "both CSV files" test -s "$tmp/csv/silly_pos_instruct.csv" -a -s "$tmp/csv/silly_neg_instruct.csv"
expect 0 -- extract --model "$source_model" --trait silly --positive-file "$tmp/csv/silly_pos_instruct.csv" \
    --negative-file "$tmp/csv/silly_neg_instruct.csv" --judge labels --no-calibrate --job none -o "$tmp/forced.gguf" --json
cp "$out" "$tmp/forced.json"
check "read back with their labels: the same pairs are kept" python3 - "$tmp/whole.json" "$tmp/forced.json" <<'PY'
import json, sys
a, b = (json.load(open(p)) for p in sys.argv[1:3])
assert a["kept"] == b["kept"], (a["kept"], b["kept"])
PY
expect 0 -- vector compare "$tmp/whole.gguf" "$tmp/forced.gguf" --json
check "and the direction is that of the single pass" python3 - "$out" <<'PY'
import json, sys
assert all(l["cosine"] > 0.999 for l in json.load(open(sys.argv[1]))["layers"])
PY

# Ctrl-C keeps what was done and says how to go on.
env --default-signal=INT "$PERSONA" extract --model "$source_model" --trait silly --max-tokens 64 --rollouts 8 \
    --job "$tmp/int.db" -o "$tmp/int.gguf" >/dev/null 2>"$err" &
pid=$!
sleep 2
kill -INT "$pid"
status=0
wait "$pid" || status=$?
check "Ctrl-C ends with 130" test "$status" = 130
check "and says how to resume" grep -q "the same command goes on" "$err"
check "and leaves no vector" test ! -e "$tmp/int.gguf"

finish
