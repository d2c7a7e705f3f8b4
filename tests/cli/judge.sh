# SPDX-License-Identifier: MIT
# What --judge accepts, and that a judge without an answer is told from a low score. The embedded pair can read
# a judge's question but not answer it: as judges these models leave everything open.
source "$(dirname "$0")/_lib.sh"
need_models
m=$source_model
quick=(-m "$m" -t silly --questions 1 --max-tokens 8 --no-calibrate --threads 1 -o "$tmp/v.gguf")

# ---- usage
expect 64 "also wants --judge-model" -- extract "${quick[@]}" --judge http://127.0.0.1:9/v1
expect 64 "belong to a --judge http" -- extract "${quick[@]}" --judge none --judge-model x
expect 64 "belong to a --judge http" -- extract "${quick[@]}" --judge self --judge-timeout 5
expect 64 "--judge-timeout wants a number" -- extract "${quick[@]}" --judge-timeout 0
expect 66 "^persona: --judge: .*absent.gguf" -- extract "${quick[@]}" --judge "$tmp/absent.gguf"
expect 66 "absent.json" -- extract "${quick[@]}" --judge "$tmp/absent.json"

# ---- files that are no judge
printf 'GGUF' >"$tmp/short.gguf"
expect 65 "short.gguf" -- extract "${quick[@]}" --judge "$tmp/short.gguf"
printf '{}' >"$tmp/empty.json"
expect 65 "empty.json" -- extract "${quick[@]}" --judge "$tmp/empty.json"

# ---- judges that answer, and judges that do not
expect 0 -- extract "${quick[@]}" --judge "$PERSONA_SOURCE_DIR/models/judge.json" --min-trait 0 --min-coherence 0 --json
check "the classifier's name" grep -q '"judge": "pair"' "$out"
expect 64 "labels come with texts" -- extract "${quick[@]}" --judge labels -o "$tmp/none.gguf"
check "nothing was written" test ! -e "$tmp/none.gguf"
expect 1 "@many|judges itself" -- extract "${quick[@]}" --judge self
check "self is warned about" grep -q "judges itself; that is weak evidence" "$err"
check "self does not answer either" grep -q "no usable score to any of 10 answers" "$err"
# One judge serves both sides: the vector is of the other model, which is found when both are open.
expect 65 "192 wide" -- transfer --from "$target_model" --to "$m" -t silly --vector "$tmp/v.gguf" \
    --judge persona-gpt-oss.gguf -o "$tmp/w.gguf"
finish
