# SPDX-License-Identifier: MIT
# Texts against Python's csv and json: what they write reads back equal, what we write they read.
source "$(dirname "$0")/_lib.sh"
need_python
convert=${PERSONA%/*}/tests/test_textfile
if [[ ! -x $convert ]]; then
    echo "skipped: no $convert"
    exit 77
fi
: >"$err"

cat >"$tmp/texts.py" <<'PY'
import csv, json, random, sys
csv.field_size_limit(1 << 30)
COLUMNS = ["question", "prompt", "answer", "question_id", "evil", "coherence"]
PARTS = ["word ", ",", '"', "\n", "\r\n", "\r", "'", "\\", "\\n", "\t", "ä", "😀", " ", "\u2028", "\x7f", "\x01", "{", ";"]

def text(r, least=0):
    return "".join(r.choice(PARTS) for _ in range(r.randrange(least, 30)))

def rows(side):
    # questions and shape are the same for both sides, the rest is not
    q, r = random.Random(1), random.Random(side)
    for i in range(12):
        question = text(q, 1)
        for k in range(5):
            for _ in range(3):
                score = lambda: r.choice(["", repr(r.random() * 100), "0", "100", "1e-05"])
                yield [question, text(r), text(r), f"evil_{i}_{side}_{k}", score(), score()]

def number(x):
    return None if x in ("", None) else float(x)

def item(row, rollout):
    return {"prompt": row[1], "response": row[2], "trait": "evil", "question": row[0], "question_id": row[3],
            "polarity": "positive" if "_pos_" in row[3] else "negative", "index": rollout,
            "label": number(row[4]), "coherence": number(row[5])}

def items(path):
    with open(path, newline="", encoding="utf-8") as f:
        found = list(csv.reader(f))
    assert found[0] == COLUMNS, found[0]
    last, n = None, 0
    for row in found[1:]:
        assert len(row) == 6, row
        n = n + 1 if row[3] == last else 0
        last = row[3]
        yield item(row, n)

def lines(path):
    with open(path, encoding="utf-8", newline="\n") as f:
        return [{k: v for k, v in json.loads(line).items() if v is not None} for line in f]

def known(found):
    return [{k: v for k, v in x.items() if v is not None} for x in found]

def write_csv(path, side, **dialect):
    with open(path, "w", newline="", encoding="utf-8") as f:
        w = csv.writer(f, **dialect)
        w.writerow(COLUMNS)
        w.writerows(rows(side))

def write_json(path, ascii):
    r = random.Random(9)
    with open(path, "w", encoding="utf-8") as f:
        for i in range(200):
            x = {"response": text(r), "polarity": r.choice(["positive", "negative"]), "label": r.random() * 100}
            if i % 2:
                x["prompt"] = text(r)
            else:
                x["messages"] = [{"role": "system", "content": text(r)}, {"role": "user", "content": text(r)}]
            if i % 3:
                x["index"] = i
                x["question"] = text(r)
            f.write(json.dumps(x, ensure_ascii=ascii) + "\n" * r.randrange(1, 3))

def non_empty(path):
    with open(path, encoding="utf-8", newline="\n") as f:
        return [json.loads(line) for line in f if line.strip()]

what, *a = sys.argv[1:]
if what == "csv":
    write_csv(a[0], a[1], lineterminator=a[2].encode().decode("unicode_escape"),
              quoting=csv.QUOTE_ALL if a[3] == "all" else csv.QUOTE_MINIMAL)
elif what == "json":
    write_json(a[0], a[1] == "ascii")
elif what == "pair-equals":  # POS.csv NEG.csv OURS.jsonl
    both = [x for p in zip(items(a[0]), items(a[1])) for x in p]
    assert len(both) == 360 and known(both) == lines(a[2])
elif what == "csv-equals":  # OURS.csv THEIRS.csv
    assert known(items(a[0])) == known(items(a[1]))
elif what == "json-equals":  # THEIRS.jsonl OURS.jsonl
    assert non_empty(a[0]) == lines(a[1]) and len(lines(a[1])) == 200
PY
py() { python3 -I "$tmp/texts.py" "$@"; }

# The two ends of a line, and quotes everywhere or where needed. (A "\r" inside a field is quoted by
# the csv module only where it can be part of the end of a line.)
for ends in '\r\n' '\n'; do
    quotes=minimal
    [[ $ends == '\n' ]] && quotes=all
    py csv "$tmp/p.csv" pos "$ends" $quotes
    py csv "$tmp/n.csv" neg "$ends" $quotes
    check "read a pair" "$convert" "$tmp/p.csv,$tmp/n.csv" "$tmp/both.jsonl"
    check "what Python's csv wrote reads back equal ($ends)" py pair-equals "$tmp/p.csv" "$tmp/n.csv" "$tmp/both.jsonl"
    check "write a pair" "$convert" "$tmp/p.csv,$tmp/n.csv" "$tmp/folder" evil
    check "Python's csv reads ours equal, positive" py csv-equals "$tmp/folder/evil_pos_instruct.csv" "$tmp/p.csv"
    check "Python's csv reads ours equal, negative" py csv-equals "$tmp/folder/evil_neg_instruct.csv" "$tmp/n.csv"
    check "JSON lines to CSV" "$convert" "$tmp/both.jsonl" "$tmp/again" evil
    check "the same bytes by way of JSON lines" cmp "$tmp/again/evil_pos_instruct.csv" "$tmp/folder/evil_pos_instruct.csv"
done
for kind in ascii utf8; do
    py json "$tmp/theirs.jsonl" $kind
    check "read JSON lines ($kind)" "$convert" "$tmp/theirs.jsonl" "$tmp/ours.jsonl"
    check "what Python's json wrote reads back equal ($kind)" py json-equals "$tmp/theirs.jsonl" "$tmp/ours.jsonl"
done

# A row too few, and standard input.
head -c -1 "$tmp/theirs.jsonl" >"$tmp/cut.jsonl"
check "the last line needs no end" "$convert" "$tmp/cut.jsonl" "$tmp/ours.jsonl"
"$convert" - "$tmp/piped.jsonl" <"$tmp/theirs.jsonl" 2>"$err" || bad "standard input"
check "standard input is a file like any other" cmp "$tmp/piped.jsonl" "$tmp/ours.jsonl"
"$convert" "$tmp/theirs.jsonl" - 2>"$err" | cmp -s - "$tmp/ours.jsonl" || bad "standard output"
printf 'question,prompt,answer,question_id,evil,coherence\n' >"$tmp/n.csv"
n_run=$((n_run + 1))
got=0
"$convert" "$tmp/p.csv,$tmp/n.csv" "$tmp/none.jsonl" 2>"$err" || got=$?
[[ $got == 65 && ! -e $tmp/none.jsonl ]] && grep -q 'p.csv:2: row 1 has no partner' "$err" || bad "rows without partner"
finish
