# SPDX-License-Identifier: MIT
# --json prints exactly one document with its schema and the keys that others read.
source "$(dirname "$0")/_lib.sh"
need_models
need_python

# keys EXPRESSION: a Python condition on the document d
keys() {
    n_run=$((n_run + 1))
    python3 - "$out" "$1" <<'PY' || bad "not true: $1"
import json, math, sys
d = json.load(open(sys.argv[1]))
assert eval(sys.argv[2]), json.dumps(d)[:600]
PY
}

expect 0 -- doctor --json
keys 'd["schema"] == "persona.doctor/1" and d["version"] and d["llama"] and d["ggml"]'
keys 'len(d["backends"]) > 0 and d["ok"] is True'
expect 0 -- traits list --json
keys 'd["schema"] == "persona.traits/1" and {"silly", "superficial", "inattentive"} <= {t["name"] for t in d["traits"]}'
expect 0 -- traits show silly --json
keys 'd["name"] == "silly" and len(d["instructions"]) == 5 and len(d["questions"]) == 40'
expect 0 -- models list --json
keys 'd["schema"] == "persona.models/1" and len(d["models"]) >= 2'
expect 0 -- models info "$source_model" --json
keys 'd["arch"] == "qwen2" and len(d["sha256"]) == 64 and d["chat"] == "template"'

expect 0 -- generate -m "$source_model" -p "How do I make tea?" -n 16 --json
keys 'd["schema"] == "persona.generate/1" and d["steering"] is None and isinstance(d["text"], str)'
keys '0 < d["n_generated"] <= 16 and d["n_prompt"] > 0 and d["seconds"] > 0 and "texts" not in d'
cp "$out" "$tmp/first"
expect 0 -- generate -m "$source_model" -p "How do I make tea?" -n 16 --json
check "same seed, same text" test "$(grep '"text"' "$out")" = "$(grep '"text"' "$tmp/first")"
expect 0 -- generate -m "$source_model" -p "How do I make tea?" -n 16 --samples 3 --json
keys 'len(d["texts"]) == 3 and d["texts"][0] == d["text"] and len(set(d["texts"])) > 1'

few_questions 4
expect 0 -- extract -m "$source_model" -t silly --questions "$few" --max-tokens 24 --judge none -o "$tmp/v.gguf" --json
keys 'd["schema"] == "persona.extract/1" and d["trait"] == "silly" and d["output"].endswith("v.gguf")'
keys 'd["generated"]["positive"] == d["generated"]["negative"] == 20 and d["kept"]["positive"] == 20'
keys 'd["best_layer"] >= 1 and d["seconds"] > 0 and isinstance(d["model"], str)'
keys 'all(l["norm"] > 0 and 0 <= l["auroc"] <= 1 and -1 <= l["split_half_cosine"] <= 1 for l in d["layers"])'
expect 0 -- vector show "$tmp/v.gguf" --json
keys 'd["schema"] == "persona.vector/1" and d["trait"] == "silly" and all(l["norm"] > 0 for l in d["layers"])'
keys '0 not in [l["layer"] for l in d["layers"]]'
expect 0 -- vector compare "$tmp/v.gguf" "$tmp/v.gguf" --json
keys 'all(abs(l["cosine"] - 1) < 1e-6 for l in d["layers"])'

expect 0 -- generate -m "$source_model" -p "How do I make tea?" -n 16 --steer "2.0*raw:$tmp/v.gguf@2-3" --json
keys 'd["steering"]["layers"] == [2, 3] and d["steering"]["unit"] == "raw" and d["steering"]["delta_projection"] > 0'
keys 'd["steering"]["expression"] and d["steering"]["n_tokens"] == 16 and "kl" not in d["steering"]'
keys '[(s["operator"], s["block"], s["n"]) for s in d["steering"]["steps"]] == [("add", 2, 16), ("add", 3, 16)]'
keys 'all(abs(s["measured"] - s["asked"]) < 1e-3 * s["asked"] for s in d["steering"]["steps"])'
keys '0 < d["steering"]["edit_ratio"]["mean"] <= d["steering"]["edit_ratio"]["most"] and d["steering"]["guard"]["mode"] == "warn"'
expect 0 -- generate -m "$source_model" -p "How do I make tea?" -n 16 --steer "1.0*raw:$tmp/v.gguf@2-3" --kl --json
keys 'd["steering"]["kl"]["n"] == d["n_generated"] and 0 < d["steering"]["kl"]["mean"] <= d["steering"]["kl"]["p95"]'
expect 0 -- generate -m "$source_model" -p "How do I make tea?" -n 16 --steer "1.0*raw:$tmp/v.gguf@2-3" --guard clamp --guard-ratio 0.05 --json
keys 'd["steering"]["guard"]["n_over"] > 0 and abs(d["steering"]["edit_ratio"]["most"] - 0.05) < 1e-6'
keys 'd["steering"]["steps"][0]["measured"] < d["steering"]["steps"][0]["asked"]'
expect 65 "steering rejected: at block 2 .* limit is 0.05" -- generate -m "$source_model" -p "How do I make tea?" -n 16 --steer "1.0*raw:$tmp/v.gguf@2-3" --guard reject --guard-ratio 0.05
expect 0 "warning: .* of .* edits are more than 0.05" -- generate -m "$source_model" -p "How do I make tea?" -n 16 --steer "1.0*raw:$tmp/v.gguf@2-3" --guard-ratio 0.05
expect 64 -- generate -m "$source_model" -p "How do I make tea?" --kl
expect 0 -- generate -m "$source_model" -p "How do I make tea?" -n 16 --control-vector-scaled "$tmp/v.gguf" 0.5 --control-vector-layer-range 2 3 --json
keys 'd["steering"]["layers"] == [2, 3]'
cp "$out" "$tmp/first"
expect 0 -- generate -m "$source_model" -p "How do I make tea?" -n 16 --control-vector-scaled "$tmp/v.gguf:0.5" --control-vector-layer-range 2 3 --json
check "F S and F:S are the same" test "$(grep '"text"' "$out")" = "$(grep '"text"' "$tmp/first")"
finish
