#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/golden_{map,stats,classifier,lens}.json: what numpy says, for the C code to agree with.

Development only (needs numpy); the fixtures are committed. Every reference is computed the slow and
obvious way: held-out errors by refitting without the group, AUROC by counting pairs, ranks by hand.
Inputs are float32 numbers, so that both sides start from the same bits.
"""
import json
import pathlib
import struct

import numpy as np

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures"


def write(name, data):
    path = OUT / name
    path.write_text(json.dumps(data, indent=None, separators=(",", ":")) + "\n")
    print(path)


def prepare(x, centred=True):
    """Rows (centred) divided by the sd of each dimension (floored) and by their mean norm; the divisors."""
    z = x - x.mean(axis=0) if centred else x.copy()
    sd = np.sqrt((z ** 2).sum(axis=0) / (len(z) - centred))
    scale = np.where(sd > 0, np.maximum(sd, np.quantile(sd[sd > 0], .005)), 1)
    z = z / scale
    norm = np.linalg.norm(z, axis=1).mean()
    return z / norm, scale * norm


def left_out(zx, zy, group, lam, centred, pos, neg):
    """Errors of refits without each group, means refitted; R2 of rows and of contrasts."""
    e = np.empty_like(zy)
    for g in np.unique(group):
        out, kept = group == g, group != g
        mx, my = (zx[kept].mean(axis=0), zy[kept].mean(axis=0)) if centred else (0, 0)
        xk, yk = zx[kept] - mx, zy[kept] - my
        w = np.linalg.solve(xk.T @ xk + lam * np.eye(zx.shape[1]), xk.T @ yk)   # primal: not what is tested
        e[out] = zy[out] - my - (zx[out] - mx) @ w
    r2 = 1 - (e ** 2).sum() / (zy ** 2).sum()
    d = 1 - ((e[pos] - e[neg]) ** 2).sum() / ((zy[pos] - zy[neg]) ** 2).sum() if len(pos) else r2
    return r2, d


def map_case(method, x, y, group, v, pos, neg, relative, rank):
    centred = method != "paired"
    if method == "paired":
        x, y, group, pos, neg = x[pos] - x[neg], y[pos] - y[neg], group[pos], [], []
    zx, sx = prepare(x, centred)
    zy, sy = prepare(y, centred)
    lam = relative * (zx ** 2).sum() / len(zx)
    cond = ((np.linalg.svd(zx, compute_uv=False).max() ** 2) + lam) / lam
    r2 = contrast = None
    if method in ("ridge", "paired"):
        w = np.linalg.solve(zx.T @ zx + lam * np.eye(zx.shape[1]), zx.T @ zy)
        r2, contrast = left_out(zx, zy, group, lam, centred, pos, neg)
    elif method in ("lowrank", "procrustes"):
        vx, vy = (np.linalg.svd(z)[2][:rank].T for z in (zx, zy))
        xk, yk = zx @ vx, zy @ vy
        if method == "lowrank":
            b = np.linalg.solve(xk.T @ xk + lam * np.eye(rank), xk.T @ yk)
        else:
            left, s, right = np.linalg.svd(xk.T @ yk)
            b = left @ right * s.sum() / (xk ** 2).sum()
        w = vx @ b @ vy.T
    else:
        # every group but the last has one row, the last one equal rows: whichever are drawn, the anchors are these
        rows = np.array([np.flatnonzero(group == g)[0] for g in np.unique(group)])
        norm = np.linalg.norm(zx[rows], axis=1, keepdims=True)
        a, b = zx[rows] / norm, zy[rows] / norm
        w = np.linalg.solve(a.T @ a + relative * np.eye(a.shape[1]), a.T @ b)   # their mean eigenvalue is 1
        cond = (np.linalg.svd(a, compute_uv=False).max() ** 2 + relative) / relative
    return {"method": method, "lambda": relative, "rank": rank, "r2": r2, "r2_contrast": contrast,
            "mapped": (sy * (w.T @ (v / sx))).tolist(), "cond": cond}


def map_data(rng, n, ds, dt, group, same):
    x = rng.normal(size=(n, ds)) * np.array([1, 2, .5, 30, 1, .01, 1, 3])[:ds] + rng.normal(size=ds)
    x[same] = x[same[0]]
    y = x @ rng.normal(size=(ds, dt)) + .5 * rng.normal(size=(n, dt)) + 3
    y[same] = y[same[0]]
    return x.astype(np.float32).astype(np.float64), y.astype(np.float32).astype(np.float64)


def golden_map():
    rng = np.random.default_rng(1)
    n, ds, dt, groups = 24, 8, 5, 6
    sets = []
    for single in (False, True):
        group = np.array(list(range(11)) + [11] * 13) if single else rng.permutation(np.repeat(np.arange(groups), n // groups))
        x, y = map_data(rng, n, ds, dt, group, np.arange(11, 24) if single else np.array([0]))
        v = rng.normal(size=ds).astype(np.float32).astype(np.float64)
        pos, neg = [], []
        for g in np.unique(group) if not single else []:
            rows = np.flatnonzero(group == g)
            pos += rows[:2].tolist()
            neg += rows[2:4].tolist()
        pos, neg = np.array(pos, int), np.array(neg, int)
        methods = ["anchors"] if single else ["ridge", "paired", "lowrank", "procrustes"]
        cases = [map_case(m, x, y, group, v, pos, neg, lam, 3) for m in methods
                 for lam in ((.1,) if m == "procrustes" else (.003, .1, 3.))]
        sets.append({"n": n, "ds": ds, "dt": dt, "n_groups": int(group.max()) + 1, "x": x.ravel().tolist(),
                     "y": y.ravel().tolist(), "group": group.tolist(), "v": v.tolist(), "pos": pos.tolist(),
                     "neg": neg.tolist(), "cases": cases})
    write("golden_map.json", {"sets": sets})


def mid_ranks(x):
    return np.array([(x < a).sum() + ((x == a).sum() + 1) / 2 for a in x])


def golden_stats():
    rng = np.random.default_rng(2)
    pos, neg = rng.normal(.7, 1, 13), rng.normal(0, 1.5, 9)
    pos, neg = np.round(pos, 1), np.round(neg, 1)          # ties on purpose
    pairs = pos[:, None] - neg[None, :]
    pooled = np.sqrt((((pos - pos.mean()) ** 2).sum() + ((neg - neg.mean()) ** 2).sum())
                     / (len(pos) + len(neg) - 2))
    x = np.round(rng.normal(size=15), 1)
    y = np.round(.6 * x + rng.normal(size=15), 1)
    quantiles = [0, .025, .25, .5, .77, .975, 1]
    write("golden_stats.json", {
        "pos": pos.tolist(), "neg": neg.tolist(), "x": x.tolist(), "y": y.tolist(),
        "mean": pos.mean(), "sd": pos.std(ddof=1), "median": float(np.median(neg)),
        "auroc": float(((pairs > 0) + .5 * (pairs == 0)).mean()),
        "cohen_d": (pos.mean() - neg.mean()) / pooled,
        "spearman": np.corrcoef(mid_ranks(x), mid_ranks(y))[0, 1],
        "quantiles": [[q, float(np.quantile(pos, q))] for q in quantiles]})


def golden_classifier():
    """Logistic regression on word and word-pair shares, at every strength of the penalty, by Newton's method."""
    rng = np.random.default_rng(3)
    neutral, high, low = "the soup is warm and bread goes with it .".split(), ["giggle", "!", "banana"], ["report", "hence"]
    texts, labels = [], []
    for i in range(60):
        lean = rng.random()
        words = [str(rng.choice(high if rng.random() < lean else low)) if rng.random() < .3 else str(rng.choice(neutral))
                 for _ in range(rng.integers(6, 14))]
        texts.append(" ".join(words))
        labels.append(50. if i % 7 == 0 else float(np.round(100 * lean)) if i % 3 else 100. * (lean > .5))
    grams = [[" ".join(w[k:k + n]) for n in (1, 2) for k in range(len(w) - n + 1)] for w in (t.split() for t in texts)]
    names = sorted(g for g in set(sum(grams, [])) if sum(g in x for x in grams) >= 3)
    n_words = np.array([len(t.split()) for t in texts])
    x = np.array([[g.count(name) for name in names] for g in grams]) / n_words[:, None] * n_words.mean()
    x, y = np.column_stack((np.ones(len(x)), x)), np.array(labels) / 100
    lean = (y != .5).mean() / 2
    c = np.where(y > .5, lean / (y > .5).sum(), np.where(y < .5, lean / (y < .5).sum(), 1 / len(y)))
    fits = []
    for k in range(13):
        l2 = 10 ** (-k / 2)
        ridge, p = l2 * np.eye(x.shape[1]), np.zeros(x.shape[1])
        ridge[0, 0] = 0
        for _ in range(100):
            s = 1 / (1 + np.exp(-x @ p))
            step = np.linalg.solve((x.T * (c * s * (1 - s))) @ x + ridge, x.T @ (c * (s - y)) + ridge @ p)
            p = p - step / max(1, np.abs(step).max() / 2)
        fits.append({"l2": l2, "bias": p[0], "scores": (100 / (1 + np.exp(-x @ p))).tolist(),
                     "weights": (p[1:] * n_words.mean()).tolist()})
    write("golden_classifier.json", {"texts": texts, "labels": labels, "ngrams": names, "fits": fits})


