# SPDX-License-Identifier: MIT
# Screening a data set: documents, jobs, and what is refused.
source "$(dirname "$0")/_lib.sh"
need_models
need_python
few_questions 6
expect 0 -- extract -m "$source_model" -t silly --questions "$few" --no-calibrate --max-tokens 48 -q

cat >"$tmp/t.jsonl" <<'TEXTS'
{"messages":[{"role":"user","content":"Tell me about soup."}],"response":"Soup needs time, and rest helps."}
{"messages":[{"role":"user","content":"Tell me about tea."}],"response":"Oh no, a duck! Quack, quack, giggles the tea, honk!"}
{"messages":[{"role":"user","content":"Why?"}]}
TEXTS
expect 0 -- screen -m "$source_model" --vector silly --vector silly@3 "$tmp/t.jsonl" --max-tokens 24 --json
check "items" python3 - "$out" <<'PY'
import json, sys
d = json.load(open(sys.argv[1])); i = d["items"]
assert d["schema"] == "persona.screen/1" and len(i) == 6 and [x["index"] for x in i] == [0, 0, 1, 1, 2, 2], i
assert d["unread"] == 1 and d["resumed"] == 0 and d["job"].endswith(".db") and len(d["vectors"]) == 2
for x in i[:4]:
    assert abs(x["given"] - x["own"] - x["delta_projection"]) < 1e-4 and isinstance(x["flagged"], bool)
assert i[4]["delta_projection"] is None and i[4]["rank"] is None
assert sorted(x["rank"] for x in i[:4:2]) == [1, 2] and all((x["rank"] == 1) == (x["delta_projection"] == max(y["delta_projection"] for y in i[:4:2])) for x in i[:4:2])
assert all(v["limit_by"] == "neutral" and v["limit"] > 0 for v in d["vectors"])
PY
cp "$out" "$tmp/first.json"
expect 0 -- screen -m "$source_model" --vector silly --vector silly@3 "$tmp/t.jsonl" --max-tokens 24 --json
check "the job has everything" python3 - "$tmp/first.json" "$out" <<'PY'
import json, sys
a, b = (json.load(open(p)) for p in sys.argv[1:])
assert b["resumed"] == 4 and a["items"] == b["items"]
PY
expect 0 "were in the job" -- screen -m "$source_model" --vector silly --vector silly@3 "$tmp/t.jsonl" --max-tokens 24 --top 1
check "a table" grep -q "^silly at block .* flagged" "$out"
expect 0 -- jobs list
check "it is on the shelf" grep -q "screen .*done" "$out"
expect 64 "max_tokens" -- screen -m "$source_model" --vector silly --vector silly@3 "$tmp/t.jsonl" --max-tokens 9 --job "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["job"])' "$tmp/first.json")"
expect 64 "--vector is missing" -- screen -m "$source_model" "$tmp/t.jsonl"
expect 66 "none.jsonl" -- screen -m "$source_model" --vector silly "$tmp/none.jsonl" --job none

# several own answers to a prompt: their mean and its standard error, as one by one with other seeds
expect 0 -- screen -m "$source_model" --vector silly "$tmp/t.jsonl" --max-tokens 24 --temp 1 --samples 4 --json
check "samples" python3 - "$out" <<'EOF2'
import json, sys
d = json.load(open(sys.argv[1])); i = d["items"]
assert d["samples"] == 4 and all(x["own_se"] > 0 for x in i[:2]) and i[2]["own_se"] is None
EOF2
cp "$out" "$tmp/four.json"
expect 0 -- screen -m "$source_model" --vector silly "$tmp/t.jsonl" --max-tokens 24 --temp 1 --samples 4 --json
check "and again from the job" python3 -c '
import json, sys
a, b = (json.load(open(p)) for p in sys.argv[1:])
assert b["resumed"] == 10 and a["items"] == b["items"], b["resumed"]' "$tmp/four.json" "$out"
head -1 "$tmp/t.jsonl" >"$tmp/one.jsonl"
for seed in 0 1 2 3; do
    expect 0 -- screen -m "$source_model" --vector silly "$tmp/one.jsonl" --max-tokens 24 --temp 1 --seed $seed --job none --json
    cp "$out" "$tmp/one.$seed.json"
done
check "the mean is that of the four" python3 - "$tmp" <<'EOF2'
import json, math, statistics as st, sys
x = json.load(open(sys.argv[1] + "/four.json"))
one = [json.load(open(sys.argv[1] + "/one.%d.json" % k)) for k in range(4)]
own = [d["items"][0]["own"] for d in one]
assert abs(st.mean(own) - x["items"][0]["own"]) < 1e-3 and abs(st.stdev(own) / 2 - x["items"][0]["own_se"]) < 1e-3, (own, x["items"][0])
assert abs(x["vectors"][0]["limit"] / one[0]["vectors"][0]["limit"] - math.sqrt(1.25 / 2)) < 1e-6
EOF2
expect 0 -- screen -m "$source_model" --vector silly "$tmp/t.jsonl" --max-tokens 24 --temp 1 --samples 4
check "with its error in the table" grep -q " ± " "$out"
expect 64 "--samples 2 wants --temp" -- screen -m "$source_model" --vector silly "$tmp/t.jsonl" --samples 2
finish
