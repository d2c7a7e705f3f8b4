# SPDX-License-Identifier: MIT
"""Models, answers whole and streamed, steering for each request and under way, errors, who is kept out."""
import json, os, threading, time

from client import *

STEER = "3*raw:silly"
ASK = {"model": QWEN, "messages": said("What do you think of soup?"), "temperature": 0, "max_tokens": 24}


def chat(s, **more):
    status, r, _ = s.ask("POST", "/v1/chat/completions", {**ASK, **more})
    equal(status, 200, f"status of {r}")
    return r


def text_of(events):
    return "".join(c["delta"].get("content", "") for x in events for c in x["choices"])


def models(s):
    status, r, _ = s.ask("GET", "/v1/models")
    equal(status, 200, "models")
    check({QWEN, OSS} <= {m["id"] for m in r["data"]}, "both models are listed")
    equal(s.ask("GET", f"/v1/models/{QWEN}")[1]["id"], QWEN, "one model")
    equal(s.ask("GET", "/v1/models/nobody")[1]["error"]["code"], "model_not_found", "an unknown model")


def answers(s):
    plain, steered = chat(s), chat(s, steering=STEER)
    equal(plain["steering"], None, "unsteered")
    equal(steered["steering"]["expression"], STEER, "the receipt's expression")
    check(steered["steering"]["n_tokens"] > 0, "tokens were steered")
    texts = [x["choices"][0]["message"]["content"] for x in (plain, steered)]
    check(texts[0] != texts[1], "steering changes the answer")
    equal(chat(s, steering=None)["choices"][0]["message"]["content"], texts[0], "null is none")
    equal(plain["usage"]["completion_tokens"], 24, "tokens")
    events = list(s.stream("/v1/chat/completions", {**ASK, "steering": STEER, "stream_options": {"include_usage": True}}))
    equal(events.pop(), "[DONE]", "the end of a stream")
    equal(events[-1]["usage"]["total_tokens"], steered["usage"]["total_tokens"], "usage of a stream")
    equal(text_of(events), texts[1], "the stream has the same text")
    equal(events[-2]["steering"]["expression"], STEER, "the stream's receipt")
    two = chat(s, n=2, temperature=1, seed=7)
    equal([c["index"] for c in two["choices"]], [0, 1], "two choices")
    equal(chat(s, temperature=1, seed=8)["choices"][0]["message"]["content"], two["choices"][1]["message"]["content"],
          "choice 1 has the next seed")


def extras(s):
    full = chat(s)["choices"][0]["message"]["content"]
    stop = full[10:14]
    cut = chat(s, stop=[stop, "never there"])["choices"][0]
    equal(cut["message"]["content"], full[:full.index(stop)], "a stop text")
    equal(cut["finish_reason"], "stop", "the reason")
    r = chat(s, logprobs=True, top_logprobs=3, probes=["silly", "silly@2"])["choices"][0]
    equal("".join(t["token"] for t in r["logprobs"]["content"]), full, "logprobs have the text")
    for t in r["logprobs"]["content"]:
        equal(t["top_logprobs"][0]["token"], t["token"], "greedy takes the likeliest")
        equal(len(t["top_logprobs"]), 3, "three of them")
    equal([len(p["per_token"]) for p in r["probes"]], [len(r["logprobs"]["content"])] * 2, "a reading for each token")
    status, ids, _ = s.ask("POST", "/v1/chat/completions", {**ASK, "logit_bias": {"x": 1}})
    equal((status, ids["error"]["param"]), (400, "logit_bias.x"), "a bias that is none")
    thought = chat(s, model=OSS, max_tokens=80)["choices"][0]["message"]
    check(thought["reasoning_content"], "gpt-oss thinks")
    check("reasoning_content" not in chat(s, model=OSS, reasoning_effort="none")["choices"][0]["message"], "not if told so")


def under_way(s):
    """A slider moved in the middle changes only what comes after."""
    body = {**ASK, "max_tokens": 400, "ignore_eos": True}
    whole = text_of(x for x in s.stream("/v1/chat/completions", body) if x != "[DONE]")
    texts, patched, last = "", None, None
    for x in s.stream("/v1/chat/completions", body):
        if x == "[DONE]":
            break
        texts += text_of([x])
        last = x
        if patched is None and len(texts) > 20:
            status, r, _ = s.ask("PATCH", f"/api/v1/requests/{x['id']}/steering", {"steering": "6*raw:silly"})
            equal(status, 200, f"PATCH: {r}")
            patched = r
    check(texts != whole, "the text has changed")
    same = len(os.path.commonprefix([texts, whole]))
    check(same >= 20, "what came before has not")
    equal(last["steering"]["expression"], "6*raw:silly", "the receipt says so")
    changes = last["steering_changes"]
    equal((len(changes), changes[0]["n_tokens"]), (1, patched["n_tokens"]), "and when")
    equal(s.ask("PATCH", "/api/v1/requests/chatcmpl-none/steering", {"steering": None})[0], 404, "no such answer")


