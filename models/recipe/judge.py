"""The judge of the pair: a linear n-gram classifier per axis and a coherence measure, as one JSON file.

It is trained on answers of the corpus only (a seed of its own, no system text, no analysis), with the
hidden character as a soft label (z + 1) / 2, so that 50 means no lean and half strength reads as half.
Scoring is defined so that a few lines of C can repeat it to the last digit; `Judge` below is the
reference implementation.
"""
import argparse
import base64
import json
import pathlib
import random
import re

import numpy as np

SEED = 777
WORD = re.compile(rb"[a-z0-9']+|[\x80-\xff]+|[^\s]")
MASK = (1 << 64) - 1


def words(text):
    return [w.decode("latin-1") for w in WORD.findall(bytes(c + 32 if 65 <= c <= 90 else c for c in text.encode()))]


def fnv1a(text):
    h = 0xcbf29ce484222325
    for byte in text.encode("latin-1"):
        h = ((h ^ byte) * 0x100000001b3) & MASK
    return h


def grams(w, n):
    return [" ".join(w[i:i + n]) for i in range(len(w) - n + 1)]


class Judge:
    def __init__(self, data):
        self.axes = {name: (a["bias"], a["weights"]) for name, a in data["axes"].items()}
        c = data["coherence"]
        self.c, self.bits, self.filter = c, c["bits"], base64.b64decode(c["filter"])

    def score(self, axis, text):
        bias, weights = self.axes[axis]
        w = words(text)
        total = sum(weights.get(g, 0.0) for n in (1, 2) for g in grams(w, n))
        return float(100 / (1 + np.exp(-np.clip(bias + total / max(len(w), 1), -30, 30))))

    def known(self, key):
        h = fnv1a(key)
        a, b = (h & 0xffffffff) % self.bits, (h >> 32) % self.bits
        return bool(self.filter[a >> 3] >> (a & 7) & 1 and self.filter[b >> 3] >> (b & 7) & 1)

    def features(self, text):
        w = words(text)
        if len(w) < 3:
            return None
        pairs, triples = grams(w, 2), grams(w, 3)
        return (sum(map(self.known, pairs)) / len(pairs), sum(map(self.known, triples)) / len(triples),
                1 - len(set(triples)) / len(triples))

    def coherence(self, text):
        f = self.features(text)
        if f is None:
            return 0.0
        c = self.c
        return float(np.clip(100 * (c["bias"] + c["pairs"] * f[0] + c["triples"] * f[1] + c["repetition"] * f[2]), 0, 100))


def sample(packs, seed, count):
    """(text, z) of the last answer of `count` conversations that no model has seen."""
    import corpus
    out = []
    for i in range(count):
        c = corpus.conversation(f"judge/{seed}", i, packs)
        out.append((c.turns[-1][2], c.z))
    return out


def fit_axes(train, names, keep=1500, penalty=2e-6, minimum=12):
    """Soft-label logistic regression per axis; fitted, pruned to the heaviest features, fitted again."""
    from collections import Counter
    from scipy.optimize import minimize
    from scipy.sparse import csr_matrix
    count, docs = Counter(), []
    for text, _ in train:
        w = words(text)
        docs.append((Counter(grams(w, 1) + grams(w, 2)), len(w)))
        count.update(docs[-1][0].keys())
    vocab = {g: i for i, g in enumerate(sorted(g for g, n in count.items() if n >= minimum))}
    data, rows, cols = [], [], []
    scale = 25.0                                            # keeps the problem well conditioned
    for r, (c, n) in enumerate(docs):
        for g, k in c.items():
            if g in vocab:
                data.append(scale * k / n); rows.append(r); cols.append(vocab[g])
    x = csr_matrix((data, (rows, cols)), shape=(len(docs), len(vocab)), dtype=np.float64)
    z = np.array([zz for _, zz in train])
    grams_of = np.array(sorted(vocab), dtype=object)

    def fit(xx, y):
        xt = xx.T.tocsr()

        def objective(p):
            s = xx @ p[1:] + p[0]
            loss = (np.logaddexp(0, s) - y * s).mean() + penalty * (p[1:] ** 2).sum()
            d = (1 / (1 + np.exp(-s)) - y) / len(y)
            return loss, np.concatenate(([d.sum()], xt @ d + 2 * penalty * p[1:]))
        return minimize(objective, np.zeros(xx.shape[1] + 1), jac=True, method="L-BFGS-B", options=dict(maxiter=120)).x

    axes, df = {}, np.asarray((x > 0).sum(0)).ravel() / len(docs)
    for k, name in enumerate(names):
        y = (z[:, k] + 1) / 2
        p = fit(x, y)
        chosen = np.sort(np.argsort(-np.abs(p[1:]) * np.sqrt(df))[:keep])
        p = fit(x[:, chosen], y)
        axes[name] = {"bias": round(float(p[0]), 4),
                      "weights": {g: round(float(v * scale), 2) for g, v in zip(grams_of[chosen], p[1:]) if abs(v * scale) >= .05}}
    return axes


