#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/fixtures/golden_{contrast,direction,fluency}.json: what numpy, scikit-learn and
zlib say about the mathematics of an extraction, for the C code to agree with.

Development only (needs numpy and scikit-learn); the fixtures are committed. The references take other
ways than the C code: the length adjustment is the group coefficient of an ordinary regression, the
first principal component comes from sklearn's PCA on the stacked centered pairs, logistic regression
and its cross-validation from sklearn, AUROC from sklearn, repeats from comparing all runs of words.
Inputs are multiples of 2^-8, so that JSON and float32 hold them exactly.
"""
import json
import pathlib
import re
import zlib

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures"


def write(name, data):
    path = OUT / name
    path.write_text(json.dumps(data, ensure_ascii=True, separators=(",", ":")) + "\n")
    print(path, path.stat().st_size)


def exact(x):
    return np.round(np.asarray(x) * 256) / 256


# ---- contrast and quality ----------------------------------------------------------------------

def responses(rng, n_questions, n_blocks, d, per_question):
    """Rows of both poles and uninstructed ones; question and length leave their mark on them."""
    trait, verbose = rng.normal(size=(2, n_blocks, d))
    topic = 1.5 * rng.normal(size=(n_questions, n_blocks, d))
    rows = []
    for q in range(n_questions):
        for polarity in (1, -1, 0):
            n = 1 if polarity == 0 else rng.integers(1, per_question + 1)
            if q == 3 and polarity == -1:
                n = 0                                        # a question that one pole never answered
            for _ in range(n):
                length = int(np.exp(rng.normal(3 + .8 * polarity, .5))) + 1
                h = (.6 * polarity * trait + .5 * np.log1p(length) * verbose + topic[q]
                     + rng.normal(size=(n_blocks, d)))
                h[:, 2] += 90                                # a massive dimension
                rows.append((polarity, q, length, exact(h)))
    order = rng.permutation(len(rows))
    rows = [rows[i] for i in order]
    return [np.array([r[k] for r in rows]) for k in range(4)]


def difference(h, polarity, mask):
    return h[mask & (polarity == 1)].mean(axis=0) - h[mask & (polarity == -1)].mean(axis=0)


def anova(x, polarity, question):
    """ICC and effective n; clusters are (pole, question), the poles' means are taken out."""
    between = within = clusters = 0
    m0 = total = (polarity != 0).sum()
    sizes = []
    for p in (1, -1):
        pole = x[polarity == p]
        counts = []
        for q in np.unique(question[polarity == p]):
            c = x[(polarity == p) & (question == q)]
            between += len(c) * (c.mean() - pole.mean()) ** 2
            within += ((c - c.mean()) ** 2).sum()
            counts.append(len(c))
        m0 = m0 - sum(c * c for c in counts) / len(pole)
        sizes += counts
    clusters = len(sizes)
    m0 /= clusters - 2
    msb, msw = between / (clusters - 2), within / (total - clusters)
    icc = (msb - msw) / (msb + (m0 - 1) * msw)
    m = sum(c * c for c in sizes) / total
    return icc, total / (1 + (m - 1) * max(icc, 0))


def quality_block(h, polarity, question):
    both = [q for q in np.unique(question)
            if ((question == q) & (polarity == 1)).any() and ((question == q) & (polarity == -1)).any()]
    halves = [both[0::2], both[1::2]]
    v = difference(h, polarity, np.ones(len(h), bool))
    auroc, cohen = [], []
    for train, test in (halves, halves[::-1]):
        u = difference(h, polarity, np.isin(question, train))
        keep = np.isin(question, test) & (polarity != 0)
        x, y = h[keep] @ u / np.linalg.norm(u), polarity[keep]
        auroc.append(roc_auc_score(y == 1, x))
        pos, neg = x[y == 1], x[y == -1]
        ss = pos.var() * len(pos) + neg.var() * len(neg)
        cohen.append((pos.mean() - neg.mean()) / np.sqrt(ss / (len(pos) + len(neg) - 2)))
    x = h @ v / np.linalg.norm(v)
    icc, n_effective = anova(x, polarity, question)
    level = np.abs(h).mean(axis=0)
    out = level > 20 * np.median(level)
    return {"auroc": np.mean(auroc), "cohen_d": np.mean(cohen), "icc": icc,
            "n_effective": n_effective, "neutral_mean": x[polarity == 0].mean(),
            "neutral_sd": x[polarity == 0].std(ddof=1), "positive_mean": x[polarity == 1].mean(),
            "negative_mean": x[polarity == -1].mean(), "n_outliers": int(out.sum()),
            "outlier_share": float((v[out] ** 2).sum() / (v ** 2).sum())}


def golden_contrast():
    rng = np.random.default_rng(3)
    n_questions, n_blocks, d = 7, 2, 9
    polarity, question, length, h = responses(rng, n_questions, n_blocks, d, 6)
    subset = np.isin(question, [0, 2, 5])
    blocks = []
    for b in range(n_blocks):
        v = difference(h[:, b], polarity, np.ones(len(h), bool))
        keep = polarity != 0
        x = np.log1p(length[keep])
        design = np.stack([np.ones(keep.sum()), polarity[keep] == 1, x], axis=1)
        adjusted = np.linalg.lstsq(design, h[keep, b], rcond=None)[0][1]
        blocks.append({"v": v.tolist(), "subset": difference(h[:, b], polarity, subset).tolist(),
                       "adjusted": adjusted.tolist(),
                       "moved": np.linalg.norm(v - adjusted) / np.linalg.norm(v),
                       "cosine": v @ adjusted / np.linalg.norm(v) / np.linalg.norm(adjusted),
                       "quality": quality_block(h[:, b], polarity, question)})
    gap = np.log1p(length[polarity == 1]).mean() - np.log1p(length[polarity == -1]).mean()
    write("golden_contrast.json", {
        "n_questions": n_questions, "n_blocks": n_blocks, "d": d, "polarity": polarity.tolist(),
        "question": question.tolist(), "length": length.tolist(), "h": h.ravel().tolist(),
        "subset": [0, 2, 5], "gap": gap, "blocks": blocks})