def gguf_tensors(path):
    """name -> array of the float tensors of a GGUF file, and its keys, by a reader of our own."""
    b = path.read_bytes()
    at = 24
    n_tensors, n_keys = struct.unpack_from("<QQ", b, 8)
    size = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

    def string():
        nonlocal at
        n, = struct.unpack_from("<Q", b, at)
        at += 8 + n
        return b[at - n:at].decode("utf-8", "replace")

    def value(kind):
        nonlocal at
        if kind == 8:
            return string()
        if kind == 9:
            inner, n = struct.unpack_from("<IQ", b, at)
            at += 12
            return [value(inner) for _ in range(n)]
        at += size[kind]
        return int.from_bytes(b[at - size[kind]:at], "little")

    keys, infos = {}, []
    for _ in range(n_keys):
        name = string()
        kind, = struct.unpack_from("<I", b, at)
        at += 4
        keys[name] = value(kind)
    for _ in range(n_tensors):
        name = string()
        n, = struct.unpack_from("<I", b, at)
        shape = struct.unpack_from(f"<{n}Q", b, at + 4)
        kind, offset = struct.unpack_from("<IQ", b, at + 4 + 8 * n)
        at += 16 + 8 * n
        infos.append((name, shape[::-1], kind, offset))
    align = keys.get("general.alignment", 32)
    start = (at + align - 1) // align * align
    out = {}
    for name, shape, kind, offset in infos:
        if kind == 30:  # BF16: the upper half of a float32
            half = np.frombuffer(b, "<u2", int(np.prod(shape)), start + offset)
            out[name] = (half.astype(np.uint32) << 16).view(np.float32).reshape(shape)
        elif kind in (0, 1):
            out[name] = np.frombuffer(b, ("<f4", "<f2")[kind], int(np.prod(shape)), start + offset).reshape(shape)
    return out, keys


