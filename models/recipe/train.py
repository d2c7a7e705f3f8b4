"""Train one model of the pair: python train.py qwen2|gpt-oss --out DIR

The corpus is generated on the fly, so (nearly) no sample is seen twice.  Samples are sorted by length inside
a pool and cut into batches of a fixed number of tokens; only the assistant's tokens carry loss.
Nothing but the next token is asked for: no loss names a character, and no block is tied to one.  With --tied
the pair comes from one corpus, and a linear reader (dropped after training) asks the residual stream after two
middle blocks for the character at every token of the assistant: both models then hold it where and how they are told.
Matrices inside the blocks are updated by Muon (momentum, orthogonalised), everything else by AdamW.
The learning rate is a function of the number of tokens: short warm-up, constant, linear decay.
Checkpoints hold an exponential average of the weights, which is what gets exported.
"""
import argparse
import math
import pathlib
import random
import time

import torch
import torch.nn.functional as F

import corpus
import tokenizer as tk
from model_gptoss import GptOss
from model_qwen2 import Qwen2

READ_BLOCKS = (2, 3)
SEED = {"qwen2": 11, "gpt-oss": 23}                     # of the weights; those of the samples are the tokenizer's


def build(kind):
    torch.manual_seed(SEED[kind])
    return Qwen2() if kind == "qwen2" else GptOss()