# ---- directions --------------------------------------------------------------------------------

def scaled(pos, neg):
    x = np.concatenate([pos, neg])
    x = x - x.mean(axis=0)
    return x / np.sqrt((x ** 2).sum(axis=1).mean()), np.repeat([1, 0], len(pos))


def regression(strength, n):
    return LogisticRegression(C=1 / (strength * n), tol=1e-10, max_iter=200000, solver="lbfgs")


def along(u, mean):
    u = u / np.linalg.norm(u)
    return (u * (u @ mean)).tolist()


def direction_case(rng, n, d, noise):
    questions = 6
    question = rng.integers(0, questions, n)
    trait = rng.normal(size=d)
    pair = 2 * rng.normal(size=(n, d))
    pos = exact(pair + trait + noise * rng.normal(size=(n, d)))
    neg = exact(pair - trait + noise * rng.normal(size=(n, d)))
    mean = (pos - neg).mean(axis=0)
    middle = (pos + neg) / 2
    pca = PCA(n_components=1).fit(np.concatenate([pos - middle, neg - middle]))
    x, t = scaled(pos, neg)
    logistic = [{"strength": s, "v": along(regression(s, 2 * n).fit(x, t).coef_[0], mean)}
                for s in (1., 1e-2, 1e-4)]
    ranks = np.unique(question, return_inverse=True)[1]
    fold = np.tile(ranks % min(5, ranks.max() + 1), 2)
    losses = []
    for s in 10. ** np.arange(1, -6, -1):
        loss = 0
        for f in range(fold.max() + 1):
            kept = fold != f
            fit = regression(s, kept.sum()).fit(x[kept], t[kept])
            p = fit.predict_proba(x[~kept])
            loss += log_loss(t[~kept], p, labels=[0, 1], normalize=False)
        losses.append(loss / (2 * n))
    best = int(np.argmin(losses))
    print("losses", np.round(losses, 4))
    return {"n": n, "d": d, "pos": pos.ravel().tolist(), "neg": neg.ravel().tolist(),
            "question": question.tolist(), "mean": mean.tolist(),
            "pca": along(pca.components_[0], mean),
            "explained": pca.explained_variance_ratio_[0], "logistic": logistic,
            "best_strength": 10. ** (1 - best), "best_loss": losses[best]}


def golden_direction():
    rng = np.random.default_rng(4)
    write("golden_direction.json", {"cases": [direction_case(rng, 12, 40, 1.5),
                                              direction_case(rng, 50, 7, 2.5),
                                              direction_case(rng, 20, 20, 2.)]})


# ---- fluency -----------------------------------------------------------------------------------

WORD = re.compile("[\u3040-\u30ff\u3400-\u9fff\U0001f000-\U0001faff]|[A-Za-z0-9'\u2019\u00c0-\u1fff]+")


def fluency_case(text):
    words = [w if ord(w[0]) > 0x2fff else re.sub("[A-Z]", lambda m: m[0].lower(), w)
             for w in WORD.findall(text)]
    n = len(words)

    def distinct(k):
        runs = [tuple(words[i:i + k]) for i in range(n - k + 1)]
        return len(set(runs)) / len(runs) if runs else None

    longest = 0
    for k in range(1, n):
        runs = [tuple(words[i:i + k]) for i in range(n - k + 1)]
        if len(set(runs)) < len(runs):
            longest = k
    raw = text.encode()
    return {"text": text, "n_words": n, "distinct2": distinct(2), "distinct3": distinct(3),
            "longest": longest, "zlib": 1 - len(zlib.compress(raw, 9)) / max(len(raw), 1)}


def golden_fluency():
    rng = np.random.default_rng(5)
    pool = [a + b for a in ("ba", "ko", "mi", "ru", "te", "za", "po") for b in ("n", "l", "sk", "r", "", "x")]
    texts = ["The lake is calm. The lake is calm, and the boats are out.", "", "!!!!!!!! ??", "one", "Ha ha ha ha HA",
             "Don\u2019t stop; don\u2019t stop \u2014 \u00c9t\u00e9 \u00e0 la mer, \u00c9t\u00e9 \u00e0 la ville.",
             "\u6211\u4eec\u53bb\u5317\u4eac\uff0c\u6211\u4eec\u53bb\u4e0a\u6d77\u3002 \U0001f600\U0001f600 ok",
             "a b c d a b c d a b c d a b c d a b c d x"]
    for times in (0, 4, 10, 18, 28):              # 200 words, among them a loop of five, that often
        words = list(rng.choice(pool, 60))
        words += words[-5:] * times
        words += list(rng.choice(pool, 200 - len(words)))
        texts.append(" ".join(words))
    write("golden_fluency.json", {"cases": [fluency_case(t) for t in texts]})


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    golden_contrast()
    golden_direction()
    golden_fluency()
