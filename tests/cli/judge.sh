# SPDX-License-Identifier: MIT
# What --judge accepts, and that a judge without an answer is told from a low score. The embedded pair can read
# a judge's question but not answer it: as judges these models leave everything open.
source "$(dirname "$0")/_lib.sh"
need_models
need_python
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

# ---- what somebody measured of a judge
mine=$PERSONA_SOURCE_DIR/models/judge.json
python3 - "$tmp" <<'PY'
import json, random, sys
rng = random.Random(2)
with open(f"{sys.argv[1]}/l.jsonl", "w") as f:
    for i in range(40):
        words = rng.choices(["giggle", "silly", "wheee", "banana"] if i % 2 else ["the", "report", "is", "done"], k=12)
        f.write(json.dumps({"trait": "silly", "question": f"q{i % 5}", "response": " ".join(words), "label": i % 2 * 80 + i % 10}) + "\n")
PY
expect 0 -- judge test "$mine" "$tmp/l.jsonl" --save "$tmp/v.json" --labels-by me --labels-of nobody
check "as it was measured" python3 - "$tmp/v.json" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
t, = d["traits"]
assert d["schema"] == "persona.validity/1" and d["judge"] == "pair" and d["labels"] == {"by": "me", "of": "nobody"}, d
assert t["trait"] == "silly" and t["key"].startswith("classifier:pair@") and t["n"] == 40 and t["n_groups"] == 5, d
assert -1 <= t["spearman"] <= 1 and 0 <= t["same_side"] <= 1, d
PY
expect 0 -- extract "${quick[@]}" --judge "$mine" --judge-validity "$tmp/v.json" --min-trait 0 --min-coherence 0 --json
check "and as it counts" grep -q '"judge_validity": "Spearman .* on 40 held-out answers of nobody to 5 questions, labels by me' "$out"
expect 69 "v.json says nothing of 'anxious' .only of 'silly'." -- extract "${quick[@]}" -t anxious --judge "$mine" --judge-validity "$tmp/v.json"
sed 's/"pair"/"other"/' "$mine" >"$tmp/other.json"
expect 69 "about other scores of 'silly' .classifier:pair@.*, not classifier:other@" -- \
    extract "${quick[@]}" --judge "$tmp/other.json" --judge-validity "$tmp/v.json"
expect 69 "about other scores" -- transfer --from "$m" --to "$target_model" -t silly --judge "$tmp/other.json" \
    --judge-validity "$tmp/v.json" -o "$tmp/w.gguf"
expect 64 "belongs to a judge" -- extract "${quick[@]}" --judge none --judge-validity "$tmp/v.json"
expect 66 "absent.json" -- extract "${quick[@]}" --judge "$mine" --judge-validity "$tmp/absent.json"
expect 65 "judge.json: field 'schema'" -- extract "${quick[@]}" --judge "$mine" --judge-validity "$mine"
expect 64 "no --judge-validity" -- map fit --from "$m" --to "$target_model" --judge-validity "$tmp/v.json" -o "$tmp/map.gguf"
expect 64 "for the file of --save" -- judge test "$mine" "$tmp/l.jsonl" --labels-by me
expect 64 "belongs to test" -- judge train "$tmp/l.jsonl" -o "$tmp/x.json" --save "$tmp/y.json"
head -2 "$tmp/l.jsonl" >"$tmp/two.jsonl"
expect 65 "no rank correlation" -- judge test "$mine" "$tmp/two.jsonl" --save "$tmp/y.json"
check "nothing was kept" test ! -e "$tmp/y.json"

# One judge serves both sides: the vector is of the other model, which is found when both are open.
expect 65 "192 wide" -- transfer --from "$target_model" --to "$m" -t silly --vector "$tmp/v.gguf" \
    --judge persona-gpt-oss.gguf -o "$tmp/w.gguf"
finish
