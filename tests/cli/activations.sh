# SPDX-License-Identifier: MIT
# States in files: shape, order and index as a program of another language reads them, and what is refused.
source "$(dirname "$0")/_lib.sh"
need_models
need_python

cat >"$tmp/t.jsonl" <<'TEXTS'
{"messages":[{"role":"user","content":"How do I make tea?"}],"response":"Boil water.","polarity":"negative"}
{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello!"}]}

{"prompt":"Once upon a time","response":" there was a cat."}
TEXTS

expect 0 -- activations -m "$source_model" "$tmp/t.jsonl" -o "$tmp/all.npy" --blocks 1-2,4 --mode all --json
check "items, blocks and shape" python3 - "$out" "$tmp" <<'PY'
import json, struct, sys
d = json.load(open(sys.argv[1])); tmp = sys.argv[2]
assert d["schema"] == "persona.activations/1" and d["items"] == 3 and d["blocks"] == [1, 2, 4], d
assert d["output"] == tmp + "/all.npy" and d["index"] == tmp + "/all.npy.index.json"
i = json.load(open(d["index"]))
assert i["complete"] and [x["line"] for x in i["items"]] == [1, 2, 4] and i["items"][0]["polarity"] == "negative", i
assert sum(x["n_rows"] for x in i["items"]) == i["n_rows"] == d["shape"][0] == d["n_tokens"]
assert "".join(i["items"][2]["tokens"]) == " there was a cat."
b = open(d["output"], "rb").read()
assert b[:8] == b"\x93NUMPY\x01\x00" and struct.unpack("<H", b[8:10])[0] == 182
head = eval(b[10:192])
assert head["shape"] == tuple(d["shape"]) and head["descr"] == "<f4" and len(b) == 192 + 4 * d["shape"][0] * 3 * d["shape"][2]
PY
expect 0 -- activations -m "$source_model" "$tmp/t.jsonl" -o "$tmp/mean.safetensors" --blocks 1-2,4 --json
check "the mean of all rows is the row of the mean" python3 - "$tmp" <<'PY'
import json, struct, sys
tmp = sys.argv[1]
b = open(tmp + "/mean.safetensors", "rb").read()
n, = struct.unpack("<Q", b[:8]); h = json.loads(b[8:8 + n]); t = h["activations"]
assert (8 + n) % 8 == 0 and t["dtype"] == "F32" and t["shape"][:2] == [3, 3] and t["data_offsets"] == [0, len(b) - 8 - n]
assert h["__metadata__"]["blocks"] == "1,2,4"
width = 3 * t["shape"][2]
mean = struct.unpack(f"<{3 * width}f", b[8 + n:])
a = open(tmp + "/all.npy", "rb").read()[192:]
rows = struct.unpack(f"<{len(a) // 4}f", a)
for k, x in enumerate(json.load(open(tmp + "/all.npy.index.json"))["items"]):
    for j in range(width):
        s = sum(rows[(x["row"] + i) * width + j] for i in range(x["n_rows"])) / x["n_rows"]
        assert abs(s - mean[k * width + j]) <= 1e-5 * abs(s) + 1e-4, (k, j, s)
PY
expect 64 "ends in .npy or .safetensors" -- activations -m "$source_model" "$tmp/t.jsonl" -o "$tmp/x.bin"
expect 64 "3-x" -- activations -m "$source_model" "$tmp/t.jsonl" -o "$tmp/x.npy" --blocks 3-x
expect 64 "not within 0-" -- activations -m "$source_model" "$tmp/t.jsonl" -o "$tmp/x.npy" --blocks 2-99
expect 64 "one file of texts" -- activations -m "$source_model" -o "$tmp/x.npy"
expect 66 "none.jsonl" -- activations -m "$source_model" "$tmp/none.jsonl" -o "$tmp/x.npy"
echo '{"prompt": 3}' >>"$tmp/t.jsonl"
expect 65 "t.jsonl:5: .*prompt" -- activations -m "$source_model" "$tmp/t.jsonl" -o "$tmp/x.npy"
: >"$tmp/empty.jsonl"
expect 65 "holds no text" -- activations -m "$source_model" "$tmp/empty.jsonl" -o "$tmp/x.npy"
expect 74 "cannot write|cannot create|none" -- activations -m "$source_model" "$tmp/t.jsonl" -o /proc/none/x.npy
check "nothing half-written" test ! -e "$tmp/x.npy" -a ! -e "$tmp/x.npy.index.json"

# two outputs of one name have an index each
head -1 "$tmp/t.jsonl" >"$tmp/one.jsonl"
head -2 "$tmp/t.jsonl" >"$tmp/two.jsonl"
expect 0 -- activations -m "$source_model" "$tmp/one.jsonl" -o "$tmp/twin.npy"
expect 0 -- activations -m "$source_model" "$tmp/two.jsonl" -o "$tmp/twin.safetensors"
check "each index speaks of its own file" python3 -c '
import json, sys
a, b = (json.load(open(sys.argv[1] + "/twin" + x + ".index.json")) for x in (".npy", ".safetensors"))
assert a["file"].endswith("twin.npy") and b["file"].endswith("twin.safetensors") and len(a["items"]) == 1 < len(b["items"])' "$tmp"
finish
