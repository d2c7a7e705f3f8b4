# SPDX-License-Identifier: MIT
"""Ollama's routes: models, chats and answers, whole and as lines, steered by options.steer."""
import json

from client import *

GREEDY = {"temperature": 0, "num_predict": 20}
ASK = {"model": QWEN, "messages": said("What do you think of soup?"), "options": GREEDY}


def good(s, method, path, body=None):
    status, r, _ = s.ask(method, path, body)
    equal(status, 200, f"{method} {path}: {r}")
    return r


def lines(s, path, body):
    status, data, headers = s.ask("POST", path, body)
    equal((status, headers["Content-Type"]), (200, "application/x-ndjson"), f"{path}: {data}")
    return [json.loads(x) for x in data.splitlines()]


def models(s):
    check(good(s, "GET", "/api/version")["version"], "a version")
    equal(good(s, "GET", "/api/ps")["models"], [], "none is loaded")
    by_name = {m["name"]: m for m in good(s, "GET", "/api/tags")["models"]}
    m = by_name[QWEN + ":latest"]
    equal((m["details"]["family"], m["details"]["format"], len(m["digest"])), ("qwen2", "gguf", 64), "a model")
    for name in (QWEN, QWEN + ":latest"):
        r = good(s, "POST", "/api/show", {"model": name})
        check(r["model_info"]["qwen2.block_count"] > 0 and r["capabilities"] == ["completion"], f"shown: {r}")
    equal(s.ask("POST", "/api/show", {"model": "nobody"})[0], 404, "an unknown one")
    equal(s.ask("POST", "/api/show", {"model": QWEN + ":7b"})[0], 404, "an unknown tag")


def chats(s):
    plain = good(s, "POST", "/api/chat", {**ASK, "stream": False})
    equal((plain["done"], plain["done_reason"], plain["eval_count"], plain["steering"]), (True, "length", 20, None), "whole")
    check(plain["total_duration"] >= plain["eval_duration"] > 0 and plain["prompt_eval_count"] > 0, "durations")
    steered = {**ASK, "options": {**GREEDY, "steer": "3*raw:silly"}}
    r = good(s, "POST", "/api/chat", {**steered, "stream": False})
    check(r["message"]["content"] != plain["message"]["content"], "steering changes the answer")
    equal(r["steering"]["expression"], "3*raw:silly", "the receipt")
    x = lines(s, "/api/chat", steered)
    equal("".join(p["message"]["content"] for p in x), r["message"]["content"], "the lines have the same text")
    equal([p["done"] for p in x], [False] * (len(x) - 1) + [True], "the last is done")
    equal((x[-1]["eval_count"], x[-1]["steering"]["expression"]), (20, "3*raw:silly"), "and has the rest")
    openai = s.ask("POST", "/v1/chat/completions", {"model": QWEN, "messages": ASK["messages"], "temperature": 0, "max_tokens": 20})
    equal(openai[1]["choices"][0]["message"]["content"], plain["message"]["content"], "as the other API has it")
    t = good(s, "POST", "/api/chat", {**ASK, "model": OSS, "options": {"temperature": 0, "num_predict": 80}, "stream": False})
    check(t["message"].get("thinking"), "gpt-oss thinks")
    t = good(s, "POST", "/api/chat", {**ASK, "model": OSS, "think": False, "stream": False})
    check("thinking" not in t["message"], "not if told so")
    t = good(s, "POST", "/api/chat", {**ASK, "format": "json", "stream": False, "options": {**GREEDY, "num_predict": 60}})
    equal(t["message"]["content"].lstrip()[:1], "{", "JSON")


def generates(s):
    ask = {"model": QWEN, "prompt": "What do you think of soup?", "options": GREEDY}
    r = good(s, "POST", "/api/generate", {**ask, "stream": False})
    equal("".join(p["response"] for p in lines(s, "/api/generate", ask)), r["response"], "the same as lines")
    raw = good(s, "POST", "/api/generate", {**ask, "raw": True, "stream": False})
    check(raw["prompt_eval_count"] < r["prompt_eval_count"], "raw has no template")
    stop = r["response"][6:9]
    cut = good(s, "POST", "/api/generate", {**ask, "stream": False, "options": {**GREEDY, "stop": [stop]}})
    equal((cut["response"], cut["done_reason"]), (r["response"][:r["response"].index(stop)], "stop"), "a stop text")
    equal(good(s, "POST", "/api/generate", {"model": QWEN})["done_reason"], "load", "loaded only")
    equal(good(s, "POST", "/api/generate", {"model": QWEN, "keep_alive": 0})["done_reason"], "unload", "unloaded")
    equal(good(s, "POST", "/api/chat", {"model": QWEN, "messages": []})["done_reason"], "load", "a chat loads, too")


def errors(s):
    for body, status in (({**ASK, "model": "nobody"}, 404), ({"messages": []}, 400), ({**ASK, "options": {"steers": "x"}}, 400),
                         ({**ASK, "options": {"top_p": 2}}, 400), ({**ASK, "options": {"steer": "2*nothing"}}, 404),
                         ({**ASK, "messages": [{"role": "user", "content": "x", "images": ["x"]}]}, 400),
                         ({**ASK, "tools": [{}]}, 400), ({**ASK, "think": "hard"}, 400), ({**ASK, "format": "xml"}, 400)):
        got, r, _ = s.ask("POST", "/api/chat", body)
        equal((got, list(r)), (status, ["error"]), f"{body}: {r}")


with serving("--fixed-shape", "--slots", "2") as server:
    for part in (models, chats, generates, errors):
        part(server)
done()