def feed(s):
    """All running answers, whenever something changes."""
    c = s.connect()
    c.request("GET", "/api/v1/requests-events")
    lines = (json.loads(x[6:])["requests"] for x in c.getresponse() if x.startswith(b"data: "))
    equal(next(lines), [], "nothing runs")
    thread = threading.Thread(target=chat, args=(s,), kwargs={"max_tokens": 300, "ignore_eos": True, "steering": STEER})
    thread.start()
    seen = next(x for x in lines if x)
    equal((seen[0]["model"], seen[0]["expression"]), (QWEN, STEER), "one runs")
    thread.join()
    equal(next(x for x in lines if not x), [], "it has ended")
    c.close()


def watched(s):
    """What probes read stands in the list of answers, also along what was not asked for; and who has just ended."""
    equal(s.ask("PUT", f"/api/v1/watch/{QWEN}", {"vectors": ["silly@2", "nothing"]})[0], 404, "no such vector")
    equal(s.ask("GET", "/api/v1/watch")[1], {"watch": []}, "then nothing is watched")
    whole = chat(s)
    c = s.connect()
    c.request("GET", "/api/v1/requests-events")
    told = (json.loads(x[6:]) for x in c.getresponse() if x.startswith(b"data: "))
    before = next(told)["ended"]
    equal((before[0]["finish"], before[0]["completion_tokens"], before[0]["probes"]), ("done", 24, []), "the newest comes first")
    status, r, _ = s.ask("PUT", f"/api/v1/watch/{QWEN}", {"vectors": ["silly@2", "silly"]})
    equal((status, r), (200, {"model": QWEN, "vectors": ["silly@2", "silly"]}), "watched")
    equal(s.ask("GET", "/api/v1/watch")[1]["watch"], [r], "and listed")
    asked = chat(s, probes=["silly"])
    ended = next(x["ended"] for x in told if x.get("ended", before) != before)[0]
    c.close()
    equal(asked["choices"][0]["message"], whole["choices"][0]["message"], "watching changes no answer")
    mine = asked["choices"][0]["probes"]
    equal(len(mine), 1, "a reply has what was asked for")
    best, second = ended["probes"]
    equal((best["vector"], best["block"], second["block"]), ("silly", mine[0]["block"], 2), "the list has both")
    equal((best["tokens"], second["tokens"]), (len(mine[0]["per_token"]),) * 2, "each token was read")
    check(abs(best["projection"] - mine[0]["projection"]) < 1e-4, "the same mean")
    if mine[0]["z"] is not None:
        check(abs(best["z"] - mine[0]["z"]) < 1e-3 and abs(best["last"] - mine[0]["z_per_token"][-1]) < 1e-3, "the same z")
        recent = mine[0]["z_per_token"][-24:]
        check(abs(best["recent"] - sum(recent) / len(recent)) < 1e-3, "the mean of the last tokens")
        equal((best["highest"], best["lowest"]), (max(mine[0]["z_per_token"]), min(mine[0]["z_per_token"])), "the extremes")
    chat(s)
    equal(len(s.ask("GET", "/api/v1/requests")[1]["ended"][0]["probes"]), 2, "also of who asked for nothing")
    equal(s.ask("PUT", f"/api/v1/watch/{QWEN}", {"vectors": []})[0], 200, "no more")
    chat(s)
    equal(s.ask("GET", "/api/v1/requests")[1]["ended"][0]["probes"], [], "none is read")


