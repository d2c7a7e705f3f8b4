#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# bos.sh - a model whose metadata asks for BOS gets it once: a raw prompt goes on as with BOS typed, and as stock
# llama.cpp goes on. Skipped without PERSONA_REAL_MODELS (make test-real) or the model.

source "$(dirname "$0")/../cli/_lib.sh"
need_python
model=${PERSONA_REAL_MODELS:-}/gemma-3-270m.gguf
[[ -n ${PERSONA_REAL_MODELS:-} && -e $model ]] || { echo "skipped: no gemma-3-270m.gguf"; exit 77; }

prompt="Water boils at a temperature of"
text() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["text"].strip())' "$out"; }
raw=(generate --model "$model" --raw --temp 0 -n 24 --json)

expect 0 -- "${raw[@]}" --prompt "$prompt"
n=$(sed -n 's/.*"n_prompt": \([0-9]*\).*/\1/p' "$out")
text >"$tmp/bare"
expect 0 -- "${raw[@]}" --prompt "<bos>$prompt"
text >"$tmp/typed"
check "BOS is added as the metadata says" cmp "$tmp/bare" "$tmp/typed"
check "and not doubled where it is typed" grep -q "\"n_prompt\": $n," "$out"
check "the answer speaks of degrees" grep -Eiq "degree|°|celsius|fahrenheit" "$tmp/bare"
cat "$tmp/bare"
if [[ -n ${PERSONA_ORACLE:-} ]]; then
    "$PERSONA_ORACLE" -m "$model" -p "$prompt" --temp 0 -n 12 -no-cnv --no-display-prompt -t 2 -c 512 \
        >"$tmp/theirs" 2>"$tmp/log" </dev/null
    check "stock llama.cpp begins alike" python3 - "$tmp/bare" "$tmp/theirs" <<'PY'
import sys
ours, theirs = (open(p, encoding="utf-8").read().strip() for p in sys.argv[1:3])
assert ours[:16] == theirs[:16], (ours, theirs)
PY
fi
finish
