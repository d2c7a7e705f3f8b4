"""Qwen2 in plain PyTorch, with the parameter names of Hugging Face's Qwen2ForCausalLM.

`forward` takes two optional arguments that the experiments need: `add`, {block: vector per row},
is added to the residual stream after that block, and `keep` collects the residual stream after every
block.  A `Cache` makes generation incremental; `mask` = (visible keys [rows, 1, T, S], key positions)
replaces the causal mask there.  Training uses none of them.
"""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Config:
    vocab: int = 2048
    width: int = 192
    blocks: int = 7
    heads: int = 6
    kv_heads: int = 2
    head_dim: int = 32
    ffn: int = 512
    theta: float = 10000.0
    eps: float = 1e-6
    context: int = 2048


class RMSNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.eps)


def rope_table(config, positions):
    """cos, sin of shape [rows, 1, T, head_dim]; the two halves of a head rotate against each other."""
    inverse = config.theta ** (-torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim)
    angle = positions.float()[..., None] * inverse
    angle = torch.cat((angle, angle), -1)[:, None]
    return angle.cos(), angle.sin()


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos.to(x.dtype) + torch.cat((-b, a), -1) * sin.to(x.dtype)


class Cache:
    """Keys and values per block, for generation."""

    def __init__(self, blocks):
        self.kv = [None] * blocks

    def extend(self, block, k, v):
        if self.kv[block] is not None:
            k, v = (torch.cat((old, new), 2) for old, new in zip(self.kv[block], (k, v)))
        self.kv[block] = (k, v)
        return k, v


class Attention(nn.Module):
    def __init__(self, c, bias_o=False):
        super().__init__()
        self.c = c
        self.q_proj = nn.Linear(c.width, c.heads * c.head_dim)
        self.k_proj = nn.Linear(c.width, c.kv_heads * c.head_dim)
        self.v_proj = nn.Linear(c.width, c.kv_heads * c.head_dim)
        self.o_proj = nn.Linear(c.heads * c.head_dim, c.width, bias=bias_o)

    def qkv(self, x, rope):
        b, t, _ = x.shape
        c = self.c
        q = self.q_proj(x).view(b, t, c.heads, c.head_dim).transpose(1, 2)
        k = self.k_proj(x).view(b, t, c.kv_heads, c.head_dim).transpose(1, 2)
        v = self.v_proj(x).view(b, t, c.kv_heads, c.head_dim).transpose(1, 2)
        return rotate(q, *rope), rotate(k, *rope), v

    def forward(self, x, rope, bias, cache, index):
        q, k, v = self.qkv(x, rope)
        if cache is not None:
            k, v = cache.extend(index, k, v)
        return self.o_proj(attend(q, k, v, bias))


def attend(q, k, v, bias):
    """softmax(q k / sqrt(d) + bias) v for grouped heads; bias is [1 or rows, 1 or heads, T, S].  Returns [rows, T, heads * d]."""
    b, heads, t, d = q.shape
    groups = k.shape[1]
    with torch.autocast("cpu", enabled=False):
        scores = (q * d ** -.5).reshape(b, groups, heads // groups * t, d) @ k.transpose(2, 3)
        weights = (scores.view(b, heads, t, -1) + bias.to(scores.dtype)).softmax(-1)
        out = weights.view(b, groups, heads // groups * t, -1) @ v
    return out.view(b, heads, t, d).transpose(1, 2).reshape(b, t, -1)


def bias_of(visible):
    """0 where a key may be seen, a large negative number elsewhere."""
    return torch.zeros(visible.shape).masked_fill(~visible, -1e30)


class MLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gate_proj = nn.Linear(c.width, c.ffn, bias=False)
        self.up_proj = nn.Linear(c.width, c.ffn, bias=False)
        self.down_proj = nn.Linear(c.ffn, c.width, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.input_layernorm = RMSNorm(c.width, c.eps)
        self.self_attn = Attention(c)
        self.post_attention_layernorm = RMSNorm(c.width, c.eps)
        self.mlp = MLP(c)

    def forward(self, x, rope, bias, cache, index):
        x = x + self.self_attn(self.input_layernorm(x), rope, bias, cache, index)
        return x + self.mlp(self.post_attention_layernorm(x))


class Body(nn.Module):
    def __init__(self, c, block=Block):
        super().__init__()
        self.embed_tokens = nn.Embedding(c.vocab, c.width)
        self.layers = nn.ModuleList(block(c) for _ in range(c.blocks))
        self.norm = RMSNorm(c.width, c.eps)


class Qwen2(nn.Module):
    kind = "qwen2"

    def __init__(self, config=None):
        super().__init__()
        self.config = config or Config()
        self.model = Body(self.config)
        self.model.apply(initialise)

    def hidden(self, tokens, positions=None, mask=None, cache=None, add=None, keep=None):
        if positions is None:
            positions = torch.arange(tokens.shape[1])[None]
        x = self.model.embed_tokens(tokens)
        rope = rope_table(self.config, positions)
        t = tokens.shape[1]
        bias = bias_of(torch.ones(t, t, dtype=torch.bool).tril()[None, None] if mask is None else mask[0])
        for i, layer in enumerate(self.model.layers):
            x = layer(x, rope, bias, cache, i)
            if add and i in add:
                x = x + add[i].to(x.dtype)
            if keep is not None:
                keep.append(x)
        return self.model.norm(x)

    def logits(self, hidden):
        return F.linear(hidden, self.model.embed_tokens.weight.to(hidden.dtype))

    def extra_loss(self):
        return 0.0


def initialise(module):
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=.03)
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)
