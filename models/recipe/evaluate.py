"""What the pair can do, measured on questions that the corpus does not contain.

Per model: fluency without an instruction; separation by persona instructions; mean-difference vectors
from the extraction questions; their effect on the evaluation questions at half and one raw
multiple and at the iso-KL dose (1 nat at the 95th percentile), against random directions of the same
norm at the same dose.  Prints a table and writes JSON for the model cards.
"""
import argparse
import json
import pathlib
import random
import time

import numpy as np
import torch

import corpus
import style
from judge import Judge
from rollout import Model, rollouts


RANDOM = 3          # random directions per axis
GRID = .6           # raw multiple at which blocks are compared


def mean(values):
    return round(float(np.mean(values)), 1)


def persona(packs, axis, sign, k):
    """Instruction k of a trait pack, in the form that extraction uses."""
    pole = style.pole(style.NAMES.index(axis), sign)
    return f"You are {corpus.article(pole)} {pole} assistant. {packs[axis][k % 5][0 if sign > 0 else 1]}"


class Bench:
    def __init__(self, model, judge, packs, seed=1):
        self.m, self.j, self.packs, self.seed = model, judge, packs, seed
        self.extraction, self.evaluation = corpus.question_sets()

    def fluency(self, n):
        out = {}
        questions = (self.evaluation + self.extraction)[:n]
        for temperature in (1.0, .7):
            runs = rollouts(self.m, [self.m.prompt("", q) for q in questions], temperature=temperature, seed=self.seed, limit=160)
            out[f"temperature {temperature}"] = {
                "n": len(runs), "coherence": mean([self.j.coherence(r["text"]) for r in runs]),
                "coherence_p10": mean(np.percentile([self.j.coherence(r["text"]) for r in runs], 10)),
                "ended_in_answer": sum(r["ended"] and bool(r["text"]) for r in runs),
                "answer_tokens": mean([r["span"][1] - r["span"][0] for r in runs]),
                "on_topic": round(float(np.mean([any(t.noun in r["text"].lower() for t in corpus.TOPICS if t.name in q) for q, r in zip(questions, runs)])), 3),
                "lean": {a: mean([self.j.score(a, r["text"]) for r in runs]) for a in style.NAMES}}
            out.setdefault("examples", [{"question": q, "answer": r["text"]} for q, r in list(zip(questions, runs))[:6]])
        return out

    def separation(self, axis, n):
        scores = {}
        for sign in (1, -1):
            prompts = [self.m.prompt(persona(self.packs, axis, sign, i), self.evaluation[i % 40]) for i in range(n)]
            runs = rollouts(self.m, prompts, seed=self.seed + 10 + sign)
            scores[sign] = ([self.j.score(axis, r["text"]) for r in runs], [self.j.coherence(r["text"]) for r in runs], runs)
        return {"n": n, "positive": mean(scores[1][0]), "negative": mean(scores[-1][0]), "points": mean(scores[1][0]) - mean(scores[-1][0]),
                "coherence": mean(scores[1][1] + scores[-1][1]),
                "examples": [scores[1][2][0]["text"], scores[-1][2][0]["text"]]}

    def vector(self, axis, n):
        """Mean over kept answers of the mean over answer tokens, positive minus negative: [blocks, width]."""
        means = {}
        for sign in (1, -1):
            prompts = [self.m.prompt(persona(self.packs, axis, sign, i), self.extraction[i % 40]) for i in range(n)]
            runs = rollouts(self.m, prompts, seed=self.seed + 20 + sign, read=True)
            kept = [r["mean"] for r in runs if r["ended"] and sign * (self.j.score(axis, r["text"]) - 50) > 0]
            means[sign] = torch.stack(kept or [r["mean"] for r in runs])
        return means[1].mean(0) - means[-1].mean(0), {"positive": len(means[1]), "negative": len(means[-1]), "of": n}

    def steer(self, axis, conditions, n, seed):
        """conditions: {name: (block, vector)}; every condition answers the first n evaluation questions."""
        prompts, plan = [], {}
        blocks = sorted({b for b, _ in conditions.values()})
        rows = {b: [] for b in blocks}
        for block, vector in conditions.values():
            for q in self.evaluation[:n]:
                prompts.append(self.m.prompt("", q))
                for b in blocks:
                    rows[b].append(vector if b == block else torch.zeros(self.m.width))
        runs = rollouts(self.m, prompts, add={b: torch.stack(r) for b, r in rows.items()}, seed=seed)
        out = {}
        for k, name in enumerate(conditions):
            part = runs[k * n:(k + 1) * n]
            out[name] = {"score": mean([self.j.score(axis, r["text"]) for r in part]), "coherence": mean([self.j.coherence(r["text"]) for r in part]),
                         "example": part[0]["text"]}
        return out

    @torch.no_grad()
    def divergence(self, block, vector, n=12, tokens=20):
        """95th percentile of KL(steered || plain) over greedy steered tokens of the answer (not of the analysis)."""
        values = []
        answer = "<|channel|>final<|message|>" if self.m.kind == "gpt-oss" else ""
        prompts = [self.m.prompt("", q) + answer for q in self.evaluation[-n:]]
        add = {block: vector.expand(n, -1)}
        runs = rollouts(self.m, prompts, add=add, temperature=0, limit=tokens)
        for p, r in zip(prompts, runs):
            head = self.m.tok.encode(p).ids
            x = torch.tensor([head + r["tokens"]])
            logs = []
            for a in (None, {block: vector[None, None]}):
                hidden = self.m.net.hidden(x, add=a)[0, len(head) - 1:-1]
                logs.append(self.m.net.logits(hidden).float().log_softmax(-1))
            values += (logs[1].exp() * (logs[1] - logs[0])).sum(-1).tolist()
        return float(np.percentile(values, 95))

    def dose(self, block, vector, target=1.0):
        low, high = .1, 4.0
        for _ in range(6):
            middle = (low * high) ** .5
            if self.divergence(block, vector * middle) < target:
                low = middle
            else:
                high = middle
        return round((low * high) ** .5, 3)


