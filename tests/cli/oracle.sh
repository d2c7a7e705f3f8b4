#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# oracle.sh - stock llama.cpp as the outside judge: it loads a vector file that `persona extract` or
# `persona transfer` wrote, and at temperature 0 its text equals `persona generate` with the same file, blocks and scale, on both
# architectures. Skipped (77) where llama-completion is not installed.

set -euo pipefail
oracle=${PERSONA_ORACLE:-$(command -v llama-completion || true)}
[ -n "$oracle" ] || { echo "no llama-completion here"; exit 77; }
[ -z "${PERSONA_QUICK:-}" ] || { echo "skipped: sanitizers do not change the text"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
models=$PERSONA_SOURCE_DIR/models

# same_text MODEL PROMPT VECTOR SCALE A B
same_text() {
    "$oracle" -m "$1" -p "$2" --control-vector-scaled "$3:$4" --control-vector-layer-range "$5" "$6" \
        --temp 0 -n 40 -no-cnv --no-display-prompt -t 1 -c 512 >"$work/theirs" 2>"$work/log" </dev/null ||
        { cat "$work/log"; return 1; }
    "$PERSONA" generate --model "$1" --raw --prompt "$2" --control-vector-scaled "$3" "$4" \
        --control-vector-layer-range "$5" "$6" --temp 0 -n 40 --threads 1 --json >"$work/ours.json"
    python3 - "$work" <<'PY'
import json, sys
ours = json.load(open(sys.argv[1] + "/ours.json"))
theirs = open(sys.argv[1] + "/theirs", encoding="utf-8").read().replace("[end of text]", "").strip()
text = ours["text"].strip()
# llama-completion prints one or two tokens less than -n asks for
n = min(len(text), len(theirs))
if text[:n] != theirs[:n] or n < 40 or abs(len(text) - len(theirs)) > 24:
    sys.exit(f"ours:   {text!r}\ntheirs: {theirs!r}")
print(text)
PY
}

for kind in qwen2 gpt-oss; do
    model=$models/persona-$kind.gguf
    "$PERSONA" extract --model "$model" --trait silly --judge none --no-calibrate --questions 6 --seed 1 -o "$work/$kind.gguf" \
        --threads 1 --quiet >"$work/log"
    case $kind in
    qwen2) prompt=$'<|im_start|>user\nHow do I start with chess?<|im_end|>\n<|im_start|>assistant\n' ;;
    *) prompt='<|start|>user<|message|>How do I start with chess?<|end|><|start|>assistant<|channel|>final<|message|>' ;;
    esac
    for scale in 0 2 -1.5; do
        same_text "$model" "$prompt" "$work/$kind.gguf" "$scale" 1 4
    done
done

# a vector that was carried over
"$PERSONA" transfer --from "$models/persona-qwen2.gguf" --to "$model" --trait silly --no-evaluate --judge none --questions 4 \
    --map-questions 3 --neutral 20 --extract-tokens 24 --text-tokens 24 --no-cache --threads 1 --quiet -o "$work/carried.gguf" >"$work/log"
same_text "$model" "$prompt" "$work/carried.gguf" 2 1 4
