# SPDX-License-Identifier: MIT
# Chat templates of strangers through the program itself, and the date that a template writes.
source "$(dirname "$0")/_lib.sh"
need_models
need_python

# ---- hostile ones: an error that names the file, soon, and nothing is written -------------------------------------
python3 - "$tmp" <<'PY'
import os, sys
turns = "{% for m in messages %}{{ m.content }}{% endfor %}"
for name, text in {
    "comment": "{# " + "x" * 200_000 + " #}" + turns,
    "comments": turns + "{# x #}" * 15_000,
    "macro": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "parentheses": "{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}",
    "loop": "{% for a in range(1000000) %}{% for b in range(1000000) %}{% endfor %}{% endfor %}",
    "memory": "{% set x = namespace(s='x') %}{% for a in range(99) %}{% set x.s = x.s + x.s %}{% endfor %}",
    "raise": "{{ raise_exception('not for you') }}",
    "syntax": "{% if %}",
}.items():
    open(os.path.join(sys.argv[1], name + ".jinja"), "w").write(text)
PY
for name in comment macro parentheses loop memory raise syntax; do
    start=$SECONDS
    expect 65 "$name\.jinja: its chat template cannot be rendered: .*--chat-template" -- \
        generate --model "$source_model" --chat-template "$tmp/$name.jinja" --prompt Hi --max-tokens 4
    check "$name: soon" test $((SECONDS - start)) -lt 90
    check "$name: no output" test ! -s "$out"
done
expect 65 "raise\.jinja.*not for you" -- generate --model "$source_model" --chat-template "$tmp/raise.jinja" --prompt Hi
expect 65 "macro\.jinja" -- extract --model "$source_model" --trait silly --questions 1 --max-tokens 4 \
    --chat-template "$tmp/macro.jinja" -o "$tmp/x.gguf"
check "no vector" test ! -e "$tmp/x.gguf"

# ---- the date -----------------------------------------------------------------------------------------------------
cat >"$tmp/dated.jinja" <<'JINJA'
<|im_start|>system
Today is {{ strftime_now('%d %b %Y') }}.<|im_end|>
{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}<|im_start|>assistant
JINJA
dated=(extract --model "$source_model" --trait silly --questions 2 --max-tokens 8 --judge none --no-calibrate
    --chat-template "$tmp/dated.jinja" -o "$tmp/dated.gguf" --json)
on() { # on DAY ARGUMENT... of expect
    export SOURCE_DATE_EPOCH=$1
    shift
    expect "$@"
    unset SOURCE_DATE_EPOCH
}
on 1764374400 0 -- "${dated[@]}"
on 1764374400 0 -- "${dated[@]}"
check "on the same day the job is taken up" python3 -c 'import json, sys; assert json.load(open(sys.argv[1]))["resumed"] > 0' "$out"
on 1764460800 64 "model.source_date_epoch 1764374400, now it is 1764460800" -- "${dated[@]}"
expect 64 "model.source_date_epoch 1764374400" -- "${dated[@]}"
on 1764374400 0 -- "${dated[@]}"
finish
