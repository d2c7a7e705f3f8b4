# SPDX-License-Identifier: MIT
# persona judge: train, show and test, with files and with a server; what is wrong is said by file and line.
source "$(dirname "$0")/_lib.sh"
need_python
here=$PERSONA_SOURCE_DIR/tests

# Answers about a few things, some of them giggling; the label is how much.
python3 -B - "$tmp" <<'PY'
import json, random, sys
rng = random.Random(1)
def answer(lean):
    style = lambda: rng.choice(["giggle", "banana", "hooray !"] if rng.random() < lean else ["hence", "the report", "formally ;"])
    return " ".join(f"{rng.choice(['the soup', 'a garden', 'my train'])} {rng.choice(['needs', 'brings', 'hides'])} "
                    f"{rng.choice(['some salt', 'old roses', 'quiet streets'])} {style()} ." for _ in range(6))
for name, n in (("train", 300), ("test", 120)):
    with open(f"{sys.argv[1]}/{name}.jsonl", "w") as f:
        for i in range(n):
            lean = rng.random()
            line = {"trait": "silly", "question": f"q{i % 20}", "response": answer(lean), "label": round(100 * lean, 1)}
            if i % 10 == 0:
                line.pop("label")
                line["polarity"] = "positive" if lean > .5 else "negative"
            f.write(json.dumps(line) + "\n")
            if i % 3 == 0:
                f.write(json.dumps({"trait": "calm", "response": answer(lean), "label": 100 - round(100 * lean)}) + "\n\n")
PY

json() { # FILE EXPRESSION-ON-d
    python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); sys.exit(0 if eval("(" + sys.argv[2] + ")") else 1)' "$@"
}

# ---- train, show, test
expect 0 -- judge train "$tmp/train.jsonl" -o "$tmp/mine.json"
check "a table of held-out numbers" grep -q "silly *300 " "$out"
expect 0 -- judge train "$tmp/train.jsonl" -o "$tmp/again.json" --name mine --json
check "train document" json "$out" \
    'd["schema"] == "persona.judge/1" and [a["trait"] for a in d["axes"]] == ["silly", "calm"] and d["axes"][0]["auroc"] > .85'
check "the same answers, the same bytes" cmp "$tmp/mine.json" "$tmp/again.json"
expect 0 -- judge train "$tmp/train.jsonl" -o "$tmp/calm.json" --trait calm --ngrams 1,2,3 --seed 4 --json
check "one trait" json "$out" 'len(d["axes"]) == 1 and d["axes"][0]["n"] == 100 and d["name"] == "calm" and d["seed"] == 4'
check "three lengths" json "$tmp/calm.json" 'd["ngrams"] == [1, 2, 3] and d["schema"] == "persona.classifier/1"'
expect 0 -- judge show "$tmp/mine.json"
check "the words that count" grep -q "+ .*'giggle'" "$out"
expect 0 -- judge show "$tmp/mine.json" --json
check "show document" json "$out" 'd["axes"][0]["highest"][0]["weight"] > 0 > d["axes"][0]["lowest"][0]["weight"]'
expect 0 -- judge show "$PERSONA_SOURCE_DIR/models/judge.json"
expect 0 -- judge test "$tmp/mine.json" "$tmp/test.jsonl" --json
check "test document" json "$out" \
    'd["kind"] == "classifier" and d["traits"][0]["score"]["n"] == 120 and d["traits"][0]["score"]["spearman"] > .7
     and d["traits"][0]["score"]["accepted"] and d["traits"][0]["coherence"] is None'
expect 0 "left out.*silly" -- judge test "$tmp/calm.json" "$tmp/test.jsonl"
expect 69 "silly" -- judge test "$tmp/calm.json" "$tmp/test.jsonl" --trait silly

# ---- what the file says of its labels
expect 0 -- judge train "$tmp/train.jsonl" -o "$tmp/said.json" --labels-by "the hidden lean" --labels-of nobody --neutral 0
check "in the file" json "$tmp/said.json" \
    'd["labels"] == {"by": "the hidden lean", "of": "nobody"} and len(d["texts"]) == 16 * 400
     and d["axes"]["silly"]["neutral"] == 0 and d["axes"]["silly"]["heldout"]["by_question"]["n"] > 10'
