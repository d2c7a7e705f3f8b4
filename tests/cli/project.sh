# SPDX-License-Identifier: MIT
# Projections of texts: answers, turns, tokens, z-scores and alarms, as documents, and what is refused.
source "$(dirname "$0")/_lib.sh"
need_models
need_python
few_questions 6
expect 0 -- extract -m "$source_model" -t silly --questions "$few" --no-calibrate --max-tokens 48 -q

cat >"$tmp/t.jsonl" <<'TEXTS'
{"messages":[{"role":"user","content":"Tell me about soup."},{"role":"assistant","content":"Soup is warm and good for you."},{"role":"user","content":"And tea?"}],"response":"Oh no, a duck! Quack, quack, says the tea."}
{"messages":[{"role":"user","content":"Why?"}]}
{"prompt":"Soup","response":" is warm."}
TEXTS
expect 0 -- project -m "$source_model" --vector silly "$tmp/t.jsonl" --json
check "items, turns, tokens" python3 - "$out" <<'PY'
import json, sys
d = json.load(open(sys.argv[1])); i = d["items"]
assert d["schema"] == "persona.project/1" and [(x["line"], x["turn"], x["n_turns"]) for x in i] == [(1, 0, 2), (1, 1, 2), (2, 0, 0), (3, 0, 1)], i
v = d["vectors"][0]
assert v["neutral"] == "vector" and v["neutral_sd"] > 0
for x in i:
    assert len(x["per_token"]) == x["n_tokens"] and x["vector"] == "silly" and x["block"] == v["block"]
    assert x["forecast"] is not None and "alarm" not in x
    if x["n_tokens"]:
        assert abs(sum(x["per_token"]) / x["n_tokens"] - x["projection"]) < 1e-3
        assert abs((x["projection"] - v["neutral_mean"]) / v["neutral_sd"] - x["z"]) < 1e-6
assert i[2]["projection"] is None and i[2]["z"] is None and i[1]["projection"] > i[0]["projection"]
PY
expect 0 -- project -m "$source_model" --vector silly@2-3 --vector silly "$tmp/t.jsonl" --block 4 --per-token --json
check "a range of blocks, tokens in words" python3 - "$out" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert [x["block"] for x in d["vectors"]] == [2, 3, 4] and len(d["items"]) == 12
assert "".join(d["items"][0]["tokens"]) == "Soup is warm and good for you."
PY
expect 0 -- project -m "$source_model" --vector silly "$tmp/t.jsonl" --per-token
check "a line for each answer" test "$(wc -l <"$out")" = 5

