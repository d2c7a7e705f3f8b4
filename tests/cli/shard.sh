#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# shard.sh - an extraction in 1, 2 and 7 parts ends with the bytes of one done at once; parts that are killed, missing,
# doubled or others'. shard_others.sh has the other commands.

. "$(dirname "$0")/_lib.sh"
need_models
need_python
few_questions 3

# ---- extract: answers that are written, and texts that are read

small=(extract --model "$source_model" --trait silly --questions "$few" --max-tokens 16 --no-calibrate)
expect 0 -- "${small[@]}" --job "$tmp/whole.db" -o "$tmp/whole.gguf"
for n in 1 2 7; do
    parts "$n" silly "${small[@]}" -o "$tmp/none.gguf"
    check "a shard writes no vector" test ! -e "$tmp/none.gguf"
    expect 0 -- "${small[@]}" --job "$tmp/silly-$n.db" -o "$tmp/silly-$n.gguf" --json
    check "$n shards: the same vector" cmp "$tmp/whole.gguf" "$tmp/silly-$n.gguf"
    check "and nothing was asked again" grep -q '"resumed": 33,' "$out"
done

expect 0 -- jobs export "$tmp/whole.db" --stage rollout -o "$tmp/texts.jsonl"
grep '"polarity":' "$tmp/texts.jsonl" >"$tmp/read.jsonl"
reads=(extract --model "$source_model" --trait silly --responses "$tmp/read.jsonl" --judge labels --no-calibrate)
expect 0 -- "${reads[@]}" --job none -o "$tmp/read.gguf"
for n in 2 7; do
    parts "$n" read "${reads[@]}"
    expect 0 -- "${reads[@]}" --job "$tmp/read-$n.db" -o "$tmp/read-$n.gguf"
    check "$n shards: the same vector of texts" cmp "$tmp/read.gguf" "$tmp/read-$n.gguf"
done

# ---- what a shard says

expect 0 "then this command without --shard" -- "${small[@]}" --shard 1/2 --job "$tmp/silly-2-%i.db"
check "where its answers are" grep -q "shard 1 of 0 to 1 is done: 17 of 33 answers are in $tmp/silly-2-1.db" "$out"
expect 0 -- "${small[@]}" --shard 1/2 --job "$tmp/silly-2-%i.db" --json
check "as a document" python3 - "$out" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["schema"] == "persona.extract/1" and d["resumed"] == 17
assert d["shard"] == {"index": 1, "count": 2, "n_answers": 17, "n_all": 33}, d
PY

# ---- a shard that is killed goes on; until it is done it is not merged

mkdir "$tmp/killed"
killed=("${small[@]}" --max-tokens 300)
expect 0 -- "${killed[@]}" --shard 0/2 --job "$tmp/killed/%i.db"
"$PERSONA" "${killed[@]}" --shard 1/2 --job "$tmp/killed/%i.db" >/dev/null 2>&1 &
pid=$!
for _ in $(seq 200); do
    if "$PERSONA" jobs show "$tmp/killed/1.db" 2>/dev/null | grep -qE 'rollout +[1-9]'; then break; fi
    sleep 0.02
done
kill -9 "$pid" 2>/dev/null || :
wait "$pid" 2>/dev/null || :
expect 69 "1.db: shard 1/2 is not done .*goes on with it: persona extract ... --shard 1/2 --job $tmp/killed/1.db" -- \
    jobs merge "$tmp/killed/all.db" "$tmp/killed/0.db" "$tmp/killed/1.db"
check "and nothing was made" test ! -e "$tmp/killed/all.db"
expect 0 -- "${killed[@]}" --shard 1/2 --job "$tmp/killed/%i.db" --json
check "it went on" grep -Eq '"resumed": [1-9]' "$out"
expect 0 -- jobs merge "$tmp/killed/all.db" "$tmp/killed/1.db" "$tmp/killed/0.db"
expect 0 -- "${killed[@]}" --job "$tmp/killed/all.db" -o "$tmp/killed/a.gguf"
expect 0 -- "${killed[@]}" --job none -o "$tmp/killed/b.gguf"
check "with the bytes of one that was not killed" cmp "$tmp/killed/a.gguf" "$tmp/killed/b.gguf"

# ---- what is refused

expect 0 "holds all answers of these 2 shards already" -- jobs merge "$tmp/silly-2.db" "$tmp"/silly-2-[01].db
expect 64 "silly-7.db exists and is not the job" -- jobs merge "$tmp/silly-7.db" "$tmp"/killed/[01].db
expect 64 "5 of 7 shards are missing: 0, 2, 4, 5, 6; .*--shard 0/7" -- \
    jobs merge "$tmp/x.db" "$tmp/silly-7-3.db" "$tmp/silly-7-1.db"
cp "$tmp/silly-2-1.db" "$tmp/again.db"
expect 64 "silly-2-1.db and .*again.db are both shard 1/2" -- \
    jobs merge "$tmp/x.db" "$tmp"/silly-2-[01].db "$tmp/again.db"
expect 64 "max_tokens is 16 in the first, 300 in the second" -- \
    jobs merge "$tmp/x.db" "$tmp/silly-2-0.db" "$tmp/killed/1.db"
expect 64 "one of 2 shards, .* one of 7" -- jobs merge "$tmp/x.db" "$tmp/silly-2-0.db" "$tmp/silly-7-1.db"
expect 64 "is a whole job and no shard" -- jobs merge "$tmp/x.db" "$tmp/whole.db"
expect 66 "no such file" -- jobs merge "$tmp/x.db" "$tmp/silly-2-0.db" "$tmp/none.db"
expect 64 "the job to be made" -- jobs merge "$tmp/x.db"
check "nothing was made of any of them" test ! -e "$tmp/x.db"
expect 64 "is only shard 1/2: give --shard 1/2" -- "${small[@]}" --job "$tmp/silly-2-1.db" -o "$tmp/x.gguf"
expect 64 "is shard 1/2, now it is 0/2" -- "${small[@]}" --shard 0/2 --job "$tmp/silly-2-1.db"
expect 64 "is a whole and not shard 0/2" -- "${small[@]}" --shard 0/2 --job "$tmp/whole.db"
expect 64 "wants --job FILE" -- "${small[@]}" --shard 0/2
expect 64 "wants --job FILE" -- "${small[@]}" --shard 0/2 --job none
expect 64 "wants I/N" -- "${small[@]}" --shard two --job "$tmp/x.db"

# ---- auto: only where it is asked for

env SLURM_ARRAY_TASK_ID=9 SLURM_ARRAY_TASK_MIN=8 SLURM_ARRAY_TASK_MAX=9 SLURM_ARRAY_TASK_COUNT=2 \
    "$PERSONA" "${small[@]}" --shard auto --job "$tmp/silly-2-%i.db" >"$out" 2>"$err"
check "the second task of an array" grep -q "shard 1 of 0 to 1" "$out"
env SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_COUNT=2 \
    "$PERSONA" "${small[@]}" --job "$tmp/whole.db" -o "$tmp/x.gguf" >"$out" 2>"$err"
check "nobody asked" cmp "$tmp/whole.gguf" "$tmp/x.gguf"
expect 64 "neither SLURM_ARRAY_TASK_ID nor" -- "${small[@]}" --shard auto --job "$tmp/%i.db"

finish
