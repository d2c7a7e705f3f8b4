#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gen_corpus.py - writes tests/fuzz/corpus/{gguf,safetensors,json,f32,pt,pickle,textfile,reply}: small files, most of
them wrong in one way, which every build replays (tests/fuzz/replay.c) and the fuzzers start from. Those named
good* must be accepted (for pickles: as far as the pickle goes), the others refused.

    python3 tools/gen_corpus.py

Standard library only. The bytes are built by hand, so that they can be what no writer writes.
"""
import io
import json
import math
import shutil
import struct
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "tests"
OUT, FIXTURES = ROOT / "fuzz" / "corpus", ROOT / "fixtures" / "vectors"
HUGE = 2 ** 63 - 1


def save(parser, name, data):
    folder = OUT / parser
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


# ---- GGUF

def text(s):
    b = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(b)) + b


def kv(name, kind, payload):
    return text(name) + struct.pack("<I", kind) + payload


ARCH = kv("general.architecture", 8, text("controlvector"))


def tensor(name="direction.1", dims=(2,), kind=0, offset=0):
    return text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)


def gguf(keys=(ARCH,), tensors=None, data=struct.pack("<2f", 1, 2), version=3, n_tensors=None, n_keys=None, align=32):
    tensors = [tensor()] if tensors is None else tensors
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors) if n_tensors is None else n_tensors,
                                 len(keys) if n_keys is None else n_keys) + b"".join(keys) + b"".join(tensors)
    return head + b"\0" * (-len(head) % align) + data + b"\0" * (-len(data) % align)


good = gguf()
G = {
    "good": good, "magic": b"GGUF", "counts_cut": good[:20], "key_cut": good[:40], "tensor_cut": good[:-80], "data_cut": good[:-32],
    "version_1": gguf(version=1), "version_4": gguf(version=4), "version_swapped": gguf(version=0x03000000),
    "tensors_huge": gguf(n_tensors=HUGE), "tensors_negative": gguf(n_tensors=2 ** 64 - 1), "keys_huge": gguf(n_keys=HUGE),
    "keys_missing": gguf(keys=[]), "key_empty": gguf(keys=[ARCH, kv("", 4, struct.pack("<I", 1))]),
    "key_twice": gguf(keys=[ARCH, ARCH]), "key_name_huge": gguf(keys=[struct.pack("<Q", HUGE) + b"x"]),
    "string_huge": gguf(keys=[text("general.architecture") + struct.pack("<IQ", 8, 2 ** 62)]),
    "type_13": gguf(keys=[ARCH, kv("a", 13, b"\0" * 8)]), "type_negative": gguf(keys=[ARCH, kv("a", 2 ** 32 - 1, b"\0" * 8)]),
    "array_huge": gguf(keys=[ARCH, kv("a", 9, struct.pack("<IQ", 4, 2 ** 62))]),
    "array_of_strings_huge": gguf(keys=[ARCH, kv("a", 9, struct.pack("<IQ", 8, 2 ** 61))]),
    "array_of_arrays": gguf(keys=[ARCH, kv("a", 9, struct.pack("<IQ", 9, 1) + struct.pack("<IQ", 4, 0))]),
    "good_array_empty": gguf(keys=[ARCH, kv("a", 9, struct.pack("<IQ", 4, 0))]),
    "alignment_0": gguf(keys=[ARCH, kv("general.alignment", 4, struct.pack("<I", 0))]),
    "alignment_3": gguf(keys=[ARCH, kv("general.alignment", 4, struct.pack("<I", 3))]),
    "alignment_huge": gguf(keys=[ARCH, kv("general.alignment", 4, struct.pack("<I", 2 ** 31))]),
    "alignment_string": gguf(keys=[ARCH, kv("general.alignment", 8, text("32"))]),
    "alignment_array": gguf(keys=[ARCH, kv("general.alignment", 9, struct.pack("<IQI", 4, 1, 32))]),
    "good_alignment_64": gguf(keys=[ARCH, kv("general.alignment", 4, struct.pack("<I", 64))], align=64),
    "dims_0": gguf(tensors=[tensor(dims=())]), "dims_5": gguf(tensors=[tensor(dims=(1,) * 5)]),
    "dim_zero": gguf(tensors=[tensor(dims=(2, 0))]), "dim_zero_first": gguf(tensors=[tensor(dims=(0, 2))]),
    "dim_negative": gguf(tensors=[tensor(dims=(2 ** 64 - 1,))]), "dims_overflow": gguf(tensors=[tensor(dims=(2 ** 32, 2 ** 32))]),
    "width_huge": gguf(tensors=[tensor(dims=(2 ** 31,))]), "width_2d": gguf(tensors=[tensor(dims=(1, 2))]),
    "widths_differ": gguf(tensors=[tensor(), tensor("direction.2", (3,), 0, 32)], data=b"\0" * 64),
    "tensor_twice": gguf(tensors=[tensor(), tensor(offset=32)], data=b"\0" * 64),
    "tensor_type": gguf(tensors=[tensor(kind=8, dims=(32,))]), "tensor_type_unknown": gguf(tensors=[tensor(kind=1000)]),
    "tensor_type_removed": gguf(tensors=[tensor(kind=4, dims=(32,))]), "tensor_type_negative": gguf(tensors=[tensor(kind=2 ** 32 - 1)]),
    "name_other": gguf(tensors=[tensor("output.weight")]), "good_name_0": gguf(tensors=[tensor("direction.0")]),
    "name_huge_number": gguf(tensors=[tensor("direction.99999999999999999999")]), "name_zero_padded": gguf(tensors=[tensor("direction.01")]),
    "name_nul": gguf(tensors=[tensor(b"direction.1\0x")]), "name_long": gguf(tensors=[tensor("direction." + "1" * 80)]),
    "good_block_4096": gguf(tensors=[tensor("direction.4096")]),
    "offset_huge": gguf(tensors=[tensor(offset=2 ** 63)]), "offset_odd": gguf(tensors=[tensor(offset=4)]),
    "nan": gguf(data=struct.pack("<2f", 1, math.nan)), "infinite": gguf(data=struct.pack("<2f", -math.inf, 1)),
    "good_zeros": gguf(data=b"\0" * 8), "good_half": gguf(tensors=[tensor(kind=1)], data=b"\0\x3c\0\x40"), "bf16_nan": gguf(tensors=[tensor(kind=30)], data=b"\xc0\x7f\xc0\x7f"),
    "architecture_model": gguf(keys=[kv("general.architecture", 8, text("llama"))]),
    "architecture_number": gguf(keys=[kv("general.architecture", 4, struct.pack("<I", 1))]),
    "good_hint_not_utf8": gguf(keys=[ARCH, kv("controlvector.model_hint", 8, text(b"\xff\xfe"))]),
    "good_hint_escape": gguf(keys=[ARCH, kv("controlvector.model_hint", 8, text("\x1b[2J"))]),
    "easysteer_not_json": gguf(keys=[ARCH, kv("controlvector.easysteer", 8, text("{"))]),
    "easysteer_router": gguf(keys=[ARCH, kv("controlvector.easysteer", 8, text('{"component":"router_logits"}'))]),
    "ours_block_0": gguf(keys=[ARCH, kv("persona.version", 4, struct.pack("<I", 1))], tensors=[tensor("direction.0")]),
    "ours_n_layer": gguf(keys=[ARCH, kv("persona.n_layer", 4, struct.pack("<I", 1))]),
    "ours_n_layer_huge": gguf(keys=[ARCH, kv("persona.n_layer", 4, struct.pack("<I", 2 ** 32 - 1))]),
    "ours_best": gguf(keys=[ARCH, kv("persona.layer.best", 5, struct.pack("<i", -2 ** 31))]),
    "ours_counts": gguf(keys=[ARCH, kv("persona.counts", 9, struct.pack("<IQi", 5, 1, 1))]),
    "good_ours_arrays": gguf(keys=[ARCH, kv("persona.layers.auroc", 9, struct.pack("<IQ2f", 6, 2, 0.5, math.inf))]),
    "ours_dose_infinite": gguf(keys=[ARCH, kv("persona.dose", 6, struct.pack("<f", math.inf))]),
    "ours_trait_number": gguf(keys=[ARCH, kv("persona.trait", 4, struct.pack("<I", 1))]),
}

# ---- safetensors


def st(header, data=struct.pack("<2f", 1, 2), n=None):
    h = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(h) if n is None else n) + h + data


def row(name="direction.1", dtype="F32", shape=(2,), offsets=(0, 8)):
    return f'"{name}":{{"dtype":{json.dumps(dtype)},"shape":{json.dumps(shape)},"data_offsets":{json.dumps(offsets)}}}'


def persona(p):
    return "{" + f'"__metadata__":{{"persona":{json.dumps(json.dumps(p) if not isinstance(p, str) else p)}}},' + row() + "}"


S = {
    "good": st("{" + row() + "}"), "good_persona": st(persona({"version": 1, "n_layer": 3, "counts": [1, 2, 3, 4], "layers.auroc": [None, 0.5, None]})),
    "length_huge": st("{}", n=2 ** 63), "length_zero": st("{}", n=0), "length_beyond": st("{" + row() + "}", n=10 ** 6), "length_short": st("{" + row() + "}", n=5),
    "empty_header": st("{}"), "not_json": st("{" * 20), "deep": st("{\"a\":" + "[" * 2000 + "]" * 2000 + "}"), "not_utf8": st(b'{"\xff\xfe":1}'),
    "overlap": st("{" + row() + "," + row("direction.2", offsets=(4, 12)) + "}", b"\0" * 12),
    "same_place": st("{" + row() + "," + row("direction.2") + "}"), "gap": st("{" + row(offsets=(8, 16)) + "}", b"\0" * 16),
    "tail": st("{" + row() + "}", b"\0" * 64), "truncated": st("{" + row() + "}", b"\0" * 4), "no_data": st("{" + row() + "}", b""),
    "offsets_reversed": st("{" + row(offsets=(8, 0)) + "}"), "offsets_negative": st("{" + row(offsets=(-8, 0)) + "}"), "offsets_huge": st("{" + row(offsets=(0, 2 ** 63)) + "}"),
    "offsets_float": st("{" + row(offsets=(0.5, 8.5)) + "}"), "offsets_one": st("{" + row(offsets=(0,)) + "}"), "offsets_text": st('{"direction.1":{"dtype":"F32","shape":[2],"data_offsets":"08"}}'),
    "shape_huge": st("{" + row(shape=(2 ** 40,), offsets=(0, 2 ** 42)) + "}"), "shape_zero": st("{" + row(shape=(0,), offsets=(0, 0)) + "}"), "shape_2d": st("{" + row(shape=(1, 2)) + "}"),
    "shape_none": st("{" + row(shape=()) + "}"), "dtype_i64": st("{" + row(dtype="I64") + "}"), "dtype_number": st("{" + row(dtype=7) + "}"),
    "half": st("{" + row(dtype="F16", offsets=(0, 4)) + "}", b"\0\x3c\0\xfc"), "good_bf16": st("{" + row(dtype="BF16", offsets=(0, 4)) + "}", b"\x80\x3f\x80\xbf"),
    "twice": st("{" + row() + "," + row(offsets=(8, 16)) + "}", b"\0" * 16), "twice_other_name": st("{" + row() + "," + row("layer_1", offsets=(8, 16)) + "}", b"\0" * 16),
    "widths": st("{" + row() + "," + row("direction.2", shape=(1,), offsets=(8, 12)) + "}", b"\0" * 12), "name": st("{" + row("lm_head") + "}"),
    "name_huge": st("{" + row("direction.123456789012345678901234567890") + "}"), "nan": st("{" + row() + "}", struct.pack("<2f", math.nan, 0)),
    "metadata_number": st('{"__metadata__":7,' + row() + "}"), "persona_not_json": st(persona("{")), "persona_array": st(persona([1])), "persona_n_layer": st(persona({"n_layer": 1})),
    "persona_n_layer_huge": st(persona({"n_layer": 1e300})), "persona_best": st(persona({"layer.best": 99})), "persona_seed": st(persona({"seed": -1})),
    "persona_counts": st(persona({"counts": [1]})), "persona_layers": st(persona({"layers.auroc": [1, "x"]})), "good_persona_control": st(persona({"trait": "a\u0007"})), "persona_nul": st(persona({"trait": "a\u0000b"})),
}

# ---- JSON of the original project


def original(layers, **more):
    return json.dumps({"model_id": "m", "trait_id": "t", "vectors": layers, **more})


J = {
    "good": original({"layer_0": [1, 0], "layer_2": [0.6, -0.8]}), "good_persona": original({"layer_1": [1, 2]}, persona={"version": 1, "n_layer": 3, "trait": "silly"}),
    "open": "{", "empty_object": "{}", "array": "[]", "vectors_array": '{"vectors": []}', "vectors_empty": '{"vectors": {}}', "vectors_null": '{"vectors": null}',
    "layer_name": original({"layer_x": [1]}), "layer_huge": original({"layer_99999999999999": [1]}), "layer_negative": original({"layer_-1": [1]}), "layer_empty": original({"layer_1": []}),
    "layer_object": original({"layer_1": {"a": 1}}), "good_layer_4096": original({"layer_4096": [1]}), "widths": original({"layer_1": [1, 2], "layer_2": [1]}),
    "twice": '{"vectors": {"layer_1": [1], "layer_1": [2]}}', "null_value": original({"layer_1": [1, None]}), "string_value": original({"layer_1": ["1"]}), "nested": original({"layer_1": [[1]]}),
    "nan": '{"vectors": {"layer_1": [NaN]}}', "infinity": '{"vectors": {"layer_1": [1e999]}}', "too_large": '{"vectors": {"layer_1": [3.5e38]}}', "good_float_max": '{"vectors": {"layer_1": [3.4028235e38, 1e-45, -0.0]}}',
    "good_integer_huge": '{"vectors": {"layer_1": [123456789012345678901234567890]}}', "not_utf8": b'{"trait_id": "\xff", "vectors": {"layer_1": [1]}}', "surrogate": '{"trait_id": "\\ud800", "vectors": {"layer_1": [1]}}',
    "good_control": '{"trait_id": "\\u001b[2J", "vectors": {"layer_1": [1]}}', "nul": '{"trait_id": "a\\u0000", "vectors": {"layer_1": [1]}}', "trait_number": original({"layer_1": [1]}, trait_id=7),
    "deep": '{"vectors": ' + '{"a": ' * 500 + "1" + "}" * 501, "trailing": original({"layer_1": [1]}) + "x", "bom": b"\xef\xbb\xbf" + original({"layer_1": [1]}).encode(), "good_space": " \n\t" + original({"layer_1": [1]}),
    "sidecar": '{"format": "ds4-directional-steering-v1", "shape": [1, 1]}', "persona_text": original({"layer_1": [1]}, persona="x"), "persona_reals": original({"layer_1": [1]}, persona={"dose": 1e300}),
    "persona_layers_huge": original({"layer_1": [1]}, persona={"layers.auroc": [1e300, 0]}), "persona_unit_number": original({"layer_1": [1]}, persona={"unit": 1}),
}

# ---- sidecar, NUL, raw floats


def f32(sidecar, rows=struct.pack("<4f", 0, 0, 1, 2)):
    s = sidecar if isinstance(sidecar, (bytes, str)) else json.dumps({"format": "ds4-directional-steering-v1", **sidecar})
    return (s if isinstance(s, bytes) else s.encode()) + b"\0" + rows


F = {
    "good": f32({"shape": [2, 2]}), "good_component": f32({"shape": [2, 2], "component": "ffn_out", "model": "m"}), "no_rows": b'{"format": "ds4-directional-steering-v1", "shape": [2, 2]}',
    "shape_missing": f32({}), "shape_one": f32({"shape": [4]}), "shape_three": f32({"shape": [1, 2, 2]}), "shape_zero": f32({"shape": [0, 0]}, b""), "shape_negative": f32({"shape": [-2, -2]}),
    "shape_float": f32({"shape": [2.5, 2]}), "shape_huge": f32({"shape": [1e300, 1]}), "shape_product": f32({"shape": [4097, 1048576]}), "shape_wrong": f32({"shape": [3, 2]}), "shape_text": f32({"shape": "22"}),
    "zeros": f32({"shape": [2, 2]}, b"\0" * 16), "nan": f32({"shape": [2, 2]}, struct.pack("<4f", 0, 0, 1, math.nan)), "rows_cut": f32({"shape": [2, 2]}, b"\0" * 15), "rows_more": f32({"shape": [2, 2]}, b"\1" * 20),
    "hash_wrong": f32({"shape": [2, 2], "sha256": "00"}), "hash_number": f32({"shape": [2, 2], "sha256": 7}), "format_other": f32('{"format": "x"}'), "format_number": f32('{"format": 7}'), "not_json": f32("x"), "empty": b"",
    "good_component_long": f32({"shape": [2, 2], "component": "c" * 5000}), "good_component_control": f32({"shape": [2, 2], "component": "\x1b]0;x"}), "good_model_number": f32({"shape": [2, 2], "model": 7}), "not_utf8": f32(b'{"format": "ds4-directional-steering-v1", "shape": [2, 2], "model": "\xc3("}'),
    "good_persona": f32({"shape": [2, 2], "persona": {"n_layer": 9, "layer.best": 1}}), "persona_best": f32({"shape": [2, 2], "persona": {"layer.best": 2}}), "persona_null": f32({"shape": [2, 2], "persona": None}),
}

# ---- pickles and the archives around them


def unicode(s):
    return b"X" + struct.pack("<I", len(s)) + s.encode()


def num(x):
    return b"J" + struct.pack("<i", x)


def pickle(rebuild=b"ctorch._utils\n_rebuild_tensor_v2\n", kind=b"ctorch\nFloatStorage\n", key="0", n=6, offset=0, size=(3, 2), stride=(2, 1), hooks=b"ccollections\nOrderedDict\n)R",
           head=b"\x80\x02", end=b"."):
    pair = lambda p: b"(" + b"".join(map(num, p)) + b"t"
    return (head + rebuild + b"((" + unicode("storage") + kind + unicode(key) + unicode("cpu") + num(n) + b"tQ" + num(offset) + pair(size) + pair(stride) +
            b"\x89" + hooks + b"tR" + end)


P = {
    "good": pickle(), "good_half": pickle(kind=b"ctorch\nHalfStorage\n"), "good_bf16": pickle(kind=b"ctorch\nBFloat16Storage\n"), "empty": b"", "proto_only": b"\x80\x02", "stop_only": b"\x80\x02.", "proto_4": pickle(head=b"\x80\x04"),
    "os_system": b"\x80\x02cos\nsystem\n" + unicode("echo no") + b"\x85R.", "builtins_eval": b"\x80\x02cbuiltins\neval\n" + unicode("1") + b"\x85R.", "stack_global": b"\x80\x02" + unicode("os") + unicode("system") + b"\x93.",
    "inst": b"\x80\x02(ios\nsystem\n.", "obj": b"\x80\x02(cos\nsystem\no.", "build": pickle(end=b"}b."), "setitems": pickle(end=b"(u."), "newobj": b"\x80\x02ccollections\nOrderedDict\n)\x81.",
    "ext": b"\x80\x02\x82\x01.", "dict": b"\x80\x02}" + unicode("layer") + pickle(head=b"", end=b"") + b"s.", "list": b"\x80\x02]" + pickle(head=b"", end=b"") + b"a.", "double": pickle(kind=b"ctorch\nDoubleStorage\n"),
    "parameter": pickle(rebuild=b"ctorch._utils\n_rebuild_parameter\n"), "numpy": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n.", "global_cut": b"\x80\x02ctorch._ut", "global_long": b"\x80\x02c" + b"a" * 4000 + b"\n\n.",
    "text_cut": b"\x80\x02X\xff\xff\xff\x7fabc", "text_huge": b"\x80\x02X\xff\xff\xff\xff", "long_huge": b"\x80\x02\x8a\xff" + b"\xff" * 255 + b".", "long_negative": pickle(size=(3, 2)).replace(num(6), b"\x8a\x08" + b"\xff" * 8, 1),
    "good_sizes_huge": pickle(n=2 ** 31 - 1, size=(2 ** 31 - 1, 2 ** 31 - 1)), "good_size_negative": pickle(size=(-3, -2)), "good_stride_zero": pickle(stride=(0, 0)), "good_offset_negative": pickle(offset=-1), "good_offset_beyond": pickle(offset=1), "good_n_small": pickle(n=5),
    "size_1d": pickle(size=(6,), stride=(1,)), "size_3d": pickle(size=(1, 3, 2), stride=(6, 2, 1)), "size_text": pickle().replace(num(3), unicode("3"), 1), "key_path": pickle(key="../../x"), "key_empty": pickle(key=""), "key_long": pickle(key="0" * 100),
    "hooks_full": pickle(hooks=b"}"), "reduce_tensor_twice": pickle(end=b"0R."), "reduce_empty": b"\x80\x02)R.", "reduce_global_only": b"\x80\x02ccollections\nOrderedDict\nR.", "dict_with_arguments": b"\x80\x02ccollections\nOrderedDict\n" + unicode("a") + b"\x85R.",
    "tuple_no_mark": b"\x80\x02K\x01t.", "tuple3_short": b"\x80\x02K\x01\x87.", "marks": b"\x80\x02" + b"(" * 500 + b".", "ints": b"\x80\x02" + b"K\x01" * 500 + b".", "tuples": b"\x80\x02" + b")" * 60 + b"\x87\x86" * 29 + b".", "cells": b"\x80\x02" + (b"(" + b"K\x01" * 60 + b"t") * 8 + b".",
    "memo_get_unset": b"\x80\x02h\x05.", "memo_high": b"\x80\x02K\x01q\xff.", "memo_long": b"\x80\x02K\x01r\xff\xff\xff\xff.", "memo_empty": b"\x80\x02q\x01.", "memo_self": b"\x80\x02)q\0h\0h\0\x86q\0h\0\x85.", "persid_other": b"\x80\x02K\x01Q.", "persid_module": b"\x80\x02(" + unicode("module") + b"ctorch\nFloatStorage\n" + unicode("0") + unicode("cpu") + num(6) + b"tQ.",
    "good_rest_behind_stop": pickle(end=b".") + b"cos\nsystem\n", "two_values": pickle(end=b"K\x01."), "no_stop": pickle(end=b""),
}


def archive(members, compression=zipfile.ZIP_STORED, comment=b""):
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w", compression) as z:
        for name, data in members:
            z.writestr(zipfile.ZipInfo(name), data, compression)
        z.comment = comment
    return b.getvalue()


def tensor_zip(pkl=None, data=struct.pack("<6f", 1, 2, 3, 4, 5, 6), more=(), root="a", **kw):
    return archive([(f"{root}/data.pkl", pickle() if pkl is None else pkl), (f"{root}/byteorder", b"little"), (f"{root}/data/0", data), *more], **kw)


def patch(b, signature, at, fmt, value):
    i = b.rindex(signature) + at
    return b[:i] + struct.pack(fmt, value) + b[i + struct.calcsize(fmt):]


END, ENTRY, LOCAL = b"PK\5\6", b"PK\1\2", b"PK\3\4"
z = tensor_zip()
end_at = z.rindex(END)
entry_at = z.index(ENTRY)


def zip64(n=3, size=None, at=None, locator=None):
    size = end_at - entry_at if size is None else size
    at = entry_at if at is None else at
    end64 = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, n, n, size, at)
    loc = struct.pack("<4sIQI", b"PK\6\7", 0, end_at if locator is None else locator, 1)
    return z[:end_at] + end64 + loc + z[end_at:]


lies = {"at": zip64(at=0), "at_huge": zip64(at=2 ** 63), "count": zip64(n=2 ** 62), "size_huge": zip64(size=2 ** 64 - 1), "locator": zip64(locator=2 ** 63), "locator_0": zip64(locator=0)}
Z = {
    "good": z, "good_zip64": zip64(), "good_offset": tensor_zip(pickle(n=8, offset=2), b"\0" * 8 + struct.pack("<6f", 1, 2, 3, 4, 5, 6)), "good_comment": tensor_zip(comment=b"hello"), "comment_end": tensor_zip(comment=END + b"\0" * 18),
    **{f"zip64_{k}": v for k, v in lies.items()}, "zip64_missing": patch(patch(z, END, 16, "<I", 2 ** 32 - 1), END, 10, "<H", 0xffff),
    "empty": archive([]), "signature": LOCAL, "cut_end": z[:-1], "cut_directory": z[:entry_at + 10], "cut_data": z[:120], "end_only": z[end_at:], "no_pickle": archive([("a/x", b"y")]), "two_pickles": tensor_zip(more=[("b/data.pkl", pickle())]),
    "compressed": tensor_zip(compression=zipfile.ZIP_DEFLATED), "encrypted": patch(z, ENTRY, 8, "<H", 1), "member_twice": tensor_zip(more=[("a/data/0", b"\0" * 24)]), "byteorder_big": z.replace(b"little", b"bigger"), "no_data": archive([("a/data.pkl", pickle())]),
    "data_short": tensor_zip(data=b"\0" * 20), "data_none": tensor_zip(data=b""), "zeros": tensor_zip(data=b"\0" * 24), "nan": tensor_zip(data=struct.pack("<6f", 1, 2, math.nan, 4, 5, 6)), "good_nan_in_last_row": tensor_zip(data=struct.pack("<6f", 1, 2, 3, 4, math.nan, 6)),
    "crc": z.replace(struct.pack("<f", 3), struct.pack("<f", 9)), "entry_signature": patch(z, ENTRY, 0, "<I", 0), "entry_name_huge": patch(z, ENTRY, 28, "<H", 0xffff), "entry_extra_huge": patch(z, ENTRY, 30, "<H", 0xffff), "entry_size_huge": patch(patch(z, ENTRY, 20, "<I", 0xfffffffe), ENTRY, 24, "<I", 0xfffffffe),
    "entry_size_zip64_absent": patch(patch(z, ENTRY, 20, "<I", 0xffffffff), ENTRY, 24, "<I", 0xffffffff), "entry_offset_huge": patch(z, ENTRY, 42, "<I", 0xfffffff0), "entry_offset_inside": patch(z, ENTRY, 42, "<I", 7), "local_name": patch(z, LOCAL, 30, "<H", 0x2121), "local_extra_huge": patch(z, LOCAL, 28, "<H", 0xffff), "local_method": patch(z, LOCAL, 8, "<H", 8),
    "directory_count": patch(patch(z, END, 10, "<H", 900), END, 8, "<H", 900), "directory_counts_differ": patch(z, END, 8, "<H", 1), "directory_at": patch(z, END, 16, "<I", 0), "directory_beyond": patch(z, END, 16, "<I", len(z)), "directory_size": patch(z, END, 12, "<I", 2 ** 31), "parts": patch(z, END, 4, "<H", 1),
    "rows_2": tensor_zip(pickle(n=4, size=(2, 2))), "good_width_1": tensor_zip(pickle(n=6, size=(6, 1), stride=(1, 1))), "strided": tensor_zip(pickle(size=(3, 1), stride=(2, 1))), "key_other": tensor_zip(pickle(key="1")), "key_of_pickle": tensor_zip(pickle(key=".pkl")), "legacy": b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.",
    "tensor_n_small": tensor_zip(pickle(n=5)), "tensor_offset_negative": tensor_zip(pickle(offset=-1)), "tensor_offset_beyond": tensor_zip(pickle(offset=1)), "tensor_stride_zero": tensor_zip(pickle(stride=(0, 0))),
    "tensor_size_negative": tensor_zip(pickle(size=(-3, -2))), "tensor_sizes_huge": tensor_zip(pickle(n=2 ** 31 - 1, size=(2 ** 31 - 1, 2 ** 31 - 1))),
    "huge_rows": tensor_zip(pickle(n=2 ** 31 - 1, size=(4098, 2), stride=(2, 1))), "good_root_empty": tensor_zip(root=""), "root_none": archive([("data.pkl", pickle()), ("data/0", b"\0" * 24)]), "good_half": tensor_zip(pickle(kind=b"ctorch\nHalfStorage\n"), b"\0\x3c" * 6),
}

# ---- texts and replies

LINE = b'{"prompt":"a","response":"b","polarity":"positive"}'
CSV = b"question,prompt,answer,question_id,silly,coherence\n"
T = {
    "good": LINE + b"\n", "good_messages": b'{"messages":[{"role":"user","content":"a"}],"response":"b"}', "good_bom": b"\xef\xbb\xbf" + LINE, "good_crlf": LINE + b"\r\n" + LINE + b"\r\n", "good_empty_lines": b"\n\n" + LINE + b"\n\n",
    "good_unknown": LINE[:-1] + b',"x":[1,{"y":null}]}', "good_csv": CSV + b'q,p,"a ""b""\nc",silly_0_pos_0,80.5,90\n', "good_csv_empty_score": CSV + b"q,p,a,silly_0_pos_0,,\n", "prompts": b"hello\\nworld\n\nbye\n",
    "cut": LINE[:-1], "utf8": b'{"prompt":"\xff","response":"b"}', "utf8_cut": b'{"prompt":"\xc3', "nul": b'{"prompt":"a\0b","response":"c"}', "nul_escaped": b'{"prompt":"a\\u0000b","response":"c"}', "surrogate": b'{"prompt":"\\ud800","response":"c"}', "array": b"[" + LINE + b"]", "number": LINE + b"\n3\n",
    "nothing": b'{"polarity":"positive"}', "both": b'{"prompt":"a","messages":[],"response":"b"}', "role": b'{"messages":[{"role":"robot","content":"a"}],"response":"b"}', "role_missing": b'{"messages":[{"content":"a"}],"response":"b"}', "last_assistant": b'{"messages":[{"role":"assistant","content":"a"}],"response":"b"}',
    "polarity": b'{"prompt":"a","response":"b","polarity":"up"}', "polarity_number": b'{"prompt":"a","response":"b","polarity":1}', "label_high": b'{"prompt":"a","response":"b","label":101}', "label_text": b'{"prompt":"a","response":"b","label":"9"}', "response_number": b'{"prompt":"a","response":3}',
    "good_deep": b'{"prompt":"a","response":"b","x":' + b"[" * 3000 + b"]" * 3000 + b"}", "deep_open": b"[" * 5000, "csv_column": CSV.replace(b"answer", b"reply") + b"q,p,a,silly_0_pos_0,1,1\n", "csv_fields": CSV + b"q,p,a\n", "csv_quote": CSV + b'q,p,"a,silly_0_pos_0,1,1\n', "good_csv_quote_inside": CSV + b'q,p,a"b,silly_0_pos_0,1,1\n',
    "csv_score": CSV + b"q,p,a,silly_0_pos_0,high,1\n", "csv_score_nan": CSV + b"q,p,a,silly_0_pos_0,nan,1\n", "csv_twice": CSV.replace(b"prompt", b"question") + b"q,p,a,x,1,1\n",
}


def reply(content, top=None):
    choice = {"message": {"role": "assistant", "content": content}}
    if top is not None:
        choice["logprobs"] = {"content": [{"token": content, "logprob": -0.1, "top_logprobs": [{"token": t, "logprob": x} for t, x in top]}]}
    return json.dumps({"choices": [choice]})


R = {
    "good": reply("80", [("80", -0.1), ("90", -2.5)]), "good_text": reply("80"), "good_words": reply("I would say 80."), "good_refusal": reply("REFUSAL"), "good_mass": reply("x", [("x", -0.01), ("5", -9)]), "good_huge_number": reply("9" * 400), "good_minus": reply("-5"),
    "empty": "", "text": "Bad Gateway", "array": "[]", "no_choices": '{"choices":[]}', "choices_text": '{"choices":"x"}', "choice_null": '{"choices":[null]}', "no_message": '{"choices":[{}]}', "good_content_number": '{"choices":[{"message":{"content":3}}]}', "error": '{"error":{"message":"no\\nmore"}}',
    "cut": reply("80", [("80", -0.1)])[:-5], "utf8": b'{"choices":[{"message":{"content":"\xff"}}]}', "deep": "[" * 4000,
}

if __name__ == "__main__":
    for parser, samples in [("gguf", G), ("safetensors", S), ("json", J), ("f32", F), ("pickle", P), ("pt", Z), ("textfile", T), ("reply", R)]:
        shutil.rmtree(OUT / parser, ignore_errors=True)
        for name, data in samples.items():
            save(parser, name, data)
        print(f"{parser}: {len(samples)}")
    for name in ["repeng.gguf", "easysteer_v2.gguf", "cvector_generator.gguf"]:
        save("gguf", "good_" + name, (FIXTURES / name).read_bytes())
    for name in ["persona_vectors_fp32.pt", "persona_vectors_bf16.pt", "offset.pt", "dict.pt", "parameter.pt"]:
        save("pt", ("" if name in ("dict.pt", "parameter.pt") else "good_") + name, (FIXTURES / name).read_bytes())
    save("pickle", "good_torch", zipfile.ZipFile(FIXTURES / "persona_vectors_fp32.pt").read("persona_vectors_fp32/data.pkl"))
    save("json", "good_original", (FIXTURES / "original.json").read_bytes())
    save("safetensors", "good_saklas", (FIXTURES / "layers.safetensors").read_bytes())
    save("f32", "good_ds4", (FIXTURES / "ds4.json").read_bytes() + b"\0" + (FIXTURES / "ds4.f32").read_bytes())
