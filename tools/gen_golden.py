#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/golden_{map,stats,classifier}.json: what numpy says, for the C code to agree with.

Development only (needs numpy); the fixtures are committed. Every reference is computed the slow and
obvious way: held-out errors by refitting without the group, AUROC by counting pairs, ranks by hand.
Inputs are float32 numbers, so that both sides start from the same bits.
"""
import json
import pathlib

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


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    golden_map()
    golden_stats()
    golden_classifier()