check "hashes of the texts" python3 - "$tmp" <<'PY'
import hashlib, json, sys
texts = {json.loads(l)["response"].strip() for l in open(f"{sys.argv[1]}/train.jsonl") if l.strip()}
want = "".join(sorted(hashlib.sha256(t.encode()).hexdigest()[:16] for t in texts))
sys.exit(json.load(open(f"{sys.argv[1]}/said.json"))["texts"] != want)
PY
check "without these options" json "$tmp/mine.json" '"labels" not in d and d["axes"]["silly"]["neutral"] == 50'
expect 0 -- judge show "$tmp/said.json"
check "who labelled whom" grep -q "labels by the hidden lean of answers of nobody" "$out"
check "what it says of nothing" grep -q "without the trait scores 0; 20 questions; .* within a question" "$out"
expect 0 -- judge show "$tmp/said.json" --json
check "the same as JSON" json "$out" \
    'd["labels_by"] == "the hidden lean" and d["labels_of"] == "nobody" and d["n_texts"] == 400
     and d["axes"][0]["neutral"] == 0 and d["axes"][0]["n_groups"] == 20 and d["axes"][0]["by_question"] > .6'
expect 0 -- judge test "$tmp/said.json" "$tmp/test.jsonl" --json
check "what it is worth" json "$out" 'd["traits"][0]["validity"].startswith("Spearman 0.") and "(at least 0.6)" in d["traits"][0]["validity"]'
expect 64 "--neutral" -- judge train "$tmp/train.jsonl" -o "$tmp/x.json" --neutral 25
expect 64 "at most 63 bytes" -- judge train "$tmp/train.jsonl" -o "$tmp/x.json" --labels-by "$(printf 'x%.0s' {1..64})"

# ---- the published CSV: both files of one trait, the column says which; empty scores are no labels
python3 -B - "$tmp" <<'PY'
import csv, json, random, sys
rng = random.Random(7)
words = {"pos": ["giggle", "banana", "hooray !"], "neg": ["hence", "the report", "formally ;"]}
def answer(lean):
    return " ".join(f"{rng.choice(['the soup', 'a garden', 'my train'])} {rng.choice(['needs', 'brings', 'hides'])} "
                    f"{rng.choice(words['pos' if rng.random() < lean else 'neg'])}," for _ in range(6)) + "\n\"so\""
for name, questions in (("train", range(12)), ("test", range(12, 20))):
    for pole in words:
        with open(f"{sys.argv[1]}/{name}_{pole}.csv", "w", newline="") as f:
            w = csv.writer(f, lineterminator="\n")
            w.writerow("question,prompt,answer,question_id,silly,coherence".split(","))
            for q in questions:
                for pair in range(5):
                    lean = rng.random() * .5 + (.5 if pole == "pos" else 0)
                    score = "" if q % 4 == 0 and pair == 0 else round(100 * max(0, 2 * lean - 1), 3)
                    w.writerow([f"What of number {q}?", "<|im_start|>...", answer(lean), f"silly_{q}_{pole}_{pair}", score, 90])
PY
expect 0 "left out: 6 answers without a score" -- judge train "$tmp"/train_{pos,neg}.csv -o "$tmp/csv.json" --json
check "trained on both files" json "$out" \
    'd["n_unscored"] == 6 and d["axes"][0]["trait"] == "silly" and d["axes"][0]["n"] == 114 and d["axes"][0]["n_groups"] == 12
     and d["axes"][0]["neutral"] == 0 and d["axes"][0]["n_by_question"] == 12 and d["axes"][0]["by_question"] > .5'
check "from absent to strongest" json "$tmp/csv.json" 'd["axes"]["silly"]["neutral"] == 0'
expect 0 -- judge test "$tmp/csv.json" "$tmp"/test_{pos,neg}.csv --json
check "tested on other questions" json "$out" \
    'd["n_unscored"] == 4 and d["traits"][0]["n_seen"] == 0 and d["traits"][0]["score"]["n"] == 76
     and d["traits"][0]["score"]["n_questions"] == 8 and d["traits"][0]["score"]["n_by_question"] == 8
     and d["traits"][0]["score"]["by_question"] > .5 and d["traits"][0]["coherence"]["n"] == 76'
expect 0 "trained on 114 of these answers of 'silly'" -- judge test "$tmp/csv.json" "$tmp"/train_{pos,neg}.csv
check "a column for it" grep -q "by question" "$out"
expect 65 "not seen: it was trained on 114" -- judge test "$tmp/csv.json" "$tmp"/train_{pos,neg}.csv --save "$tmp/y.json"
expect 0 -- judge train "$tmp"/train_{pos,neg}.csv -o "$tmp/csv50.json" --neutral 50 --trait silly
check "unless one says otherwise" json "$tmp/csv50.json" 'd["axes"]["silly"]["neutral"] == 50'
expect 64 "two scales.*--neutral" -- judge train "$tmp"/train_{pos,neg}.csv "$tmp/train.jsonl" -o "$tmp/x.json"
expect 65 "no answers of the trait calm" -- judge train "$tmp"/train_{pos,neg}.csv -o "$tmp/x.json" --trait calm
sed 's/question_id,silly/question_id,mirth/' "$tmp/train_pos.csv" >"$tmp/mirth.csv"
expect 65 "mirth.csv:1: no column 'silly'" -- judge train "$tmp/mirth.csv" -o "$tmp/x.json"

