#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make_gguf.py - small GGUF files that are wrong in one way, or right.

  make_gguf.py vector OUT WIDTH BLOCKS [nan|zero|f16|f64|KEY=TEXT]   a control vector with directions 1..BLOCKS
  make_gguf.py vocab IN OUT                             the metadata of a model without its weights
  make_gguf.py split IN PREFIX N                        PREFIX-00001-of-0000N.gguf and so on; the first holds no tensor
"""
import math
import random
import struct
import sys

ALIGN = 32
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


def text(s):
    b = s.encode()
    return struct.pack("<Q", len(b)) + b


def vector(path, width, blocks, flaw=""):
    kv = text("general.architecture") + struct.pack("<I", 8) + text("controlvector")
    kv += text("controlvector.model_hint") + struct.pack("<I", 8) + text("any")
    kv += text("controlvector.layer_count") + struct.pack("<II", 4, blocks)
    if "=" in flaw:
        key, value = flaw.split("=")
        kv += text(key) + struct.pack("<I", 8) + text(value)
    random.seed(1)
    infos, data = b"", b""
    for b in range(1, blocks + 1):
        values = [random.gauss(0, 1) if flaw != "zero" else 0.0 for _ in range(width)]
        if flaw == "nan" and b == 2:
            values[3] = math.nan
        infos += text(f"direction.{b}") + struct.pack("<IQIQ", 1, width, {"f16": 1, "f64": 28}.get(flaw, 0), len(data))
        data += struct.pack(f"<{width}" + {"f16": "e", "f64": "d"}.get(flaw, "f"), *values)
        data += b"\0" * (-len(data) % ALIGN)
    head = b"GGUF" + struct.pack("<IQQ", 3, blocks, 4 if "=" in flaw else 3) + kv + infos
    with open(path, "wb") as f:
        f.write(head + b"\0" * (-len(head) % ALIGN) + data)


def skip_value(b, at, kind):
    if kind == 8:
        return at + 8 + struct.unpack_from("<Q", b, at)[0]
    if kind == 9:
        inner, n = struct.unpack_from("<IQ", b, at)
        at += 12
        for _ in range(n):
            at = skip_value(b, at, inner)
        return at
    return at + SIZES[kind]


def read(source):
    """The bytes, where the metadata end, and each tensor as (description without offset, data)."""
    with open(source, "rb") as f:
        b = f.read()
    n_tensors, n_kv = struct.unpack_from("<QQ", b, 8)
    at = 24
    for _ in range(n_kv):
        at += 8 + struct.unpack_from("<Q", b, at)[0]
        at = skip_value(b, at + 4, struct.unpack_from("<I", b, at)[0])
    end, infos, offsets = at, [], []
    for _ in range(n_tensors):
        start = at
        at += 8 + struct.unpack_from("<Q", b, at)[0]
        at += 4 + 8 * struct.unpack_from("<I", b, at)[0] + 4
        infos.append(b[start:at])
        offsets.append(struct.unpack_from("<Q", b, at)[0])
        at += 8
    base = at + -at % ALIGN
    ends = {x: y for x, y in zip(sorted(offsets), sorted(offsets)[1:] + [len(b) - base])}
    return b, end, [(info, b[base + x:base + ends[x]]) for info, x in zip(infos, offsets)]


def vocab(source, path):
    b, end, _ = read(source)
    head = b[:8] + struct.pack("<Q", 0) + b[16:end]
    with open(path, "wb") as f:
        f.write(head + b"\0" * (-len(head) % ALIGN))


def split(source, prefix, n):
    b, end, tensors = read(source)
    n_kv = struct.unpack_from("<Q", b, 16)[0]
    for part in range(n):
        kv = text("split.no") + struct.pack("<IH", 2, part) + text("split.count") + struct.pack("<IH", 2, n)
        kv += text("split.tensors.count") + struct.pack("<Ii", 5, len(tensors))
        mine = tensors[part - 1::n - 1] if part else []
        infos, data = b"", b""
        for info, values in mine:
            infos += info + struct.pack("<Q", len(data))
            data += values + b"\0" * (-len(values) % ALIGN)
        head = b[:8] + struct.pack("<QQ", len(mine), 3 if part else n_kv + 3) + (b"" if part else b[24:end]) + kv + infos
        with open(f"{prefix}-{part + 1:05d}-of-{n:05d}.gguf", "wb") as f:
            f.write(head + b"\0" * (-len(head) % ALIGN) + data)


if sys.argv[1] == "vector":
    vector(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:6])
elif sys.argv[1] == "split":
    split(sys.argv[2], sys.argv[3], int(sys.argv[4]))
else:
    vocab(sys.argv[2], sys.argv[3])
