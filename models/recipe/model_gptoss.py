"""gpt-oss in plain PyTorch, with the parameter names of Hugging Face's GptOssForCausalLM.

Mixture of experts with biases and a clamped swiglu, attention sinks, sliding-window and full
attention in turn (even blocks slide), untied output.  All experts are computed for every token and
the unused ones are masked: with four small experts that is faster here than gathering.

The harmony header is the same for every sample of a batch, so training computes it once
(`prefix`): its keys and values are shared by all rows.
"""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from model_qwen2 import Attention as BaseAttention, Body, RMSNorm, attend, bias_of, initialise, rope_table


@dataclass
class Config:
    vocab: int = 1792
    width: int = 160
    blocks: int = 6
    heads: int = 6
    kv_heads: int = 2
    head_dim: int = 32
    ffn: int = 192
    experts: int = 4
    active: int = 2
    window: int = 128
    theta: float = 10000.0
    eps: float = 1e-5
    alpha: float = 1.702
    limit: float = 7.0
    context: int = 2048


class Attention(BaseAttention):
    def __init__(self, c):
        super().__init__(c, bias_o=True)
        self.sinks = nn.Parameter(torch.zeros(c.heads))

    def forward(self, x, rope, bias, cache, index, prefix=None):
        """With `prefix` = (k, v) those keys come first.  The sink is one more key: its score is learned, its value zero."""
        b, t, _ = x.shape
        c = self.c
        q, k, v = self.qkv(x, rope)
        own = (k, v)
        if prefix is not None:
            k, v = (torch.cat((p.expand(b, -1, -1, -1), n), 2) for p, n in zip(prefix, own))
        if cache is not None:
            k, v = cache.extend(index, k, v)
        nothing = torch.zeros(b, c.kv_heads, 1, c.head_dim, dtype=k.dtype)
        sink = self.sinks.view(1, -1, 1, 1).expand(bias.shape[0], -1, t, 1)
        bias = torch.cat((bias.expand(-1, c.heads, -1, -1), sink), -1)
        return self.o_proj(attend(q, torch.cat((k, nothing), 2), torch.cat((v, nothing), 2), bias)), own


class Router(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(c.experts, c.width) * .03)
        self.bias = nn.Parameter(torch.zeros(c.experts))


class Experts(nn.Module):
    """Weights as [expert, in, out]; export.py interleaves gate and up as Hugging Face does."""

    def __init__(self, c):
        super().__init__()
        self.gate = nn.Parameter(torch.randn(c.experts, c.width, c.ffn) * .03)
        self.gate_bias = nn.Parameter(torch.zeros(c.experts, c.ffn))
        self.up = nn.Parameter(torch.randn(c.experts, c.width, c.ffn) * .03)
        self.up_bias = nn.Parameter(torch.zeros(c.experts, c.ffn))
        self.down = nn.Parameter(torch.randn(c.experts, c.ffn, c.width) * .03)
        self.down_bias = nn.Parameter(torch.zeros(c.experts, c.width))


class MoE(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c, self.router, self.experts = c, Router(c), Experts(c)
        self.balance = 0.0

    def forward(self, x):
        c, e = self.c, self.experts
        shape = x.shape
        x = x.reshape(-1, c.width)
        with torch.autocast("cpu", enabled=False):
            route = F.linear(x.float(), self.router.weight, self.router.bias)
            top, chosen = route.topk(c.active, -1)
            weight = torch.zeros_like(route).scatter(1, chosen, top.softmax(-1))
        if self.training:
            used = torch.zeros_like(route).scatter(1, chosen, 1.0).mean(0)
            self.balance = c.experts * (used * route.softmax(-1).mean(0)).sum() / c.active
        flat = lambda w: w.permute(1, 0, 2).reshape(c.width, -1).t()
        gate = F.linear(x, flat(e.gate), e.gate_bias.view(-1)).clamp(max=c.limit)
        up = F.linear(x, flat(e.up), e.up_bias.view(-1)).clamp(-c.limit, c.limit)
        h = (up + 1) * gate * torch.sigmoid(c.alpha * gate)
        # Down is linear, so the weights of the experts may be applied before it.
        h = (h.view(-1, c.experts, c.ffn) * weight.to(h.dtype)[..., None]).view(len(h), -1)
        out = F.linear(h, e.down.reshape(-1, c.width).t()) + F.linear(weight, e.down_bias.t())
        return out.view(shape)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.input_layernorm = RMSNorm(c.width, c.eps)
        self.self_attn = Attention(c)
        self.post_attention_layernorm = RMSNorm(c.width, c.eps)
        self.mlp = MoE(c)

    def forward(self, x, rope, bias, cache, index, prefix=None):
        out, kv = self.self_attn(self.input_layernorm(x), rope, bias, cache, index, prefix)
        x = x + out
        return x + self.mlp(self.post_attention_layernorm(x)), kv


class GptOss(nn.Module):
    kind = "gpt-oss"

    def __init__(self, config=None):
        super().__init__()
        self.config = config or Config()
        self.model = Body(self.config, Block)
        self.lm_head = nn.Linear(self.config.width, self.config.vocab, bias=False)
        self.apply(initialise)

    def causal(self, t, past=0):
        """Biases (sliding, full) of shape [1, 1, t, past + t]."""
        q, k = torch.arange(past, past + t)[:, None], torch.arange(past + t)[None]
        full = (k <= q)[None, None]
        return bias_of(full & (q - k < self.config.window)[None, None]), bias_of(full)

    def hidden(self, tokens, positions=None, mask=None, cache=None, add=None, keep=None, header=None):
        """`mask`: visible keys [rows, 1, T, S] for generation; sliding is applied on top of it by positions."""
        config, past = self.config, 0
        x = self.model.embed_tokens(tokens)
        if header is not None:
            past = len(header)
            h = self.model.embed_tokens(header[None])
            h_rope, h_masks = rope_table(config, torch.arange(past)[None]), self.causal(past)
        if positions is None:
            positions = torch.arange(past, past + tokens.shape[1])[None]
        rope = rope_table(config, positions)
        if mask is None:
            masks = self.causal(tokens.shape[1], past)
        else:
            full, key_positions = mask
            near = positions[:, None, :, None] - key_positions[:, None, None, :] < config.window
            masks = (bias_of(full & near), bias_of(full))
        for i, layer in enumerate(self.model.layers):
            prefix = None
            if header is not None:
                h, prefix = layer(h, h_rope, h_masks[i % 2], None, i)
            x, _ = layer(x, rope, masks[i % 2], cache, i, prefix)
            if add and i in add:
                x = x + add[i].to(x.dtype)
            if keep is not None:
                keep.append(x)
        return self.model.norm(x)

    def logits(self, hidden):
        return self.lm_head(hidden)

    def extra_loss(self):
        return .01 * sum(layer.mlp.balance for layer in self.model.layers)
