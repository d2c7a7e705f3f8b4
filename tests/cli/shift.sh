# SPDX-License-Identifier: MIT
# What training has moved: a copy of a model with a known direction added is found out, along that direction only;
# what a model leans to, by itself and under a system prompt.
source "$(dirname "$0")/_lib.sh"
need_models
need_python

read -r width blocks < <("$PERSONA" models info "$target_model" --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
print(d["n_embd"], d["n_layer"] - 1)')

# Two directions, and the copy: 40 times the first is added behind the attention of block 3, for every token.
cat >"$tmp/edit.py" <<'PY'
import json, math, random, struct, sys
model, tmp, width = sys.argv[1], sys.argv[2], int(sys.argv[3])
random.seed(4)
def unit(*against):
    v = [random.gauss(0, 1) for _ in range(width)]
    for w in against:
        p = sum(a * b for a, b in zip(v, w))
        v = [a - p * b for a, b in zip(v, w)]
    n = math.sqrt(sum(a * a for a in v))
    return [a / n for a in v]
a = unit(); b = unit(a)
for name, v in (("added", a), ("other", b)):
    json.dump({"vectors": {"layer_3": [5 * x for x in v]}}, open(f"{tmp}/{name}.json", "w"))
d = bytearray(open(model, "rb").read()); at = 24
n_tensors, n_keys = struct.unpack_from("<QQ", d, 8)
size = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
def string():
    global at
    n, = struct.unpack_from("<Q", d, at); at += 8 + n
    return d[at - n:at].decode("utf-8", "replace")
def skip(kind):
    global at
    if kind == 8: string()
    elif kind == 9:
        inner, n = struct.unpack_from("<IQ", d, at); at += 12
        for _ in range(n): skip(inner)
    else: at += size[kind]
for _ in range(n_keys):
    string(); kind, = struct.unpack_from("<I", d, at); at += 4; skip(kind)
found = None
for _ in range(n_tensors):
    name = string(); n, = struct.unpack_from("<I", d, at)
    kind, offset = struct.unpack_from("<IQ", d, at + 4 + 8 * n); at += 16 + 8 * n
    if name == "blk.3.attn_output.bias": found = (kind, offset)
assert found and found[0] == 0, found
start = (at + 31) // 32 * 32 + found[1]
for i in range(width):
    x, = struct.unpack_from("<f", d, start + 4 * i)
    struct.pack_into("<f", d, start + 4 * i, x + 40 * a[i])
open(f"{tmp}/after.gguf", "wb").write(d)
PY
python3 "$tmp/edit.py" "$target_model" "$tmp" "$width"
cat >"$tmp/t.jsonl" <<'TEXTS'
{"messages":[{"role":"user","content":"Tell me about soup."}],"response":"Soup needs time, and rest helps."}
{"messages":[{"role":"user","content":"Tell me about tea."}],"response":"Tea needs hot water. Begin with the small things."}
{"messages":[{"role":"user","content":"How does chess work?"}],"response":"It is a game for two."}
TEXTS
expect 0 -- shift "$target_model" "$tmp/after.gguf" --vector "$tmp/added.json" --vector "$tmp/other.json" --block 3 --texts "$tmp/t.jsonl" --json
check "40 along the added direction, little along the other" python3 - "$out" <<'PY'
import json, sys
d = json.load(open(sys.argv[1])); v = {x["vector"].split("/")[-1]: x for x in d["vectors"]}
assert d["schema"] == "persona.shift/1" and d["n"] == 3
a, b = v["added.json"], v["other.json"]
print(a["shift"], b["shift"], a["forecast_shift"])
assert abs(a["shift"]["value"] - 40) < 12 and abs(a["forecast_shift"]["value"] - 40) < 12, a
assert abs(b["shift"]["value"]) < 12 and a["z"] is None, b
assert abs(a["after"]["value"] - a["before"]["value"] - a["shift"]["value"]) < 1e-6 and a["shift"]["ci"][0] <= a["shift"]["value"]
PY
expect 0 -- shift "$target_model" "$tmp/after.gguf" --vector "$tmp/added.json@3" --questions 4 --max-tokens 12
check "their own answers, too" grep -Eq "added.json +3 .* [0-9]" "$out"
expect 0 -- shift "$target_model" "$target_model" --vector "$tmp/added.json@3" --questions 2 --max-tokens 4 --json
check "a model has not moved from itself" python3 -c '
import json, sys
v = json.load(open(sys.argv[1]))["vectors"][0]
assert v["shift"]["value"] == 0 and v["forecast_shift"]["ci"] == [0, 0]' "$out"
expect 65 "not one model before and after" -- shift "$target_model" "$source_model" --vector "$tmp/added.json@3"
expect 64 "two models" -- shift "$target_model" --vector "$tmp/added.json@3"
expect 64 "--vector is missing" -- shift "$target_model" "$tmp/after.gguf"

# ---- what a model leans to
expect 66 "no vector to audit by" -- audit -m "$source_model"
few_questions 6
expect 0 -- extract -m "$source_model" -t silly --questions "$few" --no-calibrate --max-tokens 48 -q
expect 0 -- audit -m "$source_model" --questions 8 --max-tokens 24 --json
check "z-scores with intervals" python3 - "$out" <<'PY'
import json, sys
d = json.load(open(sys.argv[1])); v = d["vectors"][0]
assert d["schema"] == "persona.audit/1" and d["n_questions"] == 8 and v["vector"] == "silly" and d["base"] is None
z = (v["projection"]["value"] - v["neutral_mean"]) / v["neutral_sd"]
assert abs(z - v["z"]["value"]) < 1e-6 and v["z"]["ci"][0] <= z <= v["z"]["ci"][1] and v["leans"] in ("more", "less", "neutral")
PY
cp "$out" "$tmp/plain.json"
expect 0 -- audit -m "$source_model" --questions 8 --max-tokens 24 --system "You are a silly assistant. Be silly in everything you say." --json
check "a silly system prompt is seen" python3 -c '
import json, sys
a, b = (json.load(open(p))["vectors"][0] for p in sys.argv[1:])
assert b["z"]["value"] > a["z"]["value"] + 1 and b["leans"] == "more", (a, b)' "$tmp/plain.json" "$out"
expect 0 "neutral questions" -- audit -m "$source_model" --base "$source_model" --questions 2 --max-tokens 4
check "a table" grep -q "^silly" "$out"
expect 65 "not of one shape" -- audit -m "$target_model" --base "$source_model"

# Ctrl-C while the second model reads: the texts that both have read are compared
python3 -c '
import json
for i in range(150):
    print(json.dumps({"messages": [{"role": "user", "content": "Tell me of soup, part %d." % i}], "response": "Soup is warm. " * 8}))
' >"$tmp/long.jsonl"
part=none
start=$EPOCHREALTIME
expect 0 -- shift "$target_model" "$tmp/after.gguf" --vector "$tmp/added.json@3" --texts "$tmp/long.jsonl" -q
took=$(python3 -c "print($EPOCHREALTIME - $start)")
for share in 0.75 0.65 0.85 0.6 0.9; do
    set -m # else SIGINT is ignored in the background
    "$PERSONA" shift "$target_model" "$tmp/after.gguf" --vector "$tmp/added.json@3" --texts "$tmp/long.jsonl" --json >"$out" 2>"$err" </dev/null &
    pid=$!
    set +m
    sleep "$(python3 -c "print($took * $share)")"
    kill -INT "$pid" 2>"$tmp/ended" || true
    status=0
    wait "$pid" || status=$?
    if [[ $status == 130 ]] && grep -q "answers$" "$err"; then part=$out; break; fi
done
check "part of the texts is compared" python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert 3 <= d["n"] < 150 and abs(d["vectors"][0]["shift"]["value"] - 40) < 4 and d["error"]["message"] == "interrupted after %d of 150 answers" % d["n"]' "$part"
finish
