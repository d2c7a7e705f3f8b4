"""Generation in PyTorch for the checks of evaluate.py: batches of prompts, one vector per row, sampling by seed.

Rows are padded on the left.  `add` steers every position (prompt and answer), or with `answer_only`
the last prompt token and everything after it.  `read` collects, per row, the mean of the residual
stream after each block over the tokens of the answer (for gpt-oss: of the final channel).
"""
import pathlib

import torch

import tokenizer as tk
import train
from model_qwen2 import Cache


class Model:
    """A trained checkpoint with its tokenizer."""

    def __init__(self, kind, folder, round_to_half=True):
        folder = pathlib.Path(folder)
        self.kind, self.tok = kind, tk.Tokenizer.from_file(str(folder / f"tokenizer-{kind}.json"))
        self.net = train.build(kind)
        self.checkpoint = torch.load(folder / f"{kind}.pt")
        self.net.load_state_dict(self.checkpoint["model"])
        self.net.eval()
        if round_to_half:                                    # what the GGUF will hold
            for name, p in self.net.named_parameters():
                if p.ndim >= 2 and "bias" not in name and "router" not in name:
                    p.data = p.data.bfloat16().float()
        self.stop = self.tok.token_to_id("<|im_end|>" if kind == "qwen2" else "<|return|>")
        self.blocks, self.width = self.net.config.blocks, self.net.config.width

    def prompt(self, system, question, effort="medium"):
        turns = [(question, "", "")]
        if self.kind == "qwen2":
            return tk.chatml(system, turns)[0]
        header, prompt, _ = tk.harmony(system, turns, effort)
        return header + prompt

    def parse(self, ids):
        """(answer text, answer tokens' span, ended properly)."""
        ended = bool(ids) and ids[-1] == self.stop
        body = ids[:-1] if ended else ids
        if self.kind == "qwen2":
            return self.tok.decode(body), (0, len(body)), ended
        channel, message, final = (self.tok.token_to_id(t) for t in ("<|channel|>", "<|message|>", "final"))
        marks = [i for i in range(len(body) - 1) if body[i] == channel and self.tok.decode([body[i + 1]]).startswith("fin")]
        starts = [i for i in range(len(body)) if marks and i > marks[-1] and body[i] == message]
        if not starts:
            return "", (0, 0), False
        return self.tok.decode(body[starts[0] + 1:]), (starts[0] + 1, len(body)), ended


@torch.no_grad()
def rollouts(model, prompts, add=None, temperature=1.0, limit=140, seed=0, answer_only=False, read=False, batch=128):
    """List of dicts: text, ended, and with `read` the mean states [blocks, width].

    `add`: {block: [len(prompts), width]} or None.
    """
    generator, results = torch.Generator().manual_seed(seed), []
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    results = [None] * len(prompts)
    for first in range(0, len(order), batch):
        rows = order[first:first + batch]
        ids = [model.tok.encode(prompts[i]).ids for i in rows]
        longest = max(map(len, ids))
        pad = torch.tensor([longest - len(x) for x in ids])
        tokens = torch.tensor([[0] * (longest - len(x)) + x for x in ids])
        vectors = {b: v[rows][:, None] for b, v in add.items()} if add else None
        cache, out, alive = Cache(model.blocks), [[] for _ in rows], torch.ones(len(rows), dtype=torch.bool)
        states = [[] for _ in rows]
        x, start = tokens, 0
        while True:
            positions = torch.arange(start, start + x.shape[1])[None] - pad[:, None]
            keys = torch.arange(start + x.shape[1])[None] - pad[:, None]
            visible = (keys[:, None] <= positions[:, :, None]) & (keys[:, None] >= 0)
            visible |= (torch.arange(start + x.shape[1])[None] == torch.arange(start, start + x.shape[1])[:, None])   # padding sees itself
            steer = vectors
            if vectors and answer_only and start == 0:
                last = torch.zeros(1, x.shape[1], 1)
                last[:, -1] = 1
                steer = {b: v * last for b, v in vectors.items()}
            keep = [] if read else None
            with torch.autocast("cpu", torch.bfloat16):
                hidden = model.net.hidden(x, positions=positions, mask=(visible[:, None], keys), cache=cache, add=steer, keep=keep)
                logits = model.net.logits(hidden[:, -1]).float()
            if read and start:
                stack = torch.stack([k[:, -1].float() for k in keep], 1)
                for r in range(len(rows)):
                    if alive[r]:
                        states[r].append(stack[r])
            start += x.shape[1]
            if temperature:
                pick = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)[:, 0]
            else:
                pick = logits.argmax(-1)
            for r in range(len(rows)):
                if alive[r]:
                    out[r].append(int(pick[r]))
            alive &= pick != model.stop
            if not alive.any() or len(max(out, key=len)) >= limit:
                break
            x = pick[:, None]
        for r, i in enumerate(rows):
            text, (a, b), ended = model.parse(out[r])
            results[i] = {"text": text, "ended": ended, "tokens": out[r], "span": (a, b)}
            if read:
                mean = [s for k, s in enumerate(states[r]) if a <= k < b]
                results[i]["mean"] = torch.stack(mean).mean(0) if mean else torch.zeros(model.blocks, model.width)
    return results