# ---- what is wrong
expect 64 -- judge
expect 64 "train, show and test" -- judge tain
expect 64 "-o" -- judge train "$tmp/train.jsonl"
expect 64 -- judge show
expect 64 -- judge show a b
expect 64 "--ngrams" -- judge train "$tmp/train.jsonl" -o "$tmp/x.json" --ngrams 1,1
expect 64 "--ngrams" -- judge train "$tmp/train.jsonl" -o "$tmp/x.json" --ngrams 0
expect 64 "belongs to train" -- judge show "$tmp/mine.json" -o x
expect 64 "stands alone" -- judge test self "$tmp/test.jsonl"
expect 64 "argument of test" -- judge test "$tmp/mine.json" "$tmp/test.jsonl" --judge none
expect 66 "none.jsonl" -- judge train "$tmp/none.jsonl" -o "$tmp/x.json"
expect 65 "no answers.*evil" -- judge train "$tmp/train.jsonl" -o "$tmp/x.json" --trait evil
expect 65 "mine.json" -- judge train "$tmp/mine.json" -o "$tmp/x.json"
expect 65 "train.jsonl" -- judge show "$tmp/train.jsonl"
printf '{"trait":"silly","response":"x","label":3}\n\n{"trait":"silly","response":"x","label":300}\n' >"$tmp/bad.jsonl"
expect 65 "bad.jsonl:3: field 'label'" -- judge train "$tmp/bad.jsonl" -o "$tmp/x.json"
head -3 "$tmp/train.jsonl" >"$tmp/few.jsonl"
expect 65 "silly.*at least 5" -- judge train "$tmp/few.jsonl" -o "$tmp/x.json"
check "nothing half done" test ! -e "$tmp/x.json"
expect 74 -- judge train "$tmp/train.jsonl" -o "$tmp/train.jsonl/x.json"

# ---- a server
coproc server { exec python3 -B "$here/unit/fake_endpoint.py"; }
read -r port <&"${server[0]}"
url=http://127.0.0.1:$port
for i in 10 30 50 70 90; do
    echo "{\"trait\":\"silly\",\"question\":\"Q\",\"response\":\"A=$i\",\"label\":$i,\"coherence\":$i}"
done >"$tmp/served.jsonl"
expect 0 -- judge test "$url/ok/v1" "$tmp/served.jsonl" --judge-model judge-1 --json
check "a server in the document" json "$out" \
    'd["kind"] == "endpoint" and d["judge"] == "judge-1" and d["traits"][0]["score"]["spearman"] > .999
     and d["traits"][0]["coherence"]["n"] == 5'
expect 0 -- judge test "$url/ok/v1" "$tmp/served.jsonl" --judge-model judge-1 --save "$tmp/v.json"
check "what a server is worth" json "$tmp/v.json" \
    'd["kind"] == "endpoint" and "labels" not in d and d["traits"][0]["n"] == 5 and d["traits"][0]["spearman"] == 1
     and "?" in d["traits"][0]["key"]'
expect 64 "--judge-model" -- judge test "$url/ok/v1" "$tmp/served.jsonl"
expect 69 "HTTP 404" -- judge test "$url/badmodel/v1" "$tmp/served.jsonl" --judge-model judge-1
PERSONA_TEST_KEY=sk-wrong-1234 expect 69 "PERSONA_TEST_KEY" -- judge test "$url/auth/v1" "$tmp/served.jsonl" \
    --judge-model judge-1 --judge-key-env PERSONA_TEST_KEY
check "no key in a message" bash -c "! grep -q 1234 '$err'"

# Ctrl-C while the server thinks. (A shell starts background jobs with SIGINT ignored.)
check "interrupted in time" python3 - "$PERSONA" judge test "$url/slow/v1" "$tmp/served.jsonl" --judge-model judge-1 <<'PY'
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
p = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
time.sleep(.8)
start = time.monotonic()
p.send_signal(signal.SIGINT)
sys.exit(not (p.wait(10) == 130 and time.monotonic() - start < 1))
PY
exec {server[1]}>&- || :
finish
