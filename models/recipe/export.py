"""Checkpoints to GGUF (for llama.cpp) and to Hugging Face safetensors (for the fixtures).

Matrices are stored as BF16 (on processors with bf16 products decoding is 1.4 times as fast as with F16); norms, biases, sinks and the router as F32, as llama.cpp's converter does.
"""
import argparse
import json
import pathlib

import gguf
import numpy as np
import torch

import tokenizer as tk
from rollout import Model

CHATML_TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
                   "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
HARMONY_TEMPLATE = (
    "<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06\n\n"
    "Reasoning: {{ reasoning_effort | default('medium') }}\n\n# Valid channels: analysis, commentary, final. "
    "Channel must be included for every message.<|end|>"
    "{% for message in messages %}{% if message['role'] in ['system', 'developer'] %}"
    "{{ '<|start|>developer<|message|># Instructions\\n\\n' + message['content'] + '<|end|>' }}"
    "{% elif message['role'] == 'assistant' %}{{ '<|start|>assistant<|channel|>final<|message|>' + message['content'] + '<|end|>' }}"
    "{% else %}{{ '<|start|>user<|message|>' + message['content'] + '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start|>assistant' }}{% endif %}")


def hf_state(model):
    """State dict with Hugging Face's names and layouts."""
    state = {}
    for name, value in model.net.state_dict().items():
        if ".mlp.experts." not in name:
            state[name] = value.clone()
    for i, layer in enumerate(model.net.model.layers):
        if model.kind == "gpt-oss":
            e, p = layer.mlp.experts, f"model.layers.{i}.mlp.experts."
            state[p + "gate_up_proj"] = torch.stack((e.gate, e.up), -1).flatten(-2)
            state[p + "gate_up_proj_bias"] = torch.stack((e.gate_bias, e.up_bias), -1).flatten(-2)
            state[p + "down_proj"], state[p + "down_proj_bias"] = e.down.clone(), e.down_bias.clone()
    return {k: v.detach().contiguous() for k, v in state.items()}


def hf_config(model):
    c = model.net.config
    common = dict(vocab_size=c.vocab, hidden_size=c.width, num_hidden_layers=c.blocks, num_attention_heads=c.heads,
                  num_key_value_heads=c.kv_heads, intermediate_size=c.ffn, rms_norm_eps=c.eps, max_position_embeddings=c.context)
    rope = {"rope_type": "default", "rope_theta": c.theta}
    if model.kind == "qwen2":
        from transformers import Qwen2Config
        return Qwen2Config(**common, tie_word_embeddings=True, use_sliding_window=False, rope_parameters=rope)
    from transformers import GptOssConfig
    return GptOssConfig(**common, head_dim=c.head_dim, num_local_experts=c.experts, num_experts_per_tok=c.active, sliding_window=c.window,
                        rope_parameters=rope, tie_word_embeddings=False, attention_bias=True, swiglu_limit=c.limit)


def save_hf(model, folder):
    from safetensors.torch import save_file
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    hf_config(model).save_pretrained(folder)
    save_file(hf_state(model), str(folder / "model.safetensors"), metadata={"format": "pt"})


def add_tokenizer(writer, model):
    data = json.loads(model.tok.to_str())
    vocab, specials = data["model"]["vocab"], {a["content"]: a["id"] for a in data["added_tokens"]}
    tokens, types = [""] * model.net.config.vocab, [gguf.TokenType.NORMAL] * model.net.config.vocab
    for text, i in {**vocab, **specials}.items():
        tokens[i] = text
        types[i] = gguf.TokenType.CONTROL if text in specials else gguf.TokenType.NORMAL
    assert all(tokens)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2" if model.kind == "qwen2" else "gpt-4o")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in data["model"]["merges"]])
    writer.add_eos_token_id(model.stop)
    writer.add_pad_token_id(specials["<|endoftext|>"])
    if model.kind == "gpt-oss":
        writer.add_bos_token_id(specials["<|startoftext|>"])
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHATML_TEMPLATE if model.kind == "qwen2" else HARMONY_TEMPLATE)


