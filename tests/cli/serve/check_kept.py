# SPDX-License-Identifier: MIT
"""Runs that are kept, conversations, scores of given answers, answers taken up at a token."""
import array, base64, csv, io, json, math

from client import *

ASK = {"model": QWEN, "messages": said("What do you think of soup?"), "temperature": 0, "max_tokens": 16}


def runs(s):
    equal(s.ask("GET", "/api/v1/runs")[1]["runs"], [], "nothing is kept unless asked for")
    s.ask("POST", "/v1/chat/completions", ASK)
    a = s.ask("POST", "/v1/chat/completions", {**ask_store(), "steering": "2*raw:silly", "probes": ["silly"]})[1]
    list(s.stream("/v1/chat/completions", ask_store()))
    s.ask("POST", "/v1/completions", {"model": QWEN, "prompt": "Soup", "max_tokens": 4, "store": True})
    s.ask("POST", "/v1/responses", {"model": OSS, "input": "=Soup", "max_output_tokens": 40, "store": True})
    all_runs = s.ask("GET", "/api/v1/runs")[1]["runs"]
    equal([r["route"] for r in all_runs], ["/v1/responses", "/v1/completions", "/v1/chat/completions", "/v1/chat/completions"],
          "newest first")
    equal([r["id"] for r in s.ask("GET", "/api/v1/runs?expression=silly")[1]["runs"]], [a["id"]], "by steering")
    equal(len(s.ask("GET", f"/api/v1/runs?model={OSS}")[1]["runs"]), 1, "by model")
    page = s.ask("GET", f"/api/v1/runs?limit=2&before={all_runs[1]['number']}")[1]["runs"]
    equal([r["number"] for r in page], [r["number"] for r in all_runs[2:]], "the next page")
    one = s.ask("GET", f"/api/v1/runs/{a['id']}")[1]
    equal(one["response"]["choices"][0]["text"], a["choices"][0]["message"]["content"], "the whole answer")
    equal(one["response"]["choices"][0]["steering"], a["choices"][0]["steering"], "its receipt")
    equal(one["request"]["steering"], "2*raw:silly", "what was asked")
    equal(s.ask("GET", "/api/v1/runs?limit=0")[0], 400, "no such page")
    equal(s.ask("GET", "/api/v1/runs?what=1")[0], 400, "no such parameter")
    status, text, headers = s.ask("GET", "/api/v1/runs-export?format=csv")
    rows = list(csv.DictReader(io.StringIO(text.decode())))
    equal((len(rows), rows[3]["answer"]), (4, one["response"]["choices"][0]["text"]), "as CSV")
    check("attachment" in headers["Content-Disposition"], "a file")
    equal(len(s.ask("GET", "/api/v1/runs-export")[1]["runs"]), 4, "as JSON")
    equal(s.ask("DELETE", f"/api/v1/runs/{a['id']}")[0], 200, "forgotten")
    equal(s.ask("GET", f"/api/v1/runs/{a['id']}")[0], 404, "gone")


def ask_store():
    return {**ASK, "store": True}


def conversations(s):
    tree = {"schema": "persona.chat/1", "system": "Be brief.", "at": 0,
            "turns": [{"parent": -1, "question": "Hi", "answer": "Hello", "steering": None, "seed": 1}]}
    status, t, _ = s.ask("POST", "/api/v1/conversations", {"title": "One", "conversation": tree})
    equal((status, t["version"]), (201, 1), f"{t}")
    equal(t["conversation"]["turns"][0]["answer"], "Hello", "the tree")
    tree["turns"].append({"parent": 0, "question": "And?", "answer": "Soup", "seed": 2})
    path = f"/api/v1/conversations/{t['id']}"
    equal(s.ask("PUT", path, {"title": "Two", "conversation": tree, "version": 1})[1]["version"], 2, "changed")
    status, r, _ = s.ask("PUT", path, {"title": "Three", "conversation": tree, "version": 1})
    equal((status, r["error"]["code"]), (409, "version_conflict"), "another tab was first")
    tree["turns"][1]["parent"] = 7
    equal(s.ask("PUT", path, {"conversation": tree, "version": 2})[0], 400, "a turn behind none")
    equal([x["title"] for x in s.ask("GET", "/api/v1/conversations")[1]["conversations"]], ["Two"], "the list")
    equal(s.ask("DELETE", path)[0], 200, "forgotten")
    equal(s.ask("GET", path)[0], 404, "gone")


