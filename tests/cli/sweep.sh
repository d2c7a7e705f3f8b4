# SPDX-License-Identifier: MIT
# persona sweep: a vector that is made on the way, resuming, long contexts, files, mistakes.
source "$(dirname "$0")/_lib.sh"
need_models
need_python

# keys EXPRESSION: a Python condition on the document d; p(coefficient) is a steered point
keys() {
    n_run=$((n_run + 1))
    python3 - "$out" "$1" <<'PY' || bad "not true: $1"
import json, math, sys
d = json.load(open(sys.argv[1]))
def of(condition): return [p for p in d["points"] if p["condition"] == condition]
def p(c): return next(p for p in of("steered") if p["coefficient"] == c)
assert eval(sys.argv[2]), json.dumps(d)[:800]
PY
}

run=(sweep --model "$target_model" --trait silly --questions 8 --coefficients -1:1:3)
expect 0 "extracting one" -- "${run[@]}" --json --html "$tmp/a.html" --svg "$tmp/a.svg" --csv "$tmp/a.csv"
keys 'd["schema"] == "persona.sweep/1" and d["unit"] == "dose" and d["trait"] == "silly" and d["vector"] == "silly"'
keys '[q["condition"] for q in d["points"]] == ["unsteered", "prompt", "prompt"] + ["steered"] * 3'
keys 'p(1)["score"] > p(0)["score"] + 10 > p(-1)["score"] + 20 and d["spearman"] > 0.99'
keys 'p(0)["score"] == of("unsteered")[0]["score"] and p(0)["kl"] == 0 and of("unsteered")[0]["kl"] == 0'
keys '0.02 < p(1)["kl"] < p(1)["kl_p95"] < 5 and of("prompt")[0]["kl"] is None and of("prompt")[0]["nll"] > 0'
keys 'all(q["ci"][0] <= q["score"] <= q["ci"][1] and q["text"] for q in d["points"])'
keys 'd["curves"][0]["anti_steered"] <= 0.25 and d["curves"][0]["n_sloped"] == 8 and 0 < d["curves"][0]["agreement"] < 1'
check "the page has the answers" grep -q '<blockquote>' "$tmp/a.html"
check "the page asks nobody" test "$(grep -c 'https\?://[^w]' "$tmp/a.html")" = 0
check "the picture is XML" python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$tmp/a.svg"
check "the table has a line per point" python3 -c '
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
assert len(rows) == 6 and rows[5]["coefficient"] == "1" and float(rows[5]["score"]) > 50 and rows[0]["layer"] == "" and rows[5]["phase"] == "response"' "$tmp/a.csv"

# the same again is a resumed one, to the byte but for the time
cp "$out" "$tmp/first.json"
expect 0 -- "${run[@]}" --json
keys 'd["n_resumed"] == 40'
check "a resumed sweep says the same" python3 - "$tmp/first.json" "$out" <<'PY'
import json, sys
a, b = (json.load(open(f)) for f in sys.argv[1:])
assert a["points"] == b["points"] and a["curves"] == b["curves"]
PY
expect 0 -- "${run[@]}"
check "text has a line per point" test "$(grep -Ec '^(unsteered|prompt [+-]|[-+][01]) ' "$out")" = 6

# several blocks, behind a conversation, without a judge
expect 0 -- "${run[@]}" --blocks 1-2 --behind 200 --no-prompt --judge none --json --job "$tmp/job.db"
keys 'len(d["curves"]) == 2 and [c["layer"] for c in d["curves"]] == [1, 2] and d["spearman"] is None'
keys 'len(of("behind")) == 3 and all(200 <= q["n_prompt"] < 400 for q in of("behind")) and p(1)["n_prompt"] < 100'
keys 'd["judge"] is None and p(1)["score"] is None and p(1)["kl"] > 0 and p(1)["repetition"] >= 0'
expect 64 "begun with sweep.blocks" -- "${run[@]}" --blocks 1-3 --behind 200 --no-prompt --judge none --job "$tmp/job.db"

# other operators, each by its own number
expect 0 -- "${run[@]}" --operators rotate,clamp,keepnorm --coefficients 0,1 --no-prompt --no-kl --json
keys '[(c["operator"], c["n_sloped"]) for c in d["curves"]] == [("rotate", 8), ("clamp", 8), ("keepnorm", 8)]'
keys 'len(of("steered")) == 6 and of("steered")[0]["score"] == of("unsteered")[0]["score"] and of("steered")[0]["kl"] is None'
expect 64 "numbers from 0 to 1" -- "${run[@]}" --operators ablate --coefficients 0,1,2

# parts of a reply, and what was thought before it
expect 0 -- "${run[@]}" --phases analysis,final --coefficients=-1,1 --thoughts --no-prompt --no-kl --json
keys '[c["phase"] for c in d["curves"]] == ["analysis", "final"] and of("steered")[0]["phase"] == "analysis"'
keys 'abs(of("steered")[1]["score"] - of("steered")[0]["score"]) < of("steered")[3]["score"] - of("steered")[2]["score"]'
keys 'd["points"][0]["n_thoughts"] == 8 and 0 < d["points"][0]["thoughts"]["value"] < 100'
expect 64 "prompt. is none" -- "${run[@]}" --phases prompt

# mistakes
expect 64 "LOW:HIGH:N" -- "${run[@]}" --coefficients 2:-2:5
expect 64 "LOW:HIGH:N" -- "${run[@]}" --coefficients 1,0
expect 64 "frobnicate. is none" -- "${run[@]}" --operators frobnicate
expect 64 "two outputs" -- "${run[@]}" --csv "$tmp/x" --svg "$tmp/x"
expect 64 "not within 0-4" -- "${run[@]}" --blocks 9
expect 64 "do not fit" -- "${run[@]}" --behind 100000
expect 64 "--trait or --vector" -- sweep --model "$target_model"
expect 66 "no vector 'nowhere'" -- sweep --model "$target_model" --vector nowhere
expect 74 -- "${run[@]}" --csv /proc/nowhere/a.csv
finish
