# SPDX-License-Identifier: MIT
# persona jobs on files that Python's SQLite writes after docs/FORMATS.md: list, show, export, remove.
source "$(dirname "$0")/_lib.sh"
need_python
if ! python3 -c 'import sqlite3; assert sqlite3.sqlite_version_info >= (3, 37)' 2>/dev/null; then
    echo "skipped: Python's SQLite knows no STRICT tables"
    exit 77
fi
jobs=$XDG_DATA_HOME/persona/jobs
mkdir -p "$jobs"

# keys EXPRESSION: a Python condition on the document d
keys() {
    n_run=$((n_run + 1))
    python3 - "$out" "$1" <<'PY' || bad "not true: $1"
import json, sys
d = json.load(open(sys.argv[1]))
assert eval(sys.argv[2]), json.dumps(d)[:900]
PY
}

# make_job ID STATE: two pairs and a neutral answer, scores by one judge
make_job() {
    python3 - "$jobs/$1.db" "$2" "$PERSONA_SOURCE_DIR/docs/FORMATS.md" <<'PY'
import re, sqlite3, struct, sys
path, state, doc = sys.argv[1:]
c = sqlite3.connect(path)
c.executescript(re.search(r"```sql\n(.*?)```", open(doc).read(), re.S).group(1))
c.executescript("PRAGMA application_id = 0x5072734A; PRAGMA user_version = 1;")
c.execute("INSERT INTO job VALUES (1, ?, 1790000000)",
          ('{"command": "extract", "trait": "silly", "model": {"name": "pair"}, "n": [1, 2.5, null]}',))
for i, (pol, pair, q) in enumerate([(1, 0, 0), (-1, 0, 0), (1, 0, 1), (-1, 0, 1), (0, -1, 0)]):
    c.execute("INSERT INTO answer VALUES (NULL, 'extract', ?, ?, '', ?, ?, ?, ?, ?, ?, 0, 7, 1, 'stop', 9, 5, 6, NULL, ?)",
              (i, f"answer {i}", f"question {q}", f"be {pol}" if pol else None,
               None if state == "done" else f"<s>{q}", pol, pair, q, struct.pack("<2f", i, -i)))
    c.execute("INSERT INTO score VALUES ('extract', 'gpt', ?, ?, 90.5, NULL)", (i, 10 * i if i else None))
c.execute("INSERT INTO value VALUES ('state', ?)", (state,))
c.commit()
PY
}

expect 0 -- jobs
check "an empty shelf is said" grep -q "no jobs" "$out"
expect 0 -- jobs list --json
keys 'd == {"schema": "persona.jobs/1", "jobs": []}'

make_job 00aa11bb22cc33dd running
make_job 00ab000000000000 done
echo "this is no database, and it is long enough to be looked at as one: a hundred bytes are needed for it." >"$jobs/ffff.db"
expect 0 -- jobs list
check "the table shows all" test "$(grep -cE '^(00aa11bb22cc33dd|00ab000000000000|ffff) ' "$out")" = 3
check "with the reason" grep -q "ffff.db: file is not a database" "$out"
expect 0 -- jobs list --json
keys 'len(d["jobs"]) == 3 and {j["id"]: j["state"] for j in d["jobs"]} == {"00aa11bb22cc33dd": "stopped", "00ab000000000000": "done", "ffff": "damaged"}'
keys 'all(j["n_answers"] == 5 and j["trait"] == "silly" and j["model"] == "pair" and j["error"] is None for j in d["jobs"] if j["id"] != "ffff")'
keys 'all(j["created"] == "2026-09-21T14:13:20Z" and j["updated"] > "2026" and j["pid"] is None for j in d["jobs"] if j["id"] != "ffff")'

expect 0 -- jobs show 00aa
check "show names the stages" grep -qE "extract +5 scores by gpt" "$out"
expect 0 -- jobs show 00aa --json
keys 'd["id"] == "00aa11bb22cc33dd" and d["manifest"]["model"]["name"] == "pair" and d["manifest"]["n"] == [1, 2.5, None]'
keys 'd["stages"] == [{"stage": "extract", "judge": None, "n": 5}, {"stage": "extract", "judge": "gpt", "n": 5}]'
expect 64 "2 jobs" -- jobs show 00a
expect 66 "no job 'zz'" -- jobs show zz
expect 66 "none.db" -- jobs show "$tmp/none.db"
expect 65 "ffff.db" -- jobs show ffff
expect 64 "list, show, export, merge and remove" -- jobs shw
expect 64 "wants one job" -- jobs show
expect 64 "did you mean 'show'" -- jobs list 00aa
expect 64 "remove wants" -- jobs remove
expect 64 "belongs to remove" -- jobs list --all
expect 64 "export wants" -- jobs export 00aa
expect 64 "belongs to export" -- jobs show 00aa -o x

expect 0 -- jobs export 00aa -o "$tmp/a.jsonl"
n_run=$((n_run + 1))
python3 - "$tmp/a.jsonl" <<'PY' || bad "the exported lines"
import json, sys
rows = [json.loads(l) for l in open(sys.argv[1])]
assert [r["response"] for r in rows] == [f"answer {i}" for i in range(4)], rows
assert rows[1]["polarity"] == "negative" and rows[0]["polarity"] == "positive", rows[1]
assert rows[3]["messages"] == [{"role": "system", "content": "be -1"}, {"role": "user", "content": "question 1"}], rows[3]
PY
expect 65 "answer 0 does not keep its prompt" -- jobs export 00ab -o "$tmp/csv"
check "nothing is left of a failure" test ! -e "$tmp/csv/silly_pos_instruct.csv"
expect 0 "4 answers, scored by gpt" -- jobs export 00aa -o "$tmp/csv"
n_run=$((n_run + 1))
python3 - "$tmp/csv" <<'PY' || bad "the exported tables"
import csv, sys
for side, first in (("pos", 0), ("neg", 1)):
    rows = list(csv.DictReader(open(f"{sys.argv[1]}/silly_{side}_instruct.csv")))
    assert [r["answer"] for r in rows] == [f"answer {first}", f"answer {first + 2}"], rows
    assert [r["prompt"] for r in rows] == ["<s>0", "<s>1"] and rows[0]["question"] == "question 0", rows
    assert float(rows[1]["silly"]) == 10 * (first + 2) and float(rows[1]["coherence"]) == 90.5, rows
PY
expect 0 -- jobs export 00aa -o "$tmp/b.jsonl" --scores-of none --json
keys 'd["n"] == 4 and d["judge"] is None and d["stage"] == "extract" and d["n_left_out"] == 1'
expect 66 "no stage 'evaluate'" -- jobs export 00aa -o "$tmp/c.jsonl" --stage evaluate
expect 66 "no scores by 'me'" -- jobs export 00aa -o "$tmp/c.jsonl" --scores-of me
expect 74 "a.jsonl" -- jobs export 00aa -o "$tmp/a.jsonl/x.jsonl"
check "nothing is left of a failure" test ! -e "$tmp/c.jsonl"

expect 66 "@many|no job 'zz'" -- jobs remove zz 00aa
check "removing goes on after a failure" test ! -e "$jobs/00aa11bb22cc33dd.db"
make_job 1111111111111111 running
expect 0 "1 removed" -- jobs remove --done
check "only what is done" test ! -e "$jobs/00ab000000000000.db" -a -e "$jobs/1111111111111111.db"
expect 0 -- jobs remove --all --json
keys 'sorted(d["removed"]) == ["1111111111111111", "ffff"] and d["n_bytes"] > 1000 and d["error"] is None'
check "nothing stays" test -z "$(ls -A "$jobs")"
finish