def scores(s):
    r = s.ask("POST", "/v1/chat/completions", {**ASK, "logprobs": True, "top_logprobs": 2})[1]["choices"][0]
    tokens = r["logprobs"]["content"]
    ids = [t["id"] for t in tokens]
    x = s.ask("POST", "/api/v1/score", {"model": QWEN, "messages": ASK["messages"], "tokens": ids, "top_logprobs": 2,
                                        "probes": ["silly@1-3"]})[1]
    equal([t["token"] for t in x["tokens"]], [t["token"] for t in tokens], "the same tokens")
    for a, b in zip(x["tokens"], tokens):
        check(math.isclose(a["logprob"], b["logprob"], abs_tol=0.05), f"as when they were written: {a} {b}")
    equal([(p["block"], p["index"]) for p in x["probes"]], [(b, list(range(len(ids)))) for b in (1, 2, 3)], "by block")
    y = s.ask("POST", "/api/v1/score", {"model": QWEN, "messages": ASK["messages"], "text": r["message"]["content"],
                                        "steering": "3*raw:silly"})[1]
    check(y["logprob"] < x["logprob"], "steered, the model finds its unsteered answer less likely")
    equal(s.ask("POST", "/api/v1/score", {"model": QWEN, "messages": ASK["messages"]})[0], 400, "nothing to score")
    # taken up again in the middle: the rest is the same, and another token makes another rest
    k = len(ids) // 2
    rest = s.ask("POST", "/v1/chat/completions", {**ASK, "answer_tokens": ids[:k], "max_tokens": len(ids) - k})[1]
    equal(rest["choices"][0]["message"]["content"], "".join(t["token"] for t in tokens[k:]), "the rest")
    other = tokens[k]["top_logprobs"][1]["id"]
    forked = s.ask("POST", "/v1/chat/completions", {**ASK, "answer_tokens": ids[:k] + [other]})[1]
    check(forked["choices"][0]["message"]["content"] != rest["choices"][0]["message"]["content"], "a fork")
    equal(s.ask("POST", "/v1/chat/completions", {**ASK, "answer_tokens": [1 << 29]})[0], 400, "no such token")


def activations(s):
    items = [{"messages": ASK["messages"], "text": "Soup is worth a closer look."}, {"prompt": "Soup", "tokens": [5, 6, 7]}]
    ask = {"model": QWEN, "items": items, "blocks": [1, 3]}
    x = s.ask("POST", "/api/v1/activations", ask)[1]
    y = s.ask("POST", "/api/v1/activations", {**ask, "mode": "all"})[1]
    last = s.ask("POST", "/api/v1/activations", {**ask, "mode": "last"})[1]
    width = x["n_embd"] * 2
    for a, b, c in zip(x["items"], y["items"], last["items"]):
        mean, rows, end = (array.array("f", base64.b64decode(q["data"])) for q in (a, b, c))
        equal((len(mean), len(rows), b["n_rows"]), (width, width * b["n_tokens"], b["n_tokens"]), "sizes")
        for k in range(width):
            column = rows[k::width]
            check(math.isclose(sum(column) / len(column), mean[k], rel_tol=1e-3, abs_tol=1e-3), "the mean is the mean of all")
        check(max(abs(p - q) for p, q in zip(rows[-width:], end)) == 0, "the last one is the last")
    equal(x["items"][1]["n_tokens"], 3, "tokens as they are")
    for bad, param in (({"blocks": [3, 1]}, "blocks[1]"), ({"blocks": [99]}, "blocks[0]"), ({"items": [{"text": "x"}]}, "items[0]")):
        status, r, _ = s.ask("POST", "/api/v1/activations", {**ask, **bad})
        equal((status, r["error"]["param"]), (400, param), f"{r}")


with serving("--fixed-shape", "--slots", "2") as server:
    for part in (runs, conversations, scores, activations):
        part(server)
done()
