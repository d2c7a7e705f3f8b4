#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# resume_demo.sh - a demo that is ended by SIGINT and by SIGKILL goes on from the answers that were kept, and says
# what one says that nobody disturbed.

. "$(dirname "$0")/_lib.sh"
need_models
need_python

small=(demo --traits silly --questions 4 --max-tokens 24 --json)
# all answers in the jobs of the library
kept() {
    python3 - "$XDG_DATA_HOME/persona/jobs" <<'PY'
import glob, sqlite3, sys
n = 0
for path in glob.glob(sys.argv[1] + "/*.db"):
    try:
        n += sqlite3.connect(path).execute("SELECT count(*) FROM answer").fetchone()[0]
    except sqlite3.Error:
        pass
print(n)
PY
}

expect 0 -- "${small[@]}" --out "$tmp/whole"
cp "$out" "$tmp/whole.json"
rm -rf "$XDG_DATA_HOME" "$XDG_CACHE_HOME"

# disturb SIGNAL N: begins the demo and ends it once more than N answers are kept; $status is how it ended
disturb() {
    env --default-signal=INT "$PERSONA" "${small[@]}" --out "$tmp/killed" >/dev/null 2>"$err" &
    local pid=$!
    while kill -0 "$pid" 2>/dev/null && test "$(kept)" -le "$2"; do sleep 0.1; done
    kill "-$1" "$pid" 2>/dev/null || :
    status=0
    wait "$pid" 2>/dev/null || status=$?
}

disturb INT 5
check "Ctrl-C ends with 130" test "$status" = 130
check "and says how to go on" grep -q "the same command goes on" "$err"
check "and leaves no report" test ! -e "$tmp/killed/report.html"
first=$(kept)
check "answers are kept" test "$first" -gt 0
disturb KILL $((first + 50))
check "killed under way" test "$status" = 137
check "and leaves no report" test ! -e "$tmp/killed/report.html"
check "no answer is lost" test "$(kept)" -ge "$first"
expect 0 -- "${small[@]}" --out "$tmp/killed"
check "what it says is what an undisturbed one says" python3 - "$tmp/whole.json" "$out" <<'PY'
import json, sys
a, b = (json.load(open(p)) for p in sys.argv[1:3])
for d in (a, b):
    del d["seconds"], d["report"]
    for t in d["traits"]:
        for key in ("seconds", "resumed", "job", "output"):
            t.pop(key, None)
assert a == b, [k for k in a if a[k] != b[k]]
PY
check "with a report" test -s "$tmp/killed/report.html"
finish
