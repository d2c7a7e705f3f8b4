#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# transfer_bad.sh - input that cannot give a PASS: texts of one pole, a judge that says nothing, a trait that every
# text shows, a model and itself. Refused, or a FAIL that names the cause and what to do.
source "$(dirname "$0")/_lib.sh"
need_models
need_python

few_questions 2
quick=(--questions "$few" --max-tokens 16 --threads 1 --random 3 --draws 2 --draw-questions 2 --coefficients -1:1:2
    --blocks 3:3 -o "$tmp/out.gguf")
pair=(--from "$source_model" --to "$target_model" --trait silly)
mine=$PERSONA_SOURCE_DIR/models/judge.json

# 200 texts of 5 traits and of none, in words of no trait; VARIANT.jsonl leaves some out
python3 - "$tmp" <<'PY'
import json, sys
topics = ["soup", "tea", "maps", "rain", "ships", "bread", "chess", "trees", "trains", "clocks"]
rows = []
for i, topic in enumerate(topics):
    question = f"Say something of {topic}."
    for trait in ["silly", "poetic", "anxious", "confident", "polite", None]:
        for side in ["positive", "negative"] * 2:
            text = f"I have looked at {topic} {len(rows)} times, and it is useful in most places where people live."
            row = {"messages": [{"role": "user", "content": question}], "response": text}
            if trait:
                row.update(trait=trait, polarity=side)
            rows.append(row)
def write(name, keep):
    with open(f"{sys.argv[1]}/{name}.jsonl", "w") as f:
        f.writelines(json.dumps(r) + "\n" for r in rows if keep(r))
one = lambda r: r.get("polarity") != "negative"
write("all", lambda r: True)
write("one_pole", one)
write("one_pole_silly", lambda r: r.get("trait") != "silly" or one(r))
write("no_silly", lambda r: r.get("trait") != "silly")
write("silly", lambda r: r.get("trait") == "silly")
write("responses", lambda r: r.get("trait") == "silly" and one(r))
PY
expect 0 -- extract --model "$source_model" --trait silly --questions "$few" --max-tokens 16 --judge none --no-calibrate \
    --threads 1 -o "$tmp/silly.gguf" --quiet
given=("${pair[@]}" --vector "$tmp/silly.gguf")

# ---- one pole -------------------------------------------------------------------------------------
expect 65 '20 positive and 0 negative texts: .*add texts of the other pole' -- extract --model "$source_model" --trait silly \
    --responses "$tmp/responses.jsonl" -o "$tmp/out.gguf"
expect 64 '100 texts show a trait .* and 0 its opposite .*add texts of the other pole' -- transfer "${given[@]}" "${quick[@]}" \
    --texts "$tmp/one_pole.jsonl"
expect 1 "@many|did not pass: the control 'lexical' could not be made: of 'silly' itself there are 20 positive and 0 negative" \
    -- transfer "${given[@]}" "${quick[@]}" --texts "$tmp/one_pole_silly.jsonl"
check "and it is said before the work" grep -q 'silly: cannot pass: of it there are 20 positive and 0 negative texts' "$err"
expect 0 -- transfer "${given[@]}" "${quick[@]}" --texts "$tmp/no_silly.jsonl" --no-evaluate

# ---- judges ---------------------------------------------------------------------------------------
python3 - "$mine" "$tmp/sees_all.json" <<'PY'
import json, sys
j = json.load(open(sys.argv[1]))
j["axes"]["silly"]["bias"] = 3
json.dump(j, open(sys.argv[2], "w"))
PY
expect 1 "@many|did not pass: not decidable: of 200 texts that are not of 'silly' only 0 do not show it .60 are needed" -- \
    transfer "${given[@]}" "${quick[@]}" --texts "$tmp/all.jsonl" --judge "$tmp/sees_all.json" --json
check "in the document, too" python3 - "$out" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["verdict"] == "FAIL" and d["sample"] == "not decidable" and d["leave_out"]["decidable"] is False, d["sample"]
assert d["leave_out"]["n_open"] == 0
PY