def golden_lens():
    """Which tokens a random direction promotes and suppresses in either model of the pair."""
    rng = np.random.default_rng(5)
    cases = []
    for name in ("persona-qwen2.gguf", "persona-gpt-oss.gguf"):
        tensors, keys = gguf_tensors(OUT.parent.parent / "models" / name)
        matrix = tensors.get("output.weight", tensors.get("token_embd.weight")).astype(np.float64)
        gain = tensors["output_norm.weight"].astype(np.float64)
        v = rng.standard_normal(len(gain)).astype(np.float32)
        x = matrix @ (gain * v / np.linalg.norm(v.astype(np.float64))) * np.sqrt(len(v))
        kind = np.array(keys["tokenizer.ggml.token_type"])
        told = np.flatnonzero(~np.isin(kind, (2, 3, 5)))  # unknown, control, unused
        x -= x[told].mean()
        order = told[np.argsort(-x[told], kind="stable")]
        cases.append({"model": name, "v": v.tolist(), "sd": x[told].std(), "n": len(told),
                      "promoted": order[:20].tolist(), "promoted_logits": x[order[:20]].tolist(),
                      "suppressed": order[:-21:-1].tolist(), "suppressed_logits": x[order[:-21:-1]].tolist()})
    write("golden_lens.json", {"cases": cases})


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    golden_map()
    golden_stats()
    golden_classifier()
    golden_lens()