def tensors(model):
    """(GGUF name, array) in storage order."""
    state = {k: v.float().numpy() for k, v in hf_state(model).items()}
    yield "token_embd.weight", state["model.embed_tokens.weight"]
    yield "output_norm.weight", state["model.norm.weight"]
    if model.kind == "gpt-oss":
        yield "output.weight", state["lm_head.weight"]
    for i in range(model.blocks):
        hf, out = f"model.layers.{i}.", f"blk.{i}."
        yield out + "attn_norm.weight", state[hf + "input_layernorm.weight"]
        for name, short in (("q_proj", "attn_q"), ("k_proj", "attn_k"), ("v_proj", "attn_v"), ("o_proj", "attn_output")):
            yield out + short + ".weight", state[hf + f"self_attn.{name}.weight"]
            if hf + f"self_attn.{name}.bias" in state:
                yield out + short + ".bias", state[hf + f"self_attn.{name}.bias"]
        if model.kind == "qwen2":
            yield out + "ffn_norm.weight", state[hf + "post_attention_layernorm.weight"]
            for name in ("gate", "up", "down"):
                yield out + f"ffn_{name}.weight", state[hf + f"mlp.{name}_proj.weight"]
            continue
        yield out + "attn_sinks.weight", state[hf + "self_attn.sinks"]
        yield out + "post_attention_norm.weight", state[hf + "post_attention_layernorm.weight"]
        yield out + "ffn_gate_inp.weight", state[hf + "mlp.router.weight"]
        yield out + "ffn_gate_inp.bias", state[hf + "mlp.router.bias"]
        both, bias = state[hf + "mlp.experts.gate_up_proj"], state[hf + "mlp.experts.gate_up_proj_bias"]
        for k, name in enumerate(("gate", "up")):
            yield out + f"ffn_{name}_exps.weight", both[..., k::2].transpose(0, 2, 1)
            yield out + f"ffn_{name}_exps.bias", bias[..., k::2]
        yield out + "ffn_down_exps.weight", state[hf + "mlp.experts.down_proj"].transpose(0, 2, 1)
        yield out + "ffn_down_exps.bias", state[hf + "mlp.experts.down_proj_bias"]


def save_gguf(model, path):
    c, path = model.net.config, pathlib.Path(path)
    tmp = path.with_suffix(".tmp")
    w = gguf.GGUFWriter(str(tmp), "qwen2" if model.kind == "qwen2" else "gpt-oss")
    w.add_name(f"persona-pair {model.kind}")
    w.add_license("MIT")
    w.add_description("Small model of the embedded pair, trained on a generated corpus of everyday questions and characters.")
    w.add_string("persona.judge", "judge.json")
    w.add_string("persona.questions", "questions.json")
    w.add_context_length(c.context)
    w.add_embedding_length(c.width)
    w.add_block_count(c.blocks)
    w.add_feed_forward_length(c.ffn)
    w.add_head_count(c.heads)
    w.add_head_count_kv(c.kv_heads)
    w.add_layer_norm_rms_eps(c.eps)
    w.add_rope_freq_base(c.theta)
    w.add_vocab_size(c.vocab)
    if model.kind == "gpt-oss":
        w.add_key_length(c.head_dim)
        w.add_value_length(c.head_dim)
        w.add_rope_dimension_count(c.head_dim)
        w.add_expert_count(c.experts)
        w.add_expert_used_count(c.active)
        w.add_expert_feed_forward_length(c.ffn)
        w.add_sliding_window(c.window)
    w.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)
    add_tokenizer(w, model)
    for name, value in tensors(model):
        half = value.ndim >= 2 and not name.endswith(".bias") and "ffn_gate_inp" not in name
        value = np.ascontiguousarray(value, dtype=np.float32)
        if half:
            w.add_tensor(name, gguf.quants.quantize(value, gguf.GGMLQuantizationType.BF16), raw_dtype=gguf.GGMLQuantizationType.BF16)
        else:
            w.add_tensor(name, value)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    tmp.rename(path)
    print(path, path.stat().st_size)


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("kind", choices=["qwen2", "gpt-oss"])
    ap.add_argument("--work", default="work", help="folder of train.py's output")
    ap.add_argument("--out", default="..")
    ap.add_argument("--hf", default="", help="also write Hugging Face files here")
    args = ap.parse_args()
    model = Model(args.kind, args.work, round_to_half=bool(args.hf))
    save_gguf(model, pathlib.Path(args.out) / f"persona-{args.kind}.gguf")
    if args.hf:
        save_hf(model, args.hf)


if __name__ == "__main__":
    main()