def two_at_once(s):
    """Opposite steering at the same time: what each gets alone."""
    bodies = [{**ASK, "steering": f"{k}*raw:silly"} for k in (3, -3)]
    alone = [s.ask("POST", "/v1/chat/completions", b)[1]["choices"][0]["message"]["content"] for b in bodies]
    check(alone[0] != alone[1], "opposites differ")
    got = [None, None]

    def one(i):
        got[i] = s.ask("POST", "/v1/chat/completions", bodies[i])[1]["choices"][0]["message"]["content"]
    threads = [threading.Thread(target=one, args=(i,)) for i in (0, 1)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(got, alone, "together as alone")


def errors(s):
    for body, status, param in (
            ({"messages": []}, 400, "messages"),
            ({"messages": said("x", "robot")}, 400, "messages[0].role"),
            ({"messages": said("x"), "temprature": 1}, 400, "temprature"),
            ({"messages": said("x"), "top_p": 3}, 400, "top_p"),
            ({"messages": said("x"), "n": 1.5}, 400, "n"),
            ({"messages": said("x"), "model": "nobody"}, 404, "model"),
            ({"messages": said("x"), "steering": "2*nothing"}, 404, None),
            ({"messages": said("x"), "steering": "2*/etc/passwd"}, 404, None),
            ({"messages": said("x"), "steering": "0*silly"}, 400, "steering"),
            ({"messages": said("x"), "steering": 3}, 400, "steering")):
        got, r, _ = s.ask("POST", "/v1/chat/completions", body)
        equal((got, r["error"]["param"]), (status, param), f"{body} -> {r}")
        check("/" not in r["error"]["message"].replace("/v1/models", ""), f"no path in {r}")
    equal(s.ask("POST", "/v1/chat/completions", b"{")[0], 400, "half a body")
    equal(s.ask("POST", "/v1/chat/completions", b"a=b", {"Content-Type": "application/x-www-form-urlencoded"})[0], 415,
          "a form")
    status, _, headers = s.ask("GET", "/v1/chat/completions")
    equal((status, headers["Allow"]), (405, "POST"), "the wrong method")
    equal(s.ask("GET", "/v1/models/..%2f..%2fetc")[0], 404, "a path for an id")
    check("GET /openapi.json" in s.ask("GET", "/nowhere")[1]["error"]["message"], "routes are named whole")
    equal(s.ask("GET", "/health", headers={"Host": "evil.example"})[0], 403, "another name")
    equal(s.ask("GET", "/health", headers={"Origin": "http://evil.example"})[0], 403, "another page")
    equal(s.ask("GET", "/health", headers={"Origin": f"http://127.0.0.1:{s.port}"})[0], 200, "our page")


def metrics(s):
    """Counts grow with what is asked; nothing of what was said is in them."""
    def read():
        lines = s.ask("GET", "/metrics")[1].decode().splitlines()
        return {x.split()[0]: float(x.split()[1]) for x in lines if not x.startswith("#")}
    before = read()
    chat(s, steering=STEER)
    after = read()
    for name, grown in (("requests_total", 1), ("requests_done_total", 1), ("requests_steered_total", 1), ("tokens_total", 24)):
        equal(after[f"persona_{name}"] - before[f"persona_{name}"], grown, name)
    name = "persona_engine_steering_seconds_total"
    chat(s)
    equal(read()[name], after[name], "an unsteered answer spends nothing on steering")
    check(before[name] < after[name] < after["persona_engine_seconds_total"], "a steered one does")
    check(after["persona_models_loaded"] >= 1 and after["persona_first_token_seconds_sum"] > 0, "gauges")


def gone(s):
    """A client that goes away stops its decoding."""
    c = s.connect()
    c.request("POST", "/v1/chat/completions", json.dumps({**ASK, "max_tokens": 3900, "ignore_eos": True}),
              {"Content-Type": "application/json"})
    time.sleep(0.3)
    c.sock.close()
    for _ in range(100):
        if not s.ask("GET", "/api/v1/requests")[1]["requests"]:
            break
        time.sleep(0.1)
    equal(s.ask("GET", "/api/v1/requests")[1]["requests"], [], "nobody's answer is written")


with serving("--fixed-shape", "--slots", "4") as server:
    for part in (models, answers, extras, under_way, feed, watched, two_at_once, errors, metrics, gone):
        part(server)

with open(os.path.join(TMP, "keys"), "w") as f:
    f.write("# who\nfirst-token-000000\nsecond-token-00000 3*raw:silly\n")
with serving("--keys", os.path.join(TMP, "keys"), "--steer", f"{QWEN}=-3*raw:silly") as server:
    equal(server.ask("GET", "/v1/models")[0], 401, "no token")
    equal(server.ask("GET", "/health")[0], 200, "health is open")
    for token, steering in (("first-token-000000", "-3*raw:silly"), ("second-token-00000", STEER)):
        status, r, _ = server.ask("POST", "/v1/chat/completions", ASK, {"Authorization": f"Bearer {token}"})
        equal(status, 200, "with a token")
        check(r["steering"]["expression"] == steering, f"its default: {r['steering']['expression']}")
    equal(server.ask("GET", "/v1/models", headers={"Authorization": "Bearer first-token-00000"})[0], 401, "a wrong token")

with serving("--seed", "77") as server: # what --seed is for
    warm = {**ASK, "temperature": 1.5, "max_tokens": 12}
    replies = [server.ask("POST", "/v1/chat/completions", {**warm, **more})[1] for more in ({}, {}, {"seed": 77}, {"seed": 5}, {"seed": None})]
    equal([r["seed"] for r in replies], [77, 77, 77, 5, 77], "seeds")
    texts = [r["choices"][0]["message"]["content"] for r in replies]
    equal(len({texts[0], texts[1], texts[2], texts[4]}), 1, "the same seed, the same answer")

with serving() as server:
    equal(server.ask("GET", "/health")[1], {"status": "ok", "loading": None}, "nothing is loading")
    seen, asking = [], threading.Thread(target=server.ask, args=("POST", f"/api/v1/models/{QWEN}/load"))
    asking.start()
    while True:
        m = server.ask("GET", f"/api/v1/models/{QWEN}")[1]
        seen.append((m["state"], m["progress"]))
        if m["state"] == "ready":
            break
    asking.join()
    loading = [p for state, p in seen if state == "loading"]
    check(all(p is not None and 0 <= p <= 100 for p in loading) and loading == sorted(loading), f"progress: {loading}")
    check(all(p is None for state, p in seen if state != "loading"), f"progress of what is not loading: {seen}")
done()
