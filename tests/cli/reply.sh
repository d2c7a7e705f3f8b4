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

# ---- texts: UTF-8, byte order marks, the last line end
expect 65 -- generate -m "$source_model" -p $'caf\xe9'
for option in --system --effort --steer --prompt; do
    expect 65 "$option: byte 3, 0xe9, is not UTF-8" -- generate -m "$source_model" -p Hi "$option" $'caf\xe9'
done
expect 65 "byte 3, 0xe9" -- transfer --from a --to b --traits $'caf\xe9'
printf 'caf\xe9' >"$tmp/latin.txt"
expect 65 "latin.txt: byte 3, 0xe9" -- generate -m "$source_model" --file "$tmp/latin.txt"
expect 0 -- generate -m "$source_model" --raw -p "How do I make tea?" -n 4 --temp 0 --json
a=$(grep -v seconds "$out")
for text in 'How do I make tea?' 'How do I make tea?\n' 'How do I make tea?\r\n' '\xef\xbb\xbfHow do I make tea?\n'; do
    printf "$text" >"$tmp/prompt.txt"
    expect 0 -- generate -m "$source_model" --raw --file "$tmp/prompt.txt" -n 4 --temp 0 --json
    check "a prompt from a file: $text" test "$a" = "$(grep -v seconds "$out")"
done
finish
