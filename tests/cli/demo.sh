# SPDX-License-Identifier: MIT
# The demo in small: one document with its keys, and a report that stands alone.
source "$(dirname "$0")/_lib.sh"
need_models
need_python

few_questions 3
expect 0 -- demo --out "$tmp/demo" --traits silly --questions "$few" --max-tokens 24 --json
n_run=$((n_run + 1))
python3 - "$out" <<'PY' || bad "the keys of the demo"
import json, os, sys
d = json.load(open(sys.argv[1]))
assert d["schema"] == "persona.demo/1"
for side, arch in ("source", "qwen2"), ("target", "gpt-oss"):
    assert d[side]["arch"] == arch and d[side]["n_layer"] > 1 and d[side]["n_embd"] > 1 and d[side]["name"]
assert os.path.getsize(d["report"]) > 10000 and d["seconds"] > 0
(t,) = d["traits"]
assert t["trait"] == "silly" and isinstance(t["kept"], int)
known = {"unsteered", "prompt", "native", "transferred", "in-sample", "text-bridge", "sampling", "random",
         "shuffled", "other-trait", "identity", "lexical", "random-source"}
assert t["error"] or {"unsteered", "prompt", "transferred", "random", "sampling"} <= {r["condition"] for r in t["rows"]}
for r in t["rows"]:
    assert r["condition"] in known and 0 <= r["score"] <= 100 and 0 <= r["coherence"] <= 100 and r["n"] > 0
    assert r["ci"][0] <= r["score"] <= r["ci"][1]
assert t["verdict"] in ("PASS", "FAIL", None)
PY
report=$tmp/demo/report.html
check "the report is there" test -s "$report"
check "the report needs no network" bash -c '! grep -Eiq "(src|href)=\"(https?:)?//" "$1"' _ "$report"
check "the report needs no script" bash -c '! grep -qi "<script" "$1"' _ "$report"
finish
