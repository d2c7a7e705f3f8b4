# SPDX-License-Identifier: MIT
# Vector files of other programs through the program: show, compare, convert, combine.
source "$(dirname "$0")/_lib.sh"
need_python
v=$PERSONA_SOURCE_DIR/tests/fixtures/vectors

# keys EXPRESSION: a Python condition on the document d
keys() {
    n_run=$((n_run + 1))
    python3 - "$out" "$1" <<'PY' || bad "not true: $1"
import json, math, sys
d = json.load(open(sys.argv[1]))
assert eval(sys.argv[2]), json.dumps(d)[:600]
PY
}

# values FILE: directions as JSON, by a reader of our own for GGUF, .f32 and safetensors
cat >"$tmp/values.py" <<'PY'
import json, struct, sys
path = sys.argv[1]
b = open(path, "rb").read()
def row(at, n): return list(struct.unpack_from(f"<{n}f", b, at))
if path.endswith(".safetensors"):
    n, = struct.unpack_from("<Q", b); h = json.loads(b[8:8 + n])
    v = {k.split(".")[1]: row(8 + n + t["data_offsets"][0], t["shape"][0]) for k, t in h.items() if k[0] != "_"}
elif path.endswith(".f32"):
    layers, n = json.load(open(path[:-4] + ".json"))["shape"]
    v = {str(k): row(k * n * 4, n) for k in range(layers)}
elif path.endswith(".json"):
    v = {k.split("_")[1]: [struct.unpack("<f", struct.pack("<f", x))[0] for x in r] for k, r in json.load(open(path))["vectors"].items()}
