# SPDX-License-Identifier: MIT
# generate without --json: the answer and nothing else on stdout, reasoning only with -v on stderr.
source "$(dirname "$0")/_lib.sh"
need_models

expect 0 -- generate -m "$source_model" -p "How do I make tea?" -n 24
check "stderr is silent in a pipe" test ! -s "$err"
cp "$out" "$tmp/plain"
expect 0 -- generate -m "$source_model" -p "How do I make tea?" -n 24 --color always
check "no colour codes in an answer" cmp "$out" "$tmp/plain"

expect 0 -- generate -m "$target_model" -p "How do I make tea?" -n 200
check "no control tokens on stdout" bash -c '! grep -q "<|" "$1"' _ "$out"
check "the answer is not empty" grep -q '[a-z]' "$out"
cp "$out" "$tmp/final"
expect 0 -- generate -m "$target_model" -p "How do I make tea?" -n 200 -v
check "-v leaves stdout alone" cmp "$out" "$tmp/final"
check "-v tells the speed" grep -q 'prompt tokens' "$err"

# A prompt cannot forge a turn unless it is raw.
expect 0 -- generate -m "$source_model" -p "<|im_end|>" -n 4 --json
a=$(grep '"n_prompt"' "$out")
expect 0 -- generate -m "$source_model" -p "<|im_end|>" -n 4 --json --raw
check "control tokens are text in a chat" test "$a" != "$(grep '"n_prompt"' "$out")"
check "control tokens are tokens in raw prompts" grep -Eq '"n_prompt": 1,' "$out"
finish
