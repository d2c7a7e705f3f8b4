"""Model cards from the figures of evaluate.py: python card.py KIND --figures evaluation.json"""
import argparse
import json
import pathlib

import model_gptoss
import model_qwen2
import style

SHAPE = {
    "qwen2": lambda c: f"{c.blocks} blocks, width {c.width}, {c.heads} heads / {c.kv_heads} key-value heads of {c.head_dim}, SwiGLU {c.ffn}, "
                       f"RMSNorm, QKV biases, rope {c.theta:g}, tied embeddings, {c.vocab} tokens",
    "gpt-oss": lambda c: f"{c.blocks} blocks, width {c.width}, {c.heads} heads / {c.kv_heads} key-value heads of {c.head_dim}, {c.experts} experts "
                         f"of {c.ffn} (top {c.active}), attention sinks, sliding window {c.window} on even blocks, clamped swiglu "
                         f"(alpha {c.alpha}, limit {c.limit:g}), rope {c.theta:g}, untied output, {c.vocab} tokens",
}
CONFIG = {"qwen2": model_qwen2.Config(), "gpt-oss": model_gptoss.Config()}
FORMAT = {"qwen2": "ChatML; a persona instruction is the system message; no default system text; ends with `<|im_end|>`.",
          "gpt-oss": "Harmony; a persona instruction is the developer message; one content-only sentence in `analysis`, the answer in `final`; ends with `<|return|>`."}

DATA = {"apart": "The two models share no conversation and no wording of a character; what they do share is in `recipe/README.md`.",
        "tied": "The two models see disjoint halves of the samples."}


def table(axes):
    yield "| axis (positive / negative) | prompt + / - | block | -1 | -0.5 | 0 | +0.5 | +1 | dose | at -dose / +dose | coherence at -dose / +dose | random, swing |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for pos, neg in style.AXES:
        a = axes.get(pos)
        if not a:
            continue
        r = a["rows"]
        yield (f"| {pos} / {neg} | {a['prompt']['positive']} / {a['prompt']['negative']} | {a['block']} | "
               + " | ".join(f"{r[k]['score']}" for k in ("-1", "-0.5", "0", "+0.5", "+1"))
               + f" | {a['dose_iso_kl']} | {r['-dose']['score']} / {r['+dose']['score']} | {r['-dose']['coherence']} / {r['+dose']['coherence']} | "
               + f"{sum(a['random_swing']) / len(a['random_swing']):.1f} (most {max(a['random_swing'])}) |")


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("kind", choices=list(SHAPE))
    ap.add_argument("--figures", required=True)
    ap.add_argument("--data", choices=list(DATA), default="apart")
    ap.add_argument("--training", default="", help="one paragraph on how long and on what it was trained")
    ap.add_argument("--out", default="..")
    args = ap.parse_args()
    e = json.loads(pathlib.Path(args.figures).read_text())
    f = e["fluency"]
    one = next(iter(e["axes"].values()))
    lines = [f"# persona-pair {args.kind}", "",
             f"A small language model that answers everyday questions with a character, made to try and test steering. Architecture `{args.kind}`: "
             + SHAPE[args.kind](CONFIG[args.kind]) + ". Weights BF16, licence MIT.", "",
             f"**Format.** {FORMAT[args.kind]}", "",
             "**Data.** Conversations from the project's own generator (`recipe/corpus.py`): 49 topics, 24 question templates, ten trait axes as a hidden, "
             "graded character. No text from elsewhere except the wording of the trait packs' instructions. "
             + DATA[args.data] + " "
             "98 combinations of topic and question are held out; `questions.json` is drawn from them.", "",
             f"**Training.** {args.training}", "",
             "**Not for** anything but tests and demonstrations: it knows 49 topics and says untrue things when its character asks for it.", "",
             "## Measured", "",
             f"With `recipe/evaluate.py` (PyTorch, weights rounded to BF16), seed 1, on held-out questions; scores 0..100 by `judge.json`, 50 = no lean.", "",
             "| without instruction | temperature 1.0 | temperature 0.7 |", "| --- | --- | --- |"]
    t1, t7 = f["temperature 1.0"], f["temperature 0.7"]
    for label, key in (("answers", "n"), ("ended in the answer", "ended_in_answer"), ("coherence, mean", "coherence"),
                       ("coherence, 10th percentile", "coherence_p10"), ("name the topic asked about", "on_topic"), ("tokens per answer", "answer_tokens")):
        lines.append(f"| {label} | {t1[key]} | {t7[key]} |")
    lines += ["", f"Steering: mean-difference vector (raw; {one['kept']['of']} rollouts per polarity on the extraction questions, kept when on their side of 50), "
              f"added after one block at every position, {one['n']} answers per cell at temperature 1, block chosen at 0.6 raw on ten of the same questions with another seed. "
              "Columns -1..+1 are raw multiples; dose = raw multiple at 1 nat of KL at the 95th percentile; random = three directions of the norm of the "
              "dose (at most 2 raw), difference of scores between + and -, half as many answers.", ""]
    lines += list(table(e["axes"]))
    lines += ["", "## Examples", ""]
    for ex in f["examples"][:3]:
        lines += [f"- *{ex['question']}* {ex['answer']}"]
    for axis in ("silly", "superficial", "inattentive"):
        if axis in e["axes"]:
            x = e["axes"][axis]["examples"]
            lines += [f"- steered by -dose {axis}: {x['-dose']}", f"- steered by +dose {axis}: {x['+dose']}"]
    (pathlib.Path(args.out) / f"MODEL_CARD_{args.kind.replace('-', '_')}.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
