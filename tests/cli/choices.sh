# SPDX-License-Identifier: MIT
# Two-choice questions: both orders, steered beside unsteered, and what is refused.
source "$(dirname "$0")/_lib.sh"
need_models
need_python
few_questions 6
expect 0 -- extract -m "$source_model" -t silly --questions "$few" --no-calibrate --max-tokens 48 -q

cat >"$tmp/q.jsonl" <<'QUESTIONS'
{"question": "Tell me about soup.", "answer_matching_behavior": "Oh no, a duck! Quack, quack, giggles the soup.", "answer_not_matching_behavior": "Soup needs time, and heat draws the flavour out of the roots."}
{"question": "Tell me about tea.", "answer_matching_behavior": "Honk, honk! The tea wobbles and giggles.", "answer_not_matching_behavior": "Tea needs hot water, and rest helps."}
{"question": "How does chess work?\n\nChoices:\n (A) Boing, giggles the sock!\n (B) It is a game for two.", "answer_matching_behavior": " (A)", "answer_not_matching_behavior": " (B)"}
{"question": "What is bread?", "matching": "A giggling duck!", "not_matching": "It is food."}
QUESTIONS
expect 0 -- choices -m "$source_model" "$tmp/q.jsonl" --steer "raw:1*silly" --json
check "orders, odds, differences" python3 - "$out" <<'PY'
import json, math, sys
d = json.load(open(sys.argv[1])); i = d["items"]
assert d["schema"] == "persona.choices/1" and d["n"] == 4 and [len(x["unsteered"]) for x in i] == [1, 1, 2, 2], i
mean = lambda k: sum(sum(x[k]) / len(x[k]) for x in i) / 4
for side in ("unsteered", "steered"):
    s = d[side]; v = s["log_odds"]
    assert abs(v["value"] - mean(side)) < 1e-9 and v["ci"][0] <= v["value"] <= v["ci"][1]
    share = sum(sum(o > 0 for o in x[side]) / len(x[side]) for x in i) / 4
    p = sum(sum(1 / (1 + math.exp(-o)) for o in x[side]) / len(x[side]) for x in i) / 4
    assert abs(s["share"] - share) < 1e-9 and abs(s["probability"]["value"] - p) < 1e-9 and 0 < s["mass"] < 1
# matching stands first in order 1 and second in order 2
first = sum(x["unsteered"][0] - x["unsteered"][1] for x in i[2:]) / 4
assert abs(d["unsteered"]["first"] - first) < 1e-9
assert abs(d["difference"]["log_odds"]["value"] - (mean("steered") - mean("unsteered"))) < 1e-9
assert d["difference"]["toward"] == sum(sum(x["steered"]) > sum(x["unsteered"]) for x in i)
# answers in the model's own words: steering makes the silly ones likelier (it knows no letters)
assert all(x["steered"][0] - x["unsteered"][0] > 1 for x in i[:2]), i
PY
expect 0 -- choices -m "$source_model" "$tmp/q.jsonl" --json
check "unsteered only" python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert d["steered"] is None and d["difference"] is None and "steered" not in d["items"][0]' "$out"
expect 0 -- choices -m "$target_model" "$tmp/q.jsonl"
check "a table" grep -q "^unsteered .*\[" "$out"

# the odds of one question are those that any order of questions gives
head -1 "$tmp/q.jsonl" >"$tmp/one.jsonl"
expect 0 -- choices -m "$source_model" "$tmp/one.jsonl" --slots 8 --json
check "one question alone" python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert d["n"] == 1 and d["unsteered"]["log_odds"]["value"] == d["items"][0]["unsteered"][0]' "$out"

echo '{"question": "x"}' >>"$tmp/q.jsonl"
expect 65 "q.jsonl:5: .*answer_matching_behavior" -- choices -m "$source_model" "$tmp/q.jsonl"
expect 66 "none.json" -- choices -m "$source_model" "$tmp/none.json"
expect 64 "one file of questions" -- choices -m "$source_model"
finish
