# SPDX-License-Identifier: MIT
"""Completions with echo and scores, the Responses API, JSON mode and schemas, assistant prefill."""
import json, math, threading, time

from client import *


def completions(s):
    ask = {"model": QWEN, "prompt": "The soup is", "temperature": 0, "max_tokens": 6}
    r = s.ask("POST", "/v1/completions", ask)[1]
    equal(r["object"], "text_completion", "the object")
    text = r["choices"][0]["text"]
    events = list(s.stream("/v1/completions", ask))
    equal("".join(c["text"] for x in events[:-1] for c in x["choices"]), text, "the stream has the same text")
    echo = s.ask("POST", "/v1/completions", {**ask, "echo": True, "logprobs": 1})[1]["choices"][0]
    equal(echo["text"], "The soup is" + text, "echo")
    lp = echo["logprobs"]
    equal("".join(lp["tokens"]), echo["text"], "tokens make up the text")
    equal((lp["token_logprobs"][0], lp["top_logprobs"][0]), (None, None), "of the first nothing is known")
    check(all(x <= 0 for x in lp["token_logprobs"][1:]), "logarithms")
    equal(lp["text_offset"][:2], [0, len(lp["tokens"][0])], "offsets")
    ids = s.ask("POST", "/v1/completions", {**ask, "max_tokens": 0, "echo": True, "logprobs": 0,
                                            "prompt": ["The soup is", "The soup is"]})[1]["choices"]
    equal(len(ids), 2, "two prompts")
    equal(ids[0]["logprobs"]["token_logprobs"], ids[1]["logprobs"]["token_logprobs"], "the same scores")
    for a, b in zip(ids[0]["logprobs"]["token_logprobs"][1:], lp["token_logprobs"][1:]):
        check(math.isclose(a, b, abs_tol=2e-2), f"scored alone and beside generation: {a} {b}")
    steered = s.ask("POST", "/v1/completions", {**ask, "max_tokens": 0, "echo": True, "logprobs": 0,
                                                "steering": "4*raw:silly"})[1]["choices"][0]
    check(steered["logprobs"]["token_logprobs"][1:] != ids[0]["logprobs"]["token_logprobs"][1:], "steering changes scores")
    for bad, param in (({"prompt": []}, "prompt"), ({"prompt": [[1, 1e9]]}, "prompt[0][1]"), ({"max_tokens": 0}, "max_tokens"),
                       ({"suffix": "x"}, "suffix"), ({"prompt": 3}, "prompt[0]")):
        status, r, _ = s.ask("POST", "/v1/completions", {**ask, **bad})
        equal((status, r["error"]["param"]), (400, param), f"{bad}: {r}")


def responses(s):
    ask = {"model": OSS, "input": "What do you think of soup?", "temperature": 0, "max_output_tokens": 80}
    r = s.ask("POST", "/v1/responses", ask)[1]
    equal([x["type"] for x in r["output"]], ["reasoning", "message"], "the output")
    text = r["output"][1]["content"][0]["text"]
    check(r["id"].startswith("resp-") and text, "an answer")
    events = list(s.stream("/v1/responses", {**ask, "steering": "0.3*raw:silly"}))
    equal([e["sequence_number"] for e in events], list(range(len(events))), "numbered")
    kinds = [e["type"] for e in events]
    order = ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
             "response.reasoning_text.delta", "response.reasoning_text.done", "response.content_part.done",
             "response.output_item.done", "response.output_item.added", "response.content_part.added",
             "response.output_text.delta", "response.output_text.done", "response.content_part.done",
             "response.output_item.done", kinds[-1]]
    equal([k for i, k in enumerate(kinds) if i == 0 or k != kinds[i - 1]], order, "the order of events")
    final = events[-1]["response"]
    equal("".join(e["delta"] for e in events if e["type"] == "response.output_text.delta"),
          final["output"][1]["content"][0]["text"], "the pieces make up the text")
    equal(final["steering"]["expression"], "0.3*raw:silly", "the receipt")
    talk = [{"role": "user", "content": "Hello"}, r["output"][0], {**r["output"][1]},
            {"role": "user", "content": [{"type": "input_text", "text": "And tea?"}]}]
    equal(s.ask("POST", "/v1/responses", {**ask, "input": talk, "instructions": "Be brief."})[0], 200, "a conversation")
    equal(s.ask("POST", "/v1/responses", {**ask, "previous_response_id": "x"})[0], 400, "nothing is stored")