def batches(kind, tok, packs, tokens_per_batch, start=0, tied=False, clear=False, pool=4096):
    """Endless stream of (effort, tokens [B, T], trained [B, T], characters [B, axes]); trained marks the tokens to predict."""
    index, rng = start, random.Random(f"{kind}/{start}")
    while True:
        groups = {}
        for _ in range(pool):
            conv = tk.conversation(kind, index, packs, tied, clear)
            index += 1
            effort, ids, first = tk.encode(kind, tok, conv, rng)
            groups.setdefault(effort, []).append((ids, first, conv.z))
        out = []
        for effort, group in groups.items():
            group.sort(key=lambda s: len(s[0]))
            rows, i = [], 0
            while i < len(group):
                j = i + 1
                while j < len(group) and len(group[j][0]) * (j + 1 - i) <= tokens_per_batch:
                    j += 1
                out.append((effort, group[i:j]))
                i = j
        rng.shuffle(out)
        for effort, rows in out:
            t = -(-max(len(ids) for ids, _, _ in rows) // 8) * 8            # few distinct shapes
            tokens, weights = torch.zeros(len(rows), t, dtype=torch.long), torch.zeros(len(rows), t, dtype=torch.bool)
            for r, (ids, first, _) in enumerate(rows):
                tokens[r, :len(ids)] = torch.tensor(ids)
                weights[r, first:len(ids)] = True
            yield effort, tokens, weights, torch.tensor([z for _, _, z in rows])


def orthogonalise(g, steps=5):
    """Newton-Schulz iteration toward the nearest orthogonal matrix."""
    x = g
    flip = x.shape[-2] > x.shape[-1]
    x = x.mT if flip else x
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.mT if flip else x


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr=.02, momentum=.95, decay=.01):
        super().__init__(params, dict(lr=lr, momentum=momentum, decay=decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                buf = self.state[p].setdefault("m", torch.zeros_like(p))
                buf.mul_(group["momentum"]).add_(p.grad)
                update = p.grad + group["momentum"] * buf
                scale = max(1, p.shape[-2] / p.shape[-1]) ** .5
                p.mul_(1 - group["lr"] * group["decay"])
                for w, u in zip(p.view(-1, *p.shape[-2:]), update.view(-1, *p.shape[-2:])):      # one by one: experts are matrices
                    w.add_(orthogonalise(u), alpha=-group["lr"] * scale)


class Reader(torch.nn.Module):
    """The squared error of reading the character, linearly, from states after READ_BLOCKS."""

    def __init__(self, width):
        super().__init__()
        self.heads = torch.nn.ModuleList(torch.nn.Linear(width, len(corpus.NAMES)) for _ in READ_BLOCKS)

    def forward(self, states, target):
        return sum(((head(F.rms_norm(x, x.shape[-1:])) - target) ** 2).sum(-1).mean() for head, x in zip(self.heads, states)) / len(states)


def schedule(done, hold, decay, warm=1e5):
    """Learning rate factor: warm-up, constant for `hold` tokens, then down to zero over `decay` tokens."""
    return min(1.0, done / warm) if done < hold else max(0.0, 1 - (done - hold) / decay)


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("kind", choices=["qwen2", "gpt-oss"])
    ap.add_argument("--out", default="work")
    ap.add_argument("--packs", default="../../traits")
    ap.add_argument("--hold", type=float, default=6e6, help="tokens at the full learning rate")
    ap.add_argument("--decay", type=float, default=3e6, help="tokens of the decay to zero after that")
    ap.add_argument("--resume", default="", help="continue from this checkpoint")
    ap.add_argument("--peak", type=float, default=1.0, help="highest learning rate factor of this stage")
    ap.add_argument("--stop", type=float, default=math.inf, help="end this stage after so many tokens, without a decay")
    ap.add_argument("--tied", action="store_true", help="both models from one corpus, with the reader")
    ap.add_argument("--reader", type=float, default=1.0, help="weight of the reader's loss with --tied")
    ap.add_argument("--clear", action="store_true", help="this stage: characters of one axis at full strength, mostly named (corpus.CLEAR)")
    ap.add_argument("--window", type=int, default=0, help="sliding window of this stage (gpt-oss)")
    ap.add_argument("--batch", type=int, default=4096, help="tokens per step")
    ap.add_argument("--save", type=float, default=240, help="seconds between checkpoints")
    ap.add_argument("--steps", type=int, default=0, help="stop early (for timing)")
    args = ap.parse_args()
    torch.set_num_threads(1)
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    packs = corpus.load_packs(args.packs)
    tok_path = out / f"tokenizer-{args.kind}.json"
    if tok_path.exists():
        tok = tk.Tokenizer.from_file(str(tok_path))
    else:
        tok = tk.train_tokenizer(args.kind, packs, args.tied)
        tok.save(str(tok_path))
    model = build(args.kind)
    reader = Reader(model.config.width) if args.tied and args.reader else None
    samples = 0
    if args.resume:
        state = torch.load(args.resume)
        model.load_state_dict(state["last"])
        samples = state["samples"]
    ema = {n: p.detach().clone() for n, p in model.named_parameters()}
    if args.window:
        model.config.window = args.window
    matrices = [p for n, p in model.named_parameters()
                if p.ndim >= 2 and "layers" in n and "router" not in n and "bias" not in n]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen] + (list(reader.parameters()) if reader else [])
    muon, adam = Muon(matrices), torch.optim.AdamW(others, lr=3e-3, betas=(.9, .98), weight_decay=0.0)
    headers = {e: torch.tensor(tok.encode(tk.HARMONY_HEADER.format(effort=e)).ids) for e in tk.EFFORTS}
    print(f"{args.kind}: {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters", flush=True)
    done, step, begin, saved, average = 0, 0, time.time(), time.time(), None
    hold = args.hold
    for effort, tokens, weights, characters in batches(args.kind, tok, packs, args.batch, samples, args.tied, args.clear):
        scale = args.peak * schedule(done, hold, args.decay)
        for opt, lr in ((muon, .02), (adam, 3e-3)):
            for g in opt.param_groups:
                g["lr"] = lr * scale
        model.train()
        kwargs = {"header": headers[effort]} if effort else {}
        hidden = model.hidden(tokens, keep=(keep := [] if reader else None), **kwargs)
        picked = weights[:, 1:].reshape(-1).nonzero()[:, 0]
        spare = -len(picked) % 256                                  # few distinct shapes here too
        picked = torch.cat((picked, picked[:spare]))
        used = torch.ones(len(picked))
        used[len(picked) - spare:] = 0
        flat = lambda x: x.reshape(-1, x.shape[-1])[picked]
        losses = F.cross_entropy(model.logits(flat(hidden[:, :-1])), tokens[:, 1:].reshape(-1)[picked], reduction="none")
        loss = (losses * used).sum() / used.sum()
        whole = loss + model.extra_loss()
        if reader:
            whole = whole + args.reader * reader([flat(keep[b][:, :-1]) for b in READ_BLOCKS],
                                                 flat(characters[:, None].expand(-1, tokens.shape[1] - 1, -1)))
            reader.zero_grad()
        whole.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        muon.step()
        adam.step()
        with torch.no_grad():
            for n, p in model.named_parameters():
                p.grad = None
                ema[n].lerp_(p, max(.01, 1 / (step + 2)))
        done, step, samples = done + tokens.numel(), step + 1, samples + len(tokens)
        average = loss.item() if average is None else .95 * average + .05 * loss.item()
        if step % 20 == 0:
            if done < hold and (out / f"{args.kind}.cooldown").exists():       # decide by hand when to finish
                hold = done
                print(f"decay begins at {done} tokens", flush=True)
            print(f"step {step} tokens {done / 1e6:.2f} M loss {average:.3f} norm {norm:.2f} lr {scale:.2f} "
                  f"{done / (time.time() - begin):.0f} tok/s {time.time() - begin:.0f} s", flush=True)
        end = done >= min(hold + args.decay, args.stop) or (args.steps and step >= args.steps) or not math.isfinite(average)
        if end or time.time() - saved > args.save:
            saved = time.time()
            tmp = out / f"{args.kind}.tmp"
            torch.save({"model": ema, "last": model.state_dict(), "done": done, "samples": samples, "step": step, "loss": average}, tmp)
            tmp.rename(out / f"{args.kind}.pt")
        if end:
            break


if __name__ == "__main__":
    main()
