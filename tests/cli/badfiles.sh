# SPDX-License-Identifier: MIT
# Files that are missing or not what they should be: the right code, and a message that names the file.
source "$(dirname "$0")/_lib.sh"
need_models
make=$(dirname "$0")/make_gguf.py
m=$source_model

# ---- models
expect 66 "none.gguf" -- generate -m "$tmp/none.gguf" -p x
expect 66 "nowhere" -- generate -m nowhere -p x
echo "this is not a model" >"$tmp/text.gguf"
expect 65 "text.gguf" -- generate -m "$tmp/text.gguf" -p x
: >"$tmp/empty.gguf"
expect 65 "empty.gguf" -- generate -m "$tmp/empty.gguf" -p x
for n in 100 4000 1000000; do
    head -c $n "$m" >"$tmp/cut.gguf"
    expect 65 "cut.gguf" -- generate -m "$tmp/cut.gguf" -p x
done
expect 65 -- generate -m "$tmp" -p x
cp "$m" "$tmp/own.gguf" # its judge and questions stay behind
expect 66 "judge" -- extract -m "$tmp/own.gguf" -t silly -o "$tmp/v.gguf"

# ---- traits, judges, questions
expect 66 "sily.*silly" -- traits show sily
expect 66 "none.json" -- traits show "$tmp/none.json"
echo '{"schema": "persona.trait/1", "name": "x"' >"$tmp/bad.json"
expect 65 "bad.json" -- traits show "$tmp/bad.json"
sed 's/"negative": *"[a-z]*"/"negative": 7/' "$PERSONA_SOURCE_DIR/traits/silly.json" >"$tmp/field.json"
expect 65 "negative" -- traits show "$tmp/field.json"
expect 65 "bad.json" -- extract -m "$m" -t "$tmp/bad.json"
expect 65 "bad.json" -- extract -m "$m" -t silly --judge "$tmp/bad.json"
expect 65 "bad.json" -- extract -m "$m" -t silly --questions "$tmp/bad.json"
expect 66 "nojudge" -- extract -m "$m" -t silly --judge "$tmp/nojudge"

# ---- vectors and expressions
expect 66 "no such file|none" -- vector show "$tmp/none.gguf"
expect 65 "text.gguf" -- vector show "$tmp/text.gguf"
expect 65 -- vector show "$m"
expect 66 "happy" -- generate -m "$m" -p x --steer happy
expect 64 -- generate -m "$m" -p x --steer ""
expect 64 -- generate -m "$m" -p x --steer "1.0*"
expect 64 -- generate -m "$m" -p x --steer "+ +"
if python3 -c 'import struct' 2>/dev/null; then
    python3 "$make" vector "$tmp/wide.gguf" 97 4
    expect 65 "97" -- generate -m "$m" -p x --steer "1.0*raw:$tmp/wide.gguf@1"
    expect 65 "97" -- generate -m "$m" -p x --control-vector "$tmp/wide.gguf"
    python3 "$make" vector "$tmp/nan.gguf" 192 4 nan
    expect 65 "direction.2" -- vector show "$tmp/nan.gguf"
    expect 65 "nan.gguf" -- generate -m "$m" -p x --control-vector "$tmp/nan.gguf"
    python3 "$make" vector "$tmp/large.gguf" 192 4
    for c in 1e30 -1e30 1e25; do # overflow, not steering
        expect 65 "block 2.*coefficient" -- generate -m "$m" -p x --steer "$c*raw:$tmp/large.gguf@2"
    done
    python3 "$make" vector "$tmp/half.gguf" 192 4 f16
    expect 0 -- vector show "$tmp/half.gguf"
    python3 "$make" vector "$tmp/double.gguf" 192 4 f64
    expect 65 "direction.1" -- vector show "$tmp/double.gguf"
    python3 "$make" vector "$tmp/good.gguf" 192 4
    expect 0 -- vector show "$tmp/good.gguf"
    expect 65 "97.*192|192.*97" -- vector compare "$tmp/good.gguf" "$tmp/wide.gguf"
    expect 65 "good.gguf" -- generate -m "$tmp/good.gguf" -p x
    python3 "$make" vocab "$m" "$tmp/vocab.gguf"
    expect 65 "vocab.gguf" -- generate -m "$tmp/vocab.gguf" -p x
    # libllama's own reason is told, and what to do about it
    python3 "$make" split "$m" "$tmp/parts" 3
    expect 0 -- generate -m "$tmp/parts-00001-of-00003.gguf" -p x -n 2 --temp 0 --json
    whole=$("$PERSONA" generate -m "$m" -p x -n 2 --temp 0)
    check "the same text from parts" test "$whole" = "$("$PERSONA" generate -m "$tmp/parts-00001-of-00003.gguf" -p x -n 2 --temp 0)"
    expect 65 "parts-00002-of-00003.gguf: .*illegal split file.*first part.*-00001-of-" -- generate -m "$tmp/parts-00002-of-00003.gguf" -p x
    rm "$tmp/parts-00003-of-00003.gguf"
    expect 65 "failed to load GGUF split.*parts-00003-of-00003.gguf.*one folder" -- generate -m "$tmp/parts-00001-of-00003.gguf" -p x
    sed '0,/qwen2/s//qwenX/' "$m" >"$tmp/arch.gguf"
    expect 65 "arch.gguf: .*unknown model architecture: 'qwenX'.*newer" -- generate -m "$tmp/arch.gguf" -p x
    head -c 1000000 "$m" >"$tmp/cut.gguf"
    expect 65 "cut.gguf: .*not within the file bounds.*cut off" -- generate -m "$tmp/cut.gguf" -p x
    expect 65 "97" -- transfer --from "$m" --to "$target_model" -t silly --vector "$tmp/wide.gguf"
fi
finish
