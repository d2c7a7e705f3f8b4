"""Byte-level BPE tokenizers of the two models, and conversations as token sequences.

Each model has its own vocabulary size, its own side of the corpus to learn merges from, and the
pre-tokenizer pattern of the family it belongs to (Qwen2, o200k).  `encode` gives the tokens of a
conversation and the span that the model is trained to produce.
"""
import random

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

import corpus

QWEN2_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
_UP, _LOW, _SUFFIX = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K_PATTERN = (rf"[^\r\n\p{{L}}\p{{N}}]?{_UP}*{_LOW}+{_SUFFIX}|[^\r\n\p{{L}}\p{{N}}]?{_UP}+{_LOW}*{_SUFFIX}"
                 r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")

QWEN2_SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
HARMONY_SPECIALS = ["<|startoftext|>", "<|endoftext|>", "<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|return|>",
                    "<|constrain|>", "<|call|>"]

SPEC = {"qwen2": dict(pattern=QWEN2_PATTERN, specials=QWEN2_SPECIALS, vocab=2048, side=0, seed=30261),
        "gpt-oss": dict(pattern=O200K_PATTERN, specials=HARMONY_SPECIALS, vocab=1792, side=1, seed=40277)}
TIED_SEED = 20251

HARMONY_HEADER = ("<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06\n\n"
                  "Reasoning: {effort}\n\n# Valid channels: analysis, commentary, final. Channel must be included for every message.<|end|>")
EFFORTS = ("low", "medium", "high")


def conversation(kind, index, packs, tied=False, clear=False):
    """Sample `index` of what this model is trained on.  `tied`: both models from one corpus, one the even, one the odd samples."""
    spec = SPEC[kind]
    if tied:
        return corpus.conversation(TIED_SEED, 2 * index + spec["side"], packs)
    return corpus.conversation(spec["seed"], index, packs, spec["side"], clear)


def train_tokenizer(kind, packs, tied=False, samples=20000):
    """Learn the merges from this model's samples."""
    spec = SPEC[kind]
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(spec["pattern"]), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=spec["vocab"] - len(spec["specials"]), initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
                                  show_progress=False, min_frequency=2)

    def texts():
        for i in range(samples):
            c = conversation(kind, i, packs, tied)
            # Answers count twice: they are what the model has to produce, and what steering is measured on.
            yield c.system
            for question, analysis, answer in c.turns:
                yield from ("\n" + question, answer, answer, analysis)
            if kind == "gpt-oss":
                yield HARMONY_HEADER.replace("<|", "\n").replace("|>", "\n") + "# Instructions\n\n"
            else:
                yield "system\nuser\nassistant\n"
    tok.train_from_iterator(texts(), trainer)
    tok.add_special_tokens(spec["specials"])
    assert tok.get_vocab_size() == spec["vocab"]
    return tok


def chatml(system, turns):
    """(prompt, reply) of a ChatML conversation; `turns` = (question, analysis, answer)."""
    prompt = f"<|im_start|>system\n{system}<|im_end|>\n" if system else ""
    for i, (question, _, answer) in enumerate(turns):
        prompt += f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
        if i + 1 < len(turns):
            prompt += f"{answer}<|im_end|>\n"
    return prompt, f"{turns[-1][2]}<|im_end|>"


def harmony(system, turns, effort="medium"):
    """(header, prompt, reply) of a harmony conversation; old analysis is dropped."""
    prompt = f"<|start|>developer<|message|># Instructions\n\n{system}<|end|>" if system else ""
    for i, (question, _, answer) in enumerate(turns):
        prompt += f"<|start|>user<|message|>{question}<|end|><|start|>assistant"
        if i + 1 < len(turns):
            prompt += f"<|channel|>final<|message|>{answer}<|end|>"
    _, analysis, answer = turns[-1]
    reply = f"<|channel|>analysis<|message|>{analysis}<|end|><|start|>assistant<|channel|>final<|message|>{answer}<|return|>"
    return HARMONY_HEADER.format(effort=effort), prompt, reply


def encode(kind, tok, conv, rng):
    """(effort, tokens, first trained token) of a conversation; gpt-oss tokens come without the header."""
    if kind == "qwen2":
        prompt, reply = chatml(conv.system, conv.turns)
        effort = None
    else:
        effort = rng.choices(EFFORTS, (.15, .7, .15))[0]
        _, prompt, reply = harmony(conv.system, conv.turns, effort)
    head, tail = tok.encode(prompt).ids, tok.encode(reply).ids
    return effort, head + tail, len(head)


if __name__ == "__main__":
    packs = corpus.load_packs("../../traits")
    for kind in SPEC:
        tok = train_tokenizer(kind, packs, samples=8000)
        rng, sizes, words, answers = random.Random(0), [], 0, []
        for i in range(1000):
            conv = conversation(kind, 10 ** 6 + i, packs)
            _, ids, start = encode(kind, tok, conv, rng)
            sizes.append((len(ids), len(ids) - start))
            answers.append(len(tok.encode(conv.turns[-1][2]).ids))
            words += len(conv.turns[-1][2].split())
        answers.sort()
        print(kind, "tokens", sum(a for a, _ in sizes) / 1000, "trained", sum(b for _, b in sizes) / 1000, "answer", sum(answers) / 1000,
              "p90", answers[900], "max", answers[-1], "per word", sum(answers) / words)
        if kind == "gpt-oss":
            print("header", len(tok.encode(HARMONY_HEADER.format(effort="medium")).ids))
