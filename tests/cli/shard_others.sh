#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# shard_others.sh - activations, a screening and the evaluation of a transfer, in parts as at once.

. "$(dirname "$0")/_lib.sh"
need_models
need_python
few_questions 3

small=(extract --model "$source_model" --trait silly --questions "$few" --max-tokens 16 --no-calibrate)
expect 0 -- "${small[@]}" --job "$tmp/whole.db" -o "$tmp/whole.gguf"
expect 0 -- jobs export "$tmp/whole.db" --stage rollout -o "$tmp/texts.jsonl"
grep '"polarity":' "$tmp/texts.jsonl" >"$tmp/read.jsonl"

# ---- activations: the file and its index; with a job in one run, too

states=(activations --model "$source_model" "$tmp/read.jsonl" --blocks 1-3)
for mode in mean all; do
    mkdir "$tmp/$mode" "$tmp/$mode/job"
    expect 0 -- "${states[@]}" --mode $mode -o "$tmp/$mode/a.npy"
    expect 0 -- "${states[@]}" --mode $mode -o "$tmp/$mode/job/a.npy" --job "$tmp/$mode/whole.db"
    check "$mode: a job changes nothing" cmp "$tmp/$mode/a.npy" "$tmp/$mode/job/a.npy"
    check "$mode: nor in the index" cmp "$tmp/$mode/a.npy.index.json" "$tmp/$mode/job/a.npy.index.json"
    for n in 1 2 7; do
        mkdir "$tmp/$mode/$n"
        parts "$n" "$mode" "${states[@]}" --mode $mode -o "$tmp/$mode/none.npy"
        check "$mode: a shard writes no states" test ! -e "$tmp/$mode/none.npy"
        expect 0 -- "${states[@]}" --mode $mode -o "$tmp/$mode/$n/a.npy" --job "$tmp/$mode-$n.db" --json
        check "$mode: nothing was read again" grep -q '"resumed": 30,' "$out"
        check "$mode: $n shards: the same states" cmp "$tmp/$mode/a.npy" "$tmp/$mode/$n/a.npy"
        check "$mode: and the same index" cmp "$tmp/$mode/a.npy.index.json" "$tmp/$mode/$n/a.npy.index.json"
    done
done
expect 64 "mode \"all\", now it is \"mean\"" -- "${states[@]}" -o "$tmp/x.npy" --job "$tmp/all/whole.db"

# ---- screen: the same document, but for what it cost

head -9 "$tmp/read.jsonl" >"$tmp/nine.jsonl"
echo '{"messages":[{"role":"user","content":"Why?"}]}' >>"$tmp/nine.jsonl"
look=(screen --model "$source_model" --vector "$tmp/whole.gguf@3" "$tmp/nine.jsonl" --max-tokens 12 --temp 1 --samples 2)
expect 0 -- "${look[@]}" --job none --json
cp "$out" "$tmp/screen.json"
for n in 1 2 7; do
    parts "$n" screen "${look[@]}"
    expect 0 -- "${look[@]}" --job "$tmp/screen-$n.db" --json
    check "$n shards: the same ranking" python3 - "$tmp/screen.json" "$out" <<'PY'
import json, sys
a, b = (json.load(open(p)) for p in sys.argv[1:3])
for d in (a, b):
    del d["job"], d["seconds"]
assert a.pop("resumed") == 0 and b.pop("resumed") == 27
assert a == b
PY
done

# ---- the evaluation of a transfer

expect 0 -- map fit --from "$source_model" --to "$target_model" --without silly -o "$tmp/map.gguf" --neutral 16 \
    --map-questions 2 --questions "$few" --candidates 2 --max-tokens 24 --no-readings --quiet
carry=(transfer --map "$tmp/map.gguf" --vector "$tmp/whole.gguf" --to "$target_model" --trait silly --coefficients -1:1:3
    --random 2 --draws 2 --draw-questions 2 --questions "$few" --max-tokens 24 --extract-tokens 24 --quiet)
code=0
"$PERSONA" "${carry[@]}" --job "$tmp/study.db" -o "$tmp/study.gguf" --json >"$tmp/study.json" 2>"$err" || code=$?
check "a small transfer runs" test "$code" -le 1
for n in 2 3; do
    [[ -z ${PERSONA_QUICK:-} || $n == 2 ]] || continue
    parts "$n" study "${carry[@]}" -o "$tmp/none.gguf"
    check "a shard writes no vector" test ! -e "$tmp/none.gguf"
    "$PERSONA" "${carry[@]}" --job "$tmp/study-$n.db" -o "$tmp/study-$n.gguf" --json >"$out" 2>"$err" || :
    check "$n shards: the same vector" cmp "$tmp/study.gguf" "$tmp/study-$n.gguf"
    check "$n shards: the same table and verdict" python3 - "$tmp/study.json" "$out" <<'PY'
import json, sys
a, b = (json.load(open(p)) for p in sys.argv[1:3])
for key in ("rows", "retained", "swing", "verdict", "layer_from", "layer_to", "margins", "auroc", "samples"):
    assert a.get(key) == b.get(key), key
assert a["rows"] and a["verdict"]
PY
done
expect 64 "part of one trait" -- transfer --from "$source_model" --to "$target_model" --traits all --shard 0/2 --job "$tmp/x%i.db"
expect 64 "part of the evaluation" -- "${carry[@]}" --no-evaluate --shard 0/2 --job "$tmp/x%i.db"
expect 64 "part of one evaluation" -- transfer --from "$source_model" --to "$target_model" --trait silly --repeats 3 \
    --shard 0/2 --job "$tmp/x%i.db"

finish