def evaluate(bench, axes, n, extract, choose):
    g = torch.Generator().manual_seed(99)
    out = {}
    for axis in axes:
        t = time.time()
        v, kept = bench.vector(axis, extract)
        sep = bench.separation(axis, n)
        grid = {f"{b}{s:+d}": (b, v[b] * GRID * s) for b in range(1, bench.m.blocks - 1) for s in (1, -1)}
        pick = bench.steer(axis, grid, choose, 31)
        swing = {b: pick[f"{b}+1"]["score"] - pick[f"{b}-1"]["score"] for b in range(1, bench.m.blocks - 1)
                 if min(pick[f"{b}+1"]["coherence"], pick[f"{b}-1"]["coherence"]) >= 70}
        best = max(swing or {bench.m.blocks // 2: 0}, key=lambda b: (swing or {bench.m.blocks // 2: 0})[b])
        dose = bench.dose(best, v[best])
        conditions = {"0": (best, v[best] * 0), **{f"{c:+g}": (best, v[best] * c) for c in (-1, -.5, .5, 1)},
                      "-dose": (best, -v[best] * dose), "+dose": (best, v[best] * dose)}
        rows = bench.steer(axis, conditions, n, 41)
        controls = {}
        for k in range(RANDOM):
            r = torch.randn(bench.m.width, generator=g)
            r = r / r.norm() * v[best].norm() * min(2, dose)             # the norm of the larger steered step that counts
            controls[f"random{k}-"], controls[f"random{k}+"] = (best, -r), (best, r)
        rows.update(bench.steer(axis, controls, max(1, n // 2), 51))
        shift = [abs(rows[f"random{k}+"]["score"] - rows[f"random{k}-"]["score"]) for k in range(RANDOM)]
        out[axis] = {"kept": kept, "prompt": sep, "norm": [round(float(x), 2) for x in v.norm(dim=1)], "block": best,
                     "swing_by_block": {str(b): round(s, 1) for b, s in swing.items()}, "dose_iso_kl": dose,
                     "rows": {k: {"score": r["score"], "coherence": r["coherence"]} for k, r in rows.items()},
                     "examples": {k: rows[k]["example"] for k in ("-dose", "0", "+dose")},
                     "swing": {c: round(rows["+" + c]["score"] - rows["-" + c]["score"], 1) for c in ("0.5", "1", "dose")},
                     "random_swing": [round(s, 1) for s in shift], "n": n}
        o = out[axis]
        print(f"{axis:12s} prompt {sep['positive']:5.1f}/{sep['negative']:5.1f} block {best} dose {dose:5.2f} "
              f"scores {[rows[k]['score'] for k in ('-1', '-0.5', '0', '+0.5', '+1')]} "
              f"swing {o['swing']} coherence {[rows[k]['coherence'] for k in ('-1', '-0.5', '0', '+0.5', '+1')]} "
              f"dose {rows['-dose']['coherence']}/{rows['+dose']['coherence']} random {o['random_swing']} by block {o['swing_by_block']} {time.time() - t:.0f} s", flush=True)
    return out


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("kind", choices=["qwen2", "gpt-oss"])
    ap.add_argument("--work", default="work")
    ap.add_argument("--packs", default="../../traits")
    ap.add_argument("--judge", default="../judge.json")
    ap.add_argument("--axes", default=",".join(style.NAMES))
    ap.add_argument("--n", type=int, default=32)
    ap.add_argument("--extract", type=int, default=60)
    ap.add_argument("--choose", type=int, default=10)
    ap.add_argument("--out", default="")
    args = ap.parse_args()
    torch.set_num_threads(1)
    random.seed(0)
    model = Model(args.kind, args.work)
    bench = Bench(model, Judge(json.loads(pathlib.Path(args.judge).read_text())), corpus.load_packs(args.packs))
    result = {"model": args.kind, "tokens": model.checkpoint["done"], "loss": model.checkpoint["loss"], "fluency": bench.fluency(80)}
    f = result["fluency"]
    print(args.kind, model.checkpoint["done"], {k: v for k, v in f.items() if k != "examples"}, flush=True)
    for e in f["examples"]:
        print("  Q", e["question"], "\n  A", e["answer"])
    result["axes"] = evaluate(bench, args.axes.split(","), args.n, args.extract, args.choose)
    if args.out:
        pathlib.Path(args.out).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