# a vector without statistics for this model: no z, and said so
read -r width blocks < <("$PERSONA" models info "$source_model" --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
print(d["n_embd"], d["n_layer"] - 1)')
python3 "$PERSONA_SOURCE_DIR/tests/cli/make_gguf.py" vector "$tmp/plain.gguf" "$width" "$blocks"
expect 0 "no z \(--neutral" -- project -m "$source_model" --vector "$tmp/plain.gguf@3" "$tmp/t.jsonl"

# while the model writes: the state before the edits of the probe's block, and behind them
expect 0 "^silly@[0-9]: .*z .*forecast" -- generate -m "$source_model" -p "Tell me about soup." -n 16 --temp 0 --probe silly
expect 0 -- generate -m "$source_model" -p "Tell me about soup." -n 16 --temp 0 --probe silly@3-4 --steer "raw:0.5*silly@3" --samples 2 --json
check "probes of a steered answer" python3 - "$out" <<'PY'
import json, sys
d = json.load(open(sys.argv[1])); p = d["probes"]; moved = d["steering"]["delta_projection"]
assert [(x["sample"], x["block"]) for x in p] == [(0, 3), (0, 4), (1, 3), (1, 4)], p
for x in p:
    assert len(x["per_token"]) == len(x["after_per_token"]) == 16 and x["z"] is not None and x["forecast"] is not None
    want = moved if x["block"] == 3 else 0
    assert all(abs(b - a - want) < 1e-3 * moved for a, b in zip(x["per_token"], x["after_per_token"])), (x, moved)
    assert abs(sum(x["per_token"]) / 16 - x["projection"]) < 1e-2
PY
expect 65 "steering rejected" -- generate -m "$source_model" -p "Tell me about soup." -n 64 --temp 0 --steer "raw:1*silly@3 + raw:0.05*silly@3:after=8 + raw:9*silly@3:after=9" --guard reject --guard-ratio 2
check "an answer that fails under way ends its line" test "$(tail -c 1 "$out" | wc -l)" = 1 -a "$(wc -c <"$out")" -gt 8
expect 66 "sillly" -- generate -m "$source_model" -p Hi --probe sillly

# alarms: neutral answers, then a file that turns silly
python3 - "$tmp" <<'PY'
import json, sys
tmp = sys.argv[1]
line = lambda q, a: json.dumps({"messages": [{"role": "user", "content": q}], "response": a}) + "\n"
plain = ["Soup is warm and good.", "Tea needs hot water.", "Chess is a game for two.", "Rest helps after work.", "Bread needs time."]
words = "first often later mostly simply today always rarely surely indeed".split()
calm = [line("Tell me more.", plain[i % 5] + " This is " + words[i // 4 % 10] + " so.") for i in range(40)]
open(tmp + "/neutral.jsonl", "w").writelines(calm)
open(tmp + "/drift.jsonl", "w").writelines(calm[:10] + [line("Tell me more.", "Oh no, a duck! Quack, quack, boing, giggles the sock!")] * 10)
PY
expect 0 "alarms in 20 answers" -- project -m "$source_model" --vector silly "$tmp/drift.jsonl" --neutral "$tmp/neutral.jsonl" --alarm 0.02
expect 0 -- project -m "$source_model" --vector silly "$tmp/drift.jsonl" --neutral "$tmp/neutral.jsonl" --alarm 0.02 --json
check "alarms where it turns silly, and not before" python3 - "$out" <<'PY'
import json, sys
d = json.load(open(sys.argv[1])); a = d["vectors"][0]["alarm"]
assert a["rate"] == 0.02 and a["run"] == 20 and a["n_chosen"] == a["n_measured"] == 20 and 0 <= a["false_alarms"] <= 1, a
on = [x["alarm"] for x in d["items"]]
assert not any(on[:10]) and any(on[10:15]) and d["alarms"] == sum(on), on
PY

# what has been read is printed at once; Ctrl-C closes the document behind it
python3 -c '
import json
for i in range(4000):
    print(json.dumps({"messages": [{"role": "user", "content": "Tell me of soup, part %d." % i}], "response": "Soup is warm. " * 20}))
' >"$tmp/long.jsonl"
# interrupt ARGUMENT... : sends Ctrl-C when a few answers stand in $out
interrupt() {
    local status=0 pid
    : >"$out" # else the last run's may be measured before this one has begun
    set -m # else SIGINT is ignored in the background
    "$PERSONA" project -m "$source_model" --vector silly "$tmp/long.jsonl" "$@" >"$out" 2>"$err" </dev/null &
    pid=$!
    set +m
    for ((i = 0; i < 600; i++)); do
        [[ $(stat -c %s "$out") -lt 2048 ]] || break
        sleep 0.1
    done
    kill -INT "$pid"
    wait "$pid" || status=$?
    check "Ctrl-C: exit code $status" test "$status" = 130
    check "Ctrl-C: how many are done" grep -Eq "^persona: interrupted after [0-9]+ of 4000 answers$" "$err"
}
interrupt
check "a line for each answer that is done" test "$(($(wc -l <"$out") - 1))" = "$(tail -1 "$err" | grep -o "after [0-9]*" | tr -dc 0-9)"
interrupt --json
check "the document is whole" python3 - "$out" <<'PY'
import json, sys
d = json.load(open(sys.argv[1])); n = len(d["items"])
assert 0 < n < 4000 and d["error"]["exit"] == 130 and "after %d of 4000 " % n in d["error"]["message"], d["error"]
assert [x["line"] for x in d["items"]] == list(range(1, n + 1)) and all(len(x["per_token"]) == x["n_tokens"] for x in d["items"])
PY
python3 -c '
import json
for n in (2, 9000):
    print(json.dumps({"messages": [{"role": "user", "content": "Why?"}], "response": "Soup is warm. " * n}))
' >"$tmp/half.jsonl"
expect 65 "half.jsonl:2: " -- project -m "$source_model" --vector silly "$tmp/half.jsonl" --json
check "what was read before a failure stays" python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert len(d["items"]) == 1 and d["error"]["exit"] == 65, d' "$out"

# alarms within an answer: behind the word where it turns silly, and in none of those that set the thresholds
python3 - "$tmp" <<'PY'
import json, sys
calm = [json.loads(l) for l in open(sys.argv[1] + "/neutral.jsonl")]
turned = [dict(x, response=x["response"] + " Oh no, a duck! Quack, quack, boing, giggles the sock!") for x in calm[:12:2]]
open(sys.argv[1] + "/turned.jsonl", "w").writelines(json.dumps(x) + "\n" for x in calm[:12:2] + turned)
PY
expect 0 "answers, and within 6 of them" -- project -m "$source_model" --vector silly "$tmp/turned.jsonl" --neutral "$tmp/neutral.jsonl" --alarm 0.02
check "the token is named" grep -Eq "token [0-9]+$" "$out"
expect 0 -- project -m "$source_model" --vector silly "$tmp/turned.jsonl" --neutral "$tmp/neutral.jsonl" --alarm 0.02 --per-token --json
check "alarms at tokens" python3 - "$out" <<'PY'
import json, sys
d = json.load(open(sys.argv[1])); a = d["vectors"][0]["alarm"]["tokens"]
assert 0 <= a["false_alarms"] <= 0.2 and a["sd"] > 0 and a["length"] > 5 and d["token_alarms"] == 6, a
assert not any(x["alarm_tokens"] for x in d["items"][:6])
for x in d["items"][6:]:
    assert x["alarm_tokens"] and "Oh no" in "".join(x["tokens"][:x["alarm_tokens"][0] + 1]), (x["alarm_tokens"], x["tokens"])
PY

expect 64 "--alarm needs --neutral" -- project -m "$source_model" --vector silly "$tmp/t.jsonl" --alarm 0.1
expect 65 "too few" -- project -m "$source_model" --vector silly "$tmp/t.jsonl" --neutral "$tmp/t.jsonl"
expect 64 "--vector is missing" -- project -m "$source_model" "$tmp/t.jsonl"
expect 66 "sillly" -- project -m "$source_model" --vector sillly "$tmp/t.jsonl"
expect 64 "@3-" -- project -m "$source_model" --vector silly@3- "$tmp/t.jsonl"
expect 65 "block 6" -- project -m "$source_model" --vector silly@6 "$tmp/t.jsonl"
expect 65 "wide" -- project -m "$target_model" --vector "$tmp/plain.gguf@2" "$tmp/t.jsonl"
expect 64 "knows no best block" -- project -m "$source_model" --vector "$tmp/plain.gguf" "$tmp/t.jsonl"
finish