elif path.endswith(".pt"):
    import zipfile
    z = zipfile.ZipFile(path); assert z.testzip() is None
    b = z.read("archive/data/0"); n = 8
    v = {str(k): row((k + 1) * n * 4, n) for k in range(len(b) // (4 * n) - 2)}
print(json.dumps({k: r for k, r in sorted(v.items()) if any(r) and int(k) in range(1, 4)}))
PY

want=$(python3 -c '
import json, sys
print(json.dumps({str(b): r for b, r in enumerate(json.load(open(sys.argv[1]))["raw"]) if 1 <= b <= 3}))' "$v/values.json")
for format in safetensors json f32 pt; do
    expect 0 "direction.0 kept" -- vector convert "$v/easysteer_v1.gguf" "$tmp/x_$format.$format"
    check "$format holds the values" test "$(python3 "$tmp/values.py" "$tmp/x_$format.$format")" = "$want"
    expect 0 -- vector show "$tmp/x_$format.$format" --json
    keys "d['format'] == '$format' and d['n_embd'] == 8 and len(d['layers']) >= 4"
    expect 0 -- vector compare "$tmp/x_$format.$format" "$v/easysteer_v1.gguf" --json
    keys 'all(abs(l["cosine"] - 1) < 1e-9 for l in d["layers"]) and [l["layer"] for l in d["layers"]][:4] == [0, 1, 2, 3]'
    expect 0 "block 0 left out" -- vector convert "$tmp/x_$format.$format" "$tmp/y.gguf"
    expect 0 -- vector compare "$tmp/y.gguf" "$v/easysteer_v1.gguf" --json
    keys 'd["layers"][0]["layer"] == 1 and all(abs(l["cosine"] - 1) < 1e-9 for l in d["layers"])'
done
expect 0 -- vector convert "$v/persona_vectors_bf16.pt" "$tmp/p.gguf" --json
keys 'd["output"].endswith("p.gguf") and d["from"] == "pt" and d["to"] == "gguf" and d["unit"] == "raw mean difference"'
keys 'any("row N+1 is block N" in n for n in d["notes"]) and d["source"] == "persona_vectors" and d["n_directions"] == 4'
expect 0 -- vector convert "$v/repeng.gguf" "$tmp/z" --to pt --model-arch llama --n-layer 6
expect 0 -- vector show "$tmp/z" --json
keys 'd["format"] == "pt" and d["n_layer"] == 6 and d["unit"] == "unit norm"'
expect 0 -- vector convert "$v/layers.safetensors" "$tmp/n.gguf" --normalize
expect 0 -- vector show "$tmp/n.gguf" --json
keys 'd["unit"] == "unit norm" and all(abs(l["norm"] - 1) < 1e-6 for l in d["layers"])'

# a triple: debias + pos
expect 0 "axis__debias.gguf \+ .*axis__pos.gguf" -- vector convert "$v/axis__pos.gguf" "$tmp/full.gguf" --debias "$v/axis__debias.gguf"
expect 0 -- vector combine "$tmp/full.gguf - $v/axis__debias.gguf" -o "$tmp/pos.gguf"
expect 0 -- vector compare "$tmp/pos.gguf" "$v/axis__pos.gguf" "$v/axis__neg.gguf" --json
keys 'len(d["pairs"]) == 3 and all(l["cosine"] > 0.999999 for l in d["pairs"][0]["layers"])'
keys 'all(l["cosine"] < -0.999999 for p in d["pairs"][1:] for l in p["layers"])'
expect 0 -- vector compare "$tmp/pos.gguf" "$v/axis__pos.gguf" "$v/axis__neg.gguf"
check "a column for each pair" grep -q '1-2 .*1-3 .*2-3' "$out"

expect 0 -- vector combine " -$v/repeng.gguf@2-3" -o "$tmp/minus.safetensors" --json
keys 'd["n_directions"] == 2 and d["to"] == "safetensors"'
expect 0 "units differ" -- vector combine "$v/repeng.gguf + 0.5*$v/layers.safetensors" -o "$tmp/mix.gguf"

# ---- what a file says about its use is not passed over
if [[ -e $source_model ]]; then
    read -r width blocks < <("$PERSONA" models info "$source_model" --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
print(d["n_embd"], d["n_layer"] - 1)')
    for key in glp.mode=add glp.hook_point=residual_stream_post_layer glp.derived_at=attn_out_pre_residual; do
        python3 "$PERSONA_SOURCE_DIR/tests/cli/make_gguf.py" vector "$tmp/add.gguf" "$width" "$blocks" "$key"
        expect 0 -- generate -m "$source_model" -p Hi --steer "raw:$tmp/add.gguf@3" -n 2
    done
    for key in glp.mode=project glp.hook_point=ffn_out_pre_residual glp.layer_ids_zero_based=7,8 x.operation=ablate \
        controlvector.layer_offset=1; do
        python3 "$PERSONA_SOURCE_DIR/tests/cli/make_gguf.py" vector "$tmp/other.gguf" "$width" "$blocks" "$key"
        expect 0 -- vector show "$tmp/other.gguf" --json
        keys "d['unapplied'] == '$key'"
        expect 0 "$key is kept as persona.unapplied" -- vector convert "$tmp/other.gguf" "$tmp/other.safetensors"
        for file in "$tmp/other.gguf" "$tmp/other.safetensors"; do
            expect 65 "says $key" -- generate -m "$source_model" -p Hi --steer "raw:$file@3"
            expect 65 "says $key" -- generate -m "$source_model" -p Hi --control-vector "$file"
            expect 65 "says $key" -- transfer --from "$source_model" --to "$target_model" --vector "$file" -t silly
            expect 65 "says $key" -- vector combine "2*$file" -o "$tmp/x.gguf"
        done
    done
fi

# ---- in the model's own words
if [[ -e $source_model ]]; then
    python3 "$PERSONA_SOURCE_DIR/tests/cli/make_gguf.py" vector "$tmp/words.gguf" "$width" "$blocks"
    expect 0 -- vector explain "$tmp/words.gguf" -m "$source_model" --top 7 --json
    keys 'd["matrix"] == "token_embd.weight" and all(len(l[k]) == 7 for l in d["layers"] for k in ("promoted", "suppressed", "promoted_ids", "promoted_logits"))'
    keys 'all(isinstance(t, str) for t in d["layers"][0]["promoted"]) and d["layers"][0]["promoted_logits"] == sorted(d["layers"][0]["promoted_logits"], reverse=True)'
    keys 'd["n_tokens"] + d["n_left_out"] == 2048 and len(d["layers"]) > 3'
    expect 0 -- vector explain "$tmp/words.gguf" -m "$source_model"
    check "the last block in full" grep -Eq "^block [0-9]+ suppresses: .*" "$out"
    expect 65 "wide, the model" -- vector explain "$tmp/words.gguf" -m "$target_model"
    expect 64 "--model is missing" -- vector explain "$tmp/words.gguf"
    expect 64 "does not go with show" -- vector show "$tmp/words.gguf" --top 3
fi

# ---- errors
expect 64 "names no format" -- vector convert "$v/repeng.gguf" "$tmp/x.bin"
expect 64 "--to wants gguf, safetensors, json, f32 or pt, not 'jpg'" -- vector convert "$v/repeng.gguf" "$tmp/x.bin" --to jpg
expect 65 "at least 4 blocks \(not 3\)" -- vector convert "$v/repeng.gguf" "$tmp/x.gguf" --n-layer 3
expect 66 "none.gguf" -- vector combine "none.gguf" -o "$tmp/x.gguf"
expect 64 "column" -- vector combine "a +" -o "$tmp/x.gguf"
expect 64 "ratio:" -- vector combine "ratio:$v/repeng.gguf" -o "$tmp/x.gguf"
expect 64 "phase" -- vector combine "$v/repeng.gguf:prompt" -o "$tmp/x.gguf"
expect 65 "attention_heads" -- vector show "$v/easysteer_heads.gguf"
expect 65 "opcode 0x7d" -- vector show "$v/dict.pt"
expect 65 "no vector file" -- vector show "$0"
expect 74 "none" -- vector convert "$v/repeng.gguf" /proc/none/x.pt
check "nothing half-written" test ! -e "$tmp/x.gguf" -a ! -e "$tmp/x.bin"
finish
