#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/golden_{ridge,stats,classifier}.json: what numpy says, for the C code to agree with.

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


def prepare(x, robust):
    """Centred rows divided by the sd of each dimension (floored) and by their mean norm; the divisors."""
    z = x - x.mean(axis=0)
    scale = np.ones(x.shape[1])
    if robust:
        sd = np.sqrt((z ** 2).sum(axis=0) / (len(z) - 1))
        scale = np.where(sd > 0, np.maximum(sd, np.quantile(sd[sd > 0], .005)), 1)
    z = z / scale
    norm = np.linalg.norm(z, axis=1).mean()
    return z / norm, scale * norm


def ridge_case(x, y, group, v, relative, robust):
    zx, sx = prepare(x, robust)
    zy, sy = prepare(y, robust)
    k = zx @ zx.T
    lam = relative * np.trace(k) / len(k)
    left = 0.0
    for g in np.unique(group):
        out, kept = group == g, group != g
        mx, my = zx[kept].mean(axis=0), zy[kept].mean(axis=0)          # the means are refitted too
        xk, yk = zx[kept] - mx, zy[kept] - my
        fit = np.linalg.solve(xk @ xk.T + lam * np.eye(kept.sum()), yk)
        left += ((zy[out] - my - (zx[out] - mx) @ xk.T @ fit) ** 2).sum()
    mapped = sy * (zy.T @ np.linalg.solve(k + lam * np.eye(len(k)), zx @ (v / sx)))
    cond = (np.linalg.eigvalsh(k).max() + lam) / lam
    return {"lambda": relative, "robust": bool(robust), "r2": 1 - left / (zy ** 2).sum(),
            "mapped": mapped.tolist(), "cond": cond}


def golden_ridge():
    rng = np.random.default_rng(1)
    n, ds, dt, groups = 24, 6, 5, 6
    x = rng.normal(size=(n, ds)) * np.array([1, 2, .5, 30, 1, .01]) + rng.normal(size=ds)
    y = x @ rng.normal(size=(ds, dt)) + .5 * rng.normal(size=(n, dt)) + 3
    group = rng.permutation(np.repeat(np.arange(groups), n // groups))
    x, y = x.astype(np.float32), y.astype(np.float32)
    v = rng.normal(size=ds).astype(np.float32)
    wide = [a.astype(np.float64) for a in (x, y, v)]
    cases = [ridge_case(wide[0], wide[1], group, wide[2], lam, robust)
             for robust in (False, True) for lam in (.003, .1, 3.)]
    write("golden_ridge.json", {"n": n, "ds": ds, "dt": dt, "n_groups": groups,
                                "x": wide[0].ravel().tolist(), "y": wide[1].ravel().tolist(),
                                "group": group.tolist(), "v": wide[2].tolist(), "cases": cases})


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
    golden_ridge()
    golden_stats()
    golden_classifier()
