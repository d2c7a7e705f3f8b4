#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# transfer.sh - maps as files: fitted once, shown, used for a vector without the source model and without its
# texts; refused for other models; in-sample results called so, by name and by hash. And the document of a
# transfer with every control. What the effects are worth is tests/engine/test_transfer.c.
source "$(dirname "$0")/_lib.sh"
need_models
need_python

few_questions 3
small=(--questions "$few" --max-tokens 24 --neutral 24 --map-questions 3 --threads 1)
whole=(--questions "$few" --max-tokens 24 --extract-tokens 24 --text-tokens 24 --neutral 24 --map-questions 3 --threads 1
    --random 4 --draws 2 --draw-questions 2)
pair=(--from "$source_model" --to "$target_model")

# document TEXT PYTHON: conditions on the last document, as d
document() {
    n_run=$((n_run + 1))
    python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
exec(sys.argv[2])' "$out" "$2" || bad "$1"
}

# ---- maps ------------------------------------------------------------------------------------------
expect 0 -- map fit "${pair[@]}" --without silly -o "$tmp/map.gguf" "${small[@]}" --json
document "the keys of a map" '
assert d["schema"] == "persona.map/1" and d["method"] == "ridge" and d["pairing"] == "response"
assert d["from"]["arch"] == "qwen2" and d["to"]["arch"] == "gpt-oss" and len(d["from"]["sha256"]) == 64
assert "silly" not in d["traits"] and "poetic" in d["traits"] and len(d["blocks"]) >= 3
for b in d["blocks"]:
    assert b["r2_contrast"] > b["r2_shuffled"] and b["lambda"] > 0
    assert b["r2"]["question"] == {"rows": b["r2_heldout"], "contrasts": b["r2_contrast"]}
    assert b["r2"]["both"]["contrasts"] <= min(b["r2"]["trait"]["contrasts"], b["r2_contrast"]) + 0.05, b
'
cp "$out" "$tmp/fitted"
expect 0 -- map show "$tmp/map.gguf" --json
document "show says what fit said" '
e = json.load(open(sys.argv[1].replace("stdout", "fitted")))
assert [b["layer_to"] for b in d["blocks"]] == [b["layer_to"] for b in e["blocks"]]
assert all(abs(b["r2"][k][w] - c["r2"][k][w]) < 1e-4 for b, c in zip(d["blocks"], e["blocks"]) for k in b["r2"] for w in b["r2"][k])
assert d["n_texts"] == e["n_texts"]
'
expect 0 -- map show "$tmp/map.gguf"
check "the table of blocks" grep -q "R2 contrasts" "$out"
# a second time: nothing is written or read again
expect 0 '0 are new' -- map fit "${pair[@]}" --without silly -o "$tmp/again.gguf" "${small[@]}"
check "the same map, byte for byte" cmp "$tmp/map.gguf" "$tmp/again.gguf"

# ---- a vector through it, without the source model ----------------------------------------------------
expect 0 -- extract --model "$source_model" --trait silly --questions "$few" --max-tokens 24 --judge none --no-calibrate --threads 1 -o "$tmp/silly.gguf" --quiet
expect 0 -- transfer --map "$tmp/map.gguf" --vector "$tmp/silly.gguf" --to "$target_model" --trait silly --no-evaluate \
    --questions "$few" --threads 1 -o "$tmp/carried.gguf" --json
document "a vector through a map" '
assert d["sample"] == "held-out" and d["from"]["arch"] == "qwen2" and d["verdict"] is None and d["layer_to"] >= 1
'
expect 0 -- vector show "$tmp/carried.gguf" --json
document "what a carried vector says" '
p = d["provenance"] if "provenance" in d else d
t = json.dumps(d)
assert "held-out" in t and "ridge on paired response means" in t
'
# the same answers under another name are known by their hashes
expect 0 -- extract --model "$source_model" --trait poetic --questions "$few" --max-tokens 24 --judge none --no-calibrate --threads 1 -o "$tmp/poetic.gguf" --quiet
expect 0 -- transfer --map "$tmp/map.gguf" --vector "$tmp/poetic.gguf" --to "$target_model" --trait poetic --no-evaluate \
    --judge none --questions "$few" --threads 1 -o "$tmp/p.gguf" --json