def shaped(s):
    """Small models of the pair cannot finish JSON by themselves; what they write must begin as it should."""
    ask = {"model": QWEN, "messages": said("Describe soup."), "temperature": 0, "max_tokens": 60}
    schema = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"enum": ["x", "y"]}},
              "required": ["a", "b"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "t", "strict": True, "schema": schema}}
    for model in (QWEN, OSS):
        c = s.ask("POST", "/v1/chat/completions", {**ask, "model": model, "response_format": form})[1]["choices"][0]
        if c["finish_reason"] == "stop":
            x = json.loads(c["message"]["content"])
            check(isinstance(x["a"], int) and x["b"] in ("x", "y") and len(x) == 2, "as the schema says")
        check(c["message"]["content"].lstrip().startswith("{"), "an object")
    c = s.ask("POST", "/v1/chat/completions", {**ask, "response_format": {"type": "json_object"}})[1]["choices"][0]
    check(c["message"]["content"].lstrip().startswith("{"), "JSON mode")
    schema["properties"]["a"]["multipleOf"] = 3
    status, r, _ = s.ask("POST", "/v1/chat/completions", {**ask, "response_format": form})
    equal((status, r["error"]["param"]), (400, "response_format.json_schema.schema.properties.a.multipleOf"), f"{r}")
    equal(s.ask("POST", "/v1/chat/completions", {**ask, "response_format": {"type": "yaml"}})[0], 400, "no such format")
    equal(s.ask("POST", "/v1/chat/completions", {**ask, "grammar": "root ::= ("})[0], 400, "half a grammar")
    word = s.ask("POST", "/v1/chat/completions", {**ask, "grammar": 'root ::= "yes" | "no"'})[1]["choices"][0]
    check(word["message"]["content"] in ("yes", "no") and word["finish_reason"] == "stop", "a grammar")


def prefill(s):
    ask = {"model": QWEN, "temperature": 0, "max_tokens": 12}
    talk = said("What do you think of soup?")
    whole = s.ask("POST", "/v1/chat/completions", {**ask, "messages": talk})[1]["choices"][0]["message"]["content"]
    half = whole[:len(whole) // 2].rstrip()
    r = s.ask("POST", "/v1/chat/completions", {**ask, "messages": talk + said(half, "assistant")})[1]
    check(not r["choices"][0]["message"]["content"].startswith(whole[:8]), "an answer goes on")


def token_ids(s):
    """All tokens of an answer, with which it is read again and taken up in the middle, reasoning or not."""
    for model in (QWEN, OSS):
        ask = {"model": model, "messages": said("What do you think of soup?"), "temperature": 0, "max_tokens": 90,
               "logprobs": True, "return_token_ids": True}
        c = s.ask("POST", "/v1/chat/completions", ask)[1]["choices"][0]
        ids, own = c["token_ids"], [t["id"] for t in c["logprobs"]["content"]]
        at = next(i for i in range(len(ids)) if ids[i:i + len(own)] == own)
        check((at > 0) == (model == OSS), "reasoning stands before the answer")
        rest = s.ask("POST", "/v1/chat/completions", {**ask, "answer_tokens": ids[:at + 4]})[1]["choices"][0]
        equal(rest["token_ids"][:len(ids) - at - 4], ids[at + 4:], "taken up in the middle")
        again = s.ask("POST", "/api/v1/score", {"model": model, "messages": ask["messages"], "tokens": ids})[1]["tokens"]
        near = [abs(a["logprob"] - b["logprob"]) for a, b in zip(again[at:], c["logprobs"]["content"])]
        check(max(near) < 0.1, f"read again: {max(near)}")
        streamed = [e for e in s.stream("/v1/chat/completions", ask)]
        last = [e["choices"][0]["token_ids"] for e in streamed if e != "[DONE]" and e.get("choices") and "token_ids" in e["choices"][0]]
        equal(last, [ids], "in the last piece of a stream")


def pace(s):
    """A slow reader's tokens come at its pace; another's do not wait."""
    ask = {"model": QWEN, "messages": said("What do you think of soup?"), "max_tokens": 16, "ignore_eos": True}
    s.ask("POST", "/v1/chat/completions", ask)
    took = {}

    def one(name, more):
        begun = time.monotonic()
        equal(s.ask("POST", "/v1/chat/completions", {**ask, **more})[0], 200, name)
        took[name] = time.monotonic() - begun

    both = [threading.Thread(target=one, args=x) for x in (("slow", {"pace": 8}), ("quick", {}))]
    for t in both:
        t.start()
    for t in both:
        t.join()
    check(took["slow"] > 15 / 8, f"{took}")
    check(took["quick"] < took["slow"], f"{took}")
    equal(s.ask("POST", "/v1/chat/completions", {**ask, "pace": -1})[0], 400, "no pace")
    equal(s.ask("POST", "/v1/chat/completions", {**ask, "pace": 1e-300})[1]["error"]["param"], "pace", "a pace without end")


with serving() as server:
    for part in (completions, responses, shaped, prefill, token_ids, pace):
        part(server)
done()