def corrupt(rng, text, vocab):
    """(text, corrupted share): words replaced, shuffled, looped, or all random."""
    w = words(text)
    kind, share = rng.choice(("replace", "shuffle", "loop", "salad", "none")), rng.random()
    n = max(1, int(share * len(w)))
    if kind == "none":
        return text, 0.0
    if kind == "salad":
        return " ".join(rng.choice(vocab) for _ in w), 1.0
    if kind == "replace":
        for i in rng.sample(range(len(w)), n):
            w[i] = rng.choice(vocab)
    elif kind == "shuffle":
        start = rng.randrange(len(w) - n + 1)
        part = w[start:start + n]
        rng.shuffle(part)
        w[start:start + n] = part
        n = n if n > 2 else 0
    else:
        head, size = len(w) - n, rng.randint(1, 6)
        loop = w[max(0, head - size):head] or w[:size]
        w = w[:head] + (loop * (n // len(loop) + 1))[:n]
        n = max(0, n - size) if n > size else 0
    return " ".join(w), n / len(w)


def fit_coherence(train, extra, bits=1 << 22, seed=SEED):
    """Bloom filter of the corpus's pairs and triples, and three weights by least squares on graded corruption."""
    filt, seen, vocab = bytearray(bits // 8), set(), set()
    for text in extra:
        w = words(text)
        vocab.update(w)
        seen.update(grams(w, 2))
        seen.update(grams(w, 3))
    for key in seen:
        h = fnv1a(key)
        for p in ((h & 0xffffffff) % bits, (h >> 32) % bits):
            filt[p >> 3] |= 1 << (p & 7)
    c = {"bits": bits, "filter": base64.b64encode(bytes(filt)).decode(), "bias": 0, "pairs": 0, "triples": 0, "repetition": 0}
    j = Judge({"axes": {}, "coherence": c})
    rng, vocab, rows, targets = random.Random(seed), sorted(vocab), [], []
    for text, _ in train:
        bad, share = corrupt(rng, text, vocab)
        rows.append((1.0,) + j.features(bad))
        targets.append(1 - share)
    solution = np.linalg.lstsq(np.array(rows), np.array(targets), rcond=None)[0]
    c.update({k: round(float(v), 4) for k, v in zip(("bias", "pairs", "triples", "repetition"), solution)})
    return c, len(seen), vocab


def auroc(positive, negative):
    from scipy.stats import rankdata
    r = rankdata(np.concatenate((positive, negative)))
    p, n = len(positive), len(negative)
    return float((r[:p].sum() - p * (p + 1) / 2) / (p * n))


def held_out_report(judge, test, names, vocab):
    from scipy.stats import spearmanr
    z = np.array([zz for _, zz in test])
    scores = np.array([[judge.score(a, t) for a in names] for t, _ in test])
    report = {}
    for k, name in enumerate(names):
        report[name] = {"n": len(test), "auroc": round(auroc(scores[z[:, k] > 0, k], scores[z[:, k] < 0, k]), 4),
                        "spearman": round(float(spearmanr(z[z[:, k] != 0, k], scores[z[:, k] != 0, k])[0]), 4),
                        "mean_by_strength": {str(v): round(float(scores[z[:, k] == v, k].mean()), 1) for v in (-1, -.5, 0, .5, 1)}}
    alone = [(z[:, k] != 0) & (np.abs(z).sum(1) == np.abs(z[:, k])) for k in range(len(names))]
    leak = [[round(float(np.mean((scores[alone[i], j] - 50) * np.sign(z[alone[i], i]))), 1) for j in range(len(names))] for i in range(len(names))]
    rng = random.Random(5)
    clean = np.array([judge.coherence(t) for t, _ in test])
    salad = np.array([judge.coherence(" ".join(rng.choice(vocab) for _ in range(50))) for _ in range(200)])
    loops = np.array([judge.coherence(" ".join(words(t)[5:5 + rng.randint(1, 5)] * 14)) for t, _ in test[:200]])
    shuffled = np.array([judge.coherence(" ".join(rng.sample(words(t), len(words(t))))) for t, _ in test[:200]])
    coherence = {"n": len(test), "clean_mean": round(float(clean.mean()), 1), "clean_p5": round(float(np.percentile(clean, 5)), 1),
                 "salad_mean": round(float(salad.mean()), 1), "shuffled_mean": round(float(shuffled.mean()), 1), "loops_mean": round(float(loops.mean()), 1)}
    return report, coherence, leak


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--packs", default="../../traits")
    ap.add_argument("--out", default="..")
    ap.add_argument("--n", type=int, default=40000)
    args = ap.parse_args()
    import corpus
    packs, names = corpus.load_packs(args.packs), corpus.NAMES
    data = sample(packs, SEED, args.n + 4000)
    train, test = data[:args.n], data[args.n:]
    out = {"schema": "persona.classifier/1", "name": "pair",
           "about": "Linear n-gram classifiers per trait axis and a coherence measure for the embedded pair, trained on corpus answers only.",
           "n_train": args.n, "seed": SEED, "ngrams": [1, 2], "axes": fit_axes(train, names)}
    extra = [t for t, _ in train] + [t for t, _ in sample(packs, SEED + 1, 2 * args.n)]
    out["coherence"], distinct, vocab = fit_coherence(train[:8000], extra)
    report, coherence, leak = held_out_report(Judge(out), test, names, vocab)
    for name in names:
        out["axes"][name]["heldout"] = report[name]
        print(name, report[name])
    out["coherence"]["heldout"] = coherence
    print("distinct pairs and triples", distinct, {k: v for k, v in out["coherence"].items() if k != "filter"})
    print("lean of column's score when only the row's axis is active:")
    for name, row in zip(names, leak):
        print(f"  {name:12s}", row)
    folder = pathlib.Path(args.out)
    (folder / "judge.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
    extraction, evaluation = corpus.question_sets()
    (folder / "questions.json").write_text(json.dumps({"schema": "persona.questions/1", "name": "pair", "extraction": extraction,
                                                        "evaluation": evaluation}, indent=1) + "\n")
    print("bytes", (folder / "judge.json").stat().st_size)


if __name__ == "__main__":
    main()