document "a trait that the map has seen" 'assert d["sample"] == "in-sample"'

# ---- one option for each length -----------------------------------------------------------------------
python3 - "$tmp/texts.jsonl" <<'PY'
import json, sys
with open(sys.argv[1], "w") as f:
    for i in range(24):
        text = "This is sentence %d of a long text on boats. " % i * 30 if i < 5 else "A short text, number %d." % i
        f.write(json.dumps({"messages": [{"role": "user", "content": "What about %d?" % (i // 2)}], "response": text,
                            "trait": "poetic", "polarity": "positive" if i % 2 else "negative"}) + "\n")
PY
texts=(--texts "$tmp/texts.jsonl" --no-cache --threads 1)
block=(--judge none --questions "$few")
expect 0 '5 of 24 texts were cut.*--text-tokens' -- transfer "${pair[@]}" --vector "$tmp/silly.gguf" --trait silly \
    --no-evaluate "${texts[@]}" "${block[@]}" --max-tokens 4000 --text-tokens 60 -o "$tmp/c.gguf" --json
document "how many texts were cut" 'assert d["n_texts_cut"] == 5'
expect 0 -- transfer "${pair[@]}" --vector "$tmp/silly.gguf" --trait silly \
    --no-evaluate "${texts[@]}" "${block[@]}" --max-tokens 2 --extract-tokens 3 --text-tokens 4000 -o "$tmp/c.gguf" --json
document "answers of the evaluation cut no text" 'assert d["n_texts_cut"] == 0'
expect 0 '5 of 24 texts were cut.*--max-tokens' -- map fit "${pair[@]}" "${texts[@]}" --max-tokens 60 -o "$tmp/c.gguf" --json
document "map fit says it, too" 'assert d["n_texts_cut"] == 5'

# ---- refusals -------------------------------------------------------------------------------------
expect 65 'fitted for the target' -- transfer --map "$tmp/map.gguf" --vector "$tmp/silly.gguf" --to "$source_model" --trait silly --no-evaluate
expect 65 'wide over' -- transfer --from "$target_model" --to "$source_model" --vector "$tmp/silly.gguf" --trait silly --no-evaluate
expect 65 'expected "persona-map"' -- map show "$tmp/silly.gguf"
expect 65 'not a GGUF file' -- map show "$PERSONA_SOURCE_DIR/traits/silly.json"
expect 66 -- map show "$tmp/nowhere.gguf"
head -c 5000 "$tmp/map.gguf" >"$tmp/cut.gguf"
expect 65 'cut.gguf' -- map show "$tmp/cut.gguf"
expect 64 'ridge, lowrank' -- map fit "${pair[@]}" -o "$tmp/y.gguf" --method magic
expect 64 'either' -- transfer --map "$tmp/map.gguf" --texts a.jsonl "${pair[@]}" --trait silly
expect 64 'from is missing' -- transfer --to "$target_model" --trait silly
expect 64 'FROM:TO' -- map fit "${pair[@]}" -o "$tmp/y.gguf" --blocks 3
expect 64 'cannot be paired' -- map fit "${pair[@]}" -o "$tmp/y.gguf" --blocks 3:40 "${small[@]}"
expect 66 -- map fit "${pair[@]}" -o "$tmp/y.gguf" --texts "$tmp/nowhere.jsonl"
check "nothing was half-written" test ! -e "$tmp/y.gguf"

# ---- a whole transfer -------------------------------------------------------------------------------
code=0
"$PERSONA" transfer "${pair[@]}" --trait silly "${whole[@]}" --coefficients -1:1:3 -o "$tmp/whole.gguf" --json --export "$tmp/export" \
    >"$out" 2>"$err" </dev/null || code=$?
check "exit code 0 or 1" test "$code" -le 1
document "a transfer with every control" '
assert d["schema"] == "persona.transfer/1" and d["verdict"] in ("PASS", "FAIL") and d["reason"]
c = {r["condition"] for r in d["rows"]}
assert {"unsteered", "prompt", "transferred", "sampling", "random", "shuffled", "text-bridge", "in-sample", "other-trait",
        "identity"} <= c, c
for r in d["rows"]:
    assert r["ci"][0] <= r["score"] <= r["ci"][1] and 0 <= r["coherence"] <= 100
a = d["auroc"]
assert a["of"] and a["class"] == "judge" and (a["value"] is None) == (a["reason"] is not None)
if a["value"] is not None:
    assert a["ci"][0] <= a["value"] <= a["ci"][1] and a["null"]["n"] == 20 and min(a["n_shown"], a["n_not"]) >= 10
    assert 1 / 21 - 1e-9 <= a["null"]["p"] <= 1 and a["null"]["max"] >= a["null"]["mean"]
for r in d["rows"]:
    assert 0 < r["tokens"] <= 24 and r["tokens_sd"] >= 0 and 0 <= r["cut"] <= 1, r
for b in d["best"].values():
    assert all(p is None or p["coherence"] >= 70 and abs(p["coefficient"]) == 1 for p in b.values()), b
assert set(d["best"]) == c - {"unsteered"} and "measured" in d["coherence_validity"]
assert {"lexical", "random-source"} <= c and len(d["random"]) == 4 and d["spreads"]["random"]["n"] == 4
assert d["spreads"]["shuffled"]["n"] == 2 and len(d["spreads"]["other-trait"]["draws"]) == 9 and len(d["margins"]) == 11
assert [x["leave"] for x in d["leave_out"]["levels"]] == ["name", "loose", "strict"] and d["leave_out"]["judge"] == "pair"
assert d["cosine_null"]["n"] == 20 and d["arms"][0]["condition"] == "transferred"
assert d["sample"] in ("held-out", "not decidable") and d["specificity"][0]["trait"] == "silly"
assert len(d["specificity"]) > 5 and set(d["swing"]) >= c - {"unsteered"} and isinstance(d["specific"], bool)
p = {x["dimension"]: x for x in d["panel"]}
assert list(p) == ["words", "sentiment", "subjectivity", "hedging", "politeness", "profanity", "readability"]
for k in ("words", "hedging", "politeness", "readability"): # lists that are always there
    assert p[k]["counted"] and -1 <= p[k]["spearman"]["value"] <= 1 and p[k]["n"] > 50, p[k]
    assert p[k]["swing"]["transferred"]["ci"][0] <= p[k]["swing"]["transferred"]["value"], p[k]
    assert all(r["panel"][k] is not None for r in d["rows"])
for x in p.values():
    assert x["counted"] or x["list"] and x["spearman"]["value"] is None, x
assert d["length"]["explains"] is False and d["second_judge"] is None and isinstance(d["caution"], str)
assert d["neutral"]["judge"] == 50 and abs(d["neutral"]["shift"]["value"]) < 20, d["neutral"]
assert {"layer_from", "layer_to", "lambda", "n_texts", "r2_heldout", "r2_contrast", "r2_shuffled", "retained"} <= set(d)
'
cp "$out" "$tmp/once"
check "answers say how long they are" python3 - "$tmp/export/silly/answers.jsonl" <<'PY'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
assert all(0 < r["n_answer"] <= r["n_tokens"] for r in rows if r["answered"]) and {r["cut"] for r in rows} == {True, False}
PY
check "the table comes out of the exported answers again" python3 "$(dirname "$0")/../../tools/recompute" "$tmp/export/silly"
check "words are counted" python3 - "$tmp/export/silly/answers.jsonl" <<'PY'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
for r in rows:
    assert r["second_score"] is None and bool(r["panel"]) == r["answered"]
    if r["answered"]:
        n = len([w for w in r["answer"].replace(",", " ").replace(".", " ").split() if any(c.isalnum() for c in w)])
        assert abs(r["panel"]["words"] - n) <= 2, (n, r["panel"]["words"], r["answer"])
PY
check "every text says whether the map saw it" python3 - "$tmp/export/silly/texts.jsonl" <<'PY'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
assert not any(r["in_map"] for r in rows if r["trait"] == "silly") and any(r["in_map"] for r in rows)
assert all(r["score"] is not None for r in rows if r["usable"])
PY

# ---- three times ------------------------------------------------------------------------------------
# the first repeat has its share of the draws, as many as above, and finds its answers there
expect 64 'repeats.*1, or 3 to 50' -- transfer "${pair[@]}" --trait silly "${whole[@]}" --repeats 2
expect 64 'wants an evaluation' -- transfer "${pair[@]}" --trait silly "${whole[@]}" --repeats 3 --no-evaluate
code=0
"$PERSONA" transfer "${pair[@]}" --trait silly "${whole[@]}" --random 12 --draws 6 --coefficients -1:1:3 -o "$tmp/thrice.gguf" --json \
    --export "$tmp/thrice" --repeats 3 >"$out" 2>"$err" </dev/null || code=$?
check "exit code 0 or 1" test "$code" -le 1
document "three repeats" '
one = json.load(open(sys.argv[1].replace("stdout", "once")))
r = d["repeats"]
assert d["interval"] == "questions and repeats" and one["interval"] == "questions, given this vector" and one["repeats"] == []
assert [x["seed"] for x in r] == [0, 1, 2] and d["resumed"] > 100
assert r[0]["swing"]["transferred"] == one["swing"]["transferred"]["value"] and r[0]["n_texts"] == one["n_texts"]
assert all(x["n_texts"] <= r[0]["n_texts"] for x in r) and r[2]["n_texts"] < r[0]["n_texts"]
mean = sum(x["swing"]["transferred"] for x in r) / 3
s = d["swing"]["transferred"]
assert abs(s["value"] - mean) < 1e-6 and s["ci"][0] <= s["value"] <= s["ci"][1]
assert d["spreads"]["random"]["n"] == 12 and d["spreads"]["shuffled"]["n"] == 6 and len(d["spreads"]["other-trait"]["draws"]) == 9
'
check "the table of all repeats comes out of the answers again" python3 "$(dirname "$0")/../../tools/recompute" "$tmp/thrice/silly"
check "a repeat in which a score was changed does not" bash -c '
    sed -i "0,/\"transferred\".*\"score\":[0-9.]*/s/\(\"transferred\".*\"score\":\)[0-9.]*/\1 99/" "$1/silly/repeat-2/answers.jsonl"
    ! python3 "$2" "$1/silly" >/dev/null 2>&1' _ "$tmp/thrice" "$(dirname "$0")/../../tools/recompute"

# ---- who may give a PASS: the same answers, scored by judges that are worth less --------------------
judge_like() { # FILE PYTHON: the judge of the pair, changed; j is its document, a the axis
    python3 - "$PERSONA_SOURCE_DIR/models/judge.json" "$1" "$tmp/export/silly/texts.jsonl" "$2" <<'PY'
import json, sys
j = json.load(open(sys.argv[1]))
a, texts = j["axes"]["silly"], [json.loads(line)["hash"] for line in open(sys.argv[3])]
exec(sys.argv[4])
json.dump(j, open(sys.argv[2], "w"))
PY
}
for attack in 'del a["heldout"]|was never compared with labels' 'a["heldout"]["spearman"] = 0.59|agrees too little' \
    'j["texts"] = "".join(sorted(set(texts)))|was trained on'; do
    judge_like "$tmp/worse.json" "${attack%%|*}"
    expect 1 "${attack#*|}" -- transfer "${pair[@]}" --trait silly "${whole[@]}" --coefficients -1:1:3 -o "$tmp/worse.gguf" \
        --judge-select "$PERSONA_SOURCE_DIR/models/judge.json" --judge-score "$tmp/worse.json" --quiet
done
# a second judge that says the opposite, on all answers, since it is quick
judge_like "$tmp/worse.json" 'a["weights"] = {k: -v for k, v in a["weights"].items()}'
code=0
"$PERSONA" transfer "${pair[@]}" --trait silly "${whole[@]}" --coefficients -1:1:3 -o "$tmp/worse.gguf" --export "$tmp/second" \
    --judge-select "$PERSONA_SOURCE_DIR/models/judge.json" --judge-score "$tmp/worse.json" --json >"$out" 2>"$err" </dev/null || code=$?
check "exit code 0 or 1" test "$code" -le 1
document "a second judge" '
s = d["second_judge"]
assert s["judge"] == "pair" and min(s["spearman"]["ci"]) >= -1 and s["spearman"]["value"] < -0.8 and s["n"] > 50 and s["same_side"] < 0.7, s
assert "agrees little" in d["caution"], d["caution"]
'
check "its scores come out again" python3 "$(dirname "$0")/../../tools/recompute" "$tmp/second/silly"
finish