# a server that answers every question with words
mkfifo "$tmp/hold"
python3 "$PERSONA_SOURCE_DIR/tests/unit/fake_endpoint.py" <"$tmp/hold" >"$tmp/port" 2>/dev/null &
exec 9>"$tmp/hold"
for _ in $(seq 100); do [[ -s $tmp/port ]] || sleep 0.1; done
mute=(http://127.0.0.1:"$(cat "$tmp/port")"/mute/v1 --judge-model judge-1)
expect 1 "@many|did not pass: not decidable: the judge 'judge-1' gave no score to 200 of the 200 texts .*--judge-select" -- \
    transfer "${given[@]}" "${quick[@]}" --texts "$tmp/all.jsonl" --judge "${mute[@]}" --json
check "no answer was taken for a score" python3 - "$out" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["verdict"] == "FAIL" and d["leave_out"]["n_open"] == 200, d["leave_out"]
assert d["rows"] and all(r["n"] == 0 < r["n_unjudged"] and r["score"] is None for r in d["rows"]), d["rows"][0]
PY
exec 9>&-
wait

# ---- a model and itself ---------------------------------------------------------------------------
self='are one model .sha256 [0-9a-f]{12}.: nothing would be carried over'
cp "$source_model" "$tmp/copy.gguf"
cp "$PERSONA_SOURCE_DIR/models/judge.json" "$PERSONA_SOURCE_DIR/models/questions.json" "$tmp"
expect 64 "$self" -- transfer --from "$source_model" --to "$source_model" --trait silly --vector "$tmp/silly.gguf" "${quick[@]}"
expect 64 "copy.gguf $self" -- transfer --from "$source_model" --to "$tmp/copy.gguf" --trait silly "${quick[@]}" \
    --texts "$tmp/all.jsonl"
expect 64 "$self" -- map fit --from "$source_model" --to "$source_model" --texts "$tmp/all.jsonl" -o "$tmp/out.map" --quiet
expect 64 "$self" -- demo --from "$source_model" --to "$tmp/copy.gguf" --traits silly --out "$tmp/demo" --quiet

# ---- a base model: no chat template ------------------------------------------------------------------
sed 's/tokenizer.chat_template/tokenizer.chat_templatE/' "$source_model" >"$tmp/base.gguf"
hint='base.gguf: has no chat template.*--raw-prompts'
back=(--from "$target_model" --to "$tmp/base.gguf" --trait silly --judge "$mine" --texts "$tmp/all.jsonl" "${quick[@]}")
expect 69 "$hint" -- transfer "${back[@]}"
expect 69 "$hint" -- transfer --from "$tmp/base.gguf" --to "$target_model" --trait silly --judge "$mine" "${quick[@]}"
expect 69 'base.gguf cannot judge: it has no chat template' -- extract --model "$target_model" --trait silly --raw-prompts \
    --judge "$tmp/base.gguf" -o "$tmp/out.gguf"
expect 0 -- extract --model "$target_model" --trait silly --responses "$tmp/silly.jsonl" --judge none --no-calibrate \
    --threads 1 -o "$tmp/oss.gguf" --quiet
expect 0 -- transfer "${back[@]}" --vector "$tmp/oss.gguf" --raw-prompts --no-evaluate --json
check "the document says how it was asked" python3 - "$out" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["to"]["chat"] == "plain" and d["from"]["chat"] == "harmony" and d["note"].startswith("raw prompts: "), d["note"]
assert d["dose"] and d["samples"], d["dose"]
PY
expect 0 -- generate -m "$tmp/base.gguf" --raw-prompts -p 'What is tea?' -n 8 --json
check "and generate's" grep -q '"chat": "plain"' "$out"
expect 0 -- generate -m "$tmp/base.gguf" --raw -p 'What is tea?' -n 8 --json
check "raw text has no frame" grep -q '"chat": "none"' "$out"
finish
