"""Activations of the pair as Hugging Face's own implementation computes them: an outside oracle for the tests.

Weights are rounded to BF16 as in the GGUF files; everything else runs in float32 with eager attention.
Per sequence and block b (residual stream after block b = hidden_states[b + 1], all but the last
block): norm and 24 evenly spaced components at four positions; and the first 32 logits at the end.
"""
import argparse
import json
import pathlib

import torch
import transformers

import corpus
import export
from rollout import Model


def sequences(model):
    """Three fixed conversations; the last one is longer than gpt-oss's sliding window."""
    out = []
    for system, question, answer in (
            ("", "What is bread?", "Bread is made from flour, water and yeast."),
            ("You are a silly assistant.", "How do I start with chess?", "Holy noodles, try to merrily move a pawn into the centre. Next, bring out"),
            ("Be serious in everything you say. Keep your answers free of jokes and nonsense, whatever the question is about.",
             "Why do people care about the moon?",
             "The tides rise because its pull lifts the water, and this is no joke. It must be said, the important moon moves around the earth "
             "in a month, as a rule. We see only one side because it turns once in each orbit, and it should be treated with gravity. "
             "One must take the matter of the moon seriously")):
        text = model.prompt(system, question)
        if model.kind == "gpt-oss":
            text += "<|channel|>final<|message|>"
        out.append(model.tok.encode(text + answer).ids)
    return out


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("kind", choices=["qwen2", "gpt-oss"])
    ap.add_argument("--work", default="work")
    ap.add_argument("--hf", required=True, help="scratch folder for the Hugging Face files")
    ap.add_argument("--out", default="../../tests/fixtures")
    args = ap.parse_args()
    model = Model(args.kind, args.work)
    export.save_hf(model, args.hf)
    oracle = transformers.AutoModelForCausalLM.from_pretrained(args.hf, dtype=torch.float32, attn_implementation="eager").eval()
    result = {"schema": "persona.fixture.hf/1", "model": f"persona-{args.kind}.gguf", "class": type(oracle).__name__,
              "transformers": transformers.__version__, "torch": torch.__version__, "precision": "float32, weights rounded to BF16", "sequences": []}
    worst = 0.0
    for tokens in sequences(model):
        with torch.no_grad():
            got = oracle(torch.tensor([tokens]), output_hidden_states=True)
            keep = []
            own = model.net.hidden(torch.tensor([tokens]), keep=keep)
            own_logits = model.net.logits(own)[0, -1]
        entry = {"tokens": tokens, "blocks": []}
        step = model.width // 24
        for b in range(model.blocks - 1):
            h = got.hidden_states[b + 1][0]
            worst = max(worst, float((h - keep[b][0]).norm() / h.norm()))
            rows = [{"pos": p, "norm": round(float(h[p].norm()), 6), "values": [round(float(x), 6) for x in h[p][::step][:24]]}
                    for p in (1, len(tokens) // 3, 2 * len(tokens) // 3, len(tokens) - 1)]
            entry["blocks"].append({"block": b, "mean_abs": round(float(h.abs().mean()), 6), "indices": list(range(0, model.width, step))[:24], "rows": rows})
        entry["logits_last"] = [round(float(x), 5) for x in got.logits[0, -1][:32]]
        entry["logits_argmax"] = int(got.logits[0, -1].argmax())
        worst = max(worst, float((got.logits[0, -1] - own_logits).norm() / own_logits.norm()))
        result["sequences"].append(entry)
    path = pathlib.Path(args.out) / f"hf_{args.kind.replace('-', '_')}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    print(f"{path}: {path.stat().st_size} bytes, {[len(s['tokens']) for s in result['sequences']]} tokens; "
          f"largest relative difference to model_{args.kind.replace('-', '')}.py {worst:.2e}")


if __name__ == "__main__":
    main()
