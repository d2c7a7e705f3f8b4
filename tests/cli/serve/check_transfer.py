# SPDX-License-Identifier: MIT
"""Jobs of two models and of texts that are sent along: transfer and screen; the answers of jobs as they come."""
import json, os, time

from client import *

SMALL = {"from": QWEN, "to": OSS, "trait": "silly", "vector": "silly", "questions": 3, "max_tokens": 12, "extract_tokens": 12,
         "text_tokens": 16, "neutral": 8, "random": 2, "draws": 2, "draw_questions": 2, "settle_questions": 2,
         "candidates": 1, "coefficients": [-1, 0, 1], "all_controls": False, "seed": 5}
ITEMS = [{"messages": said(q), "response": a} for q, a in (("What is tea?", "Tea is a giggling leaf in a hat!"),
                                                           ("What is rain?", "Rain is water that falls from clouds."))]


def ended(s, job, seconds=120):
    until = time.time() + seconds
    while time.time() < until:
        x = s.ask("GET", f"/api/v1/jobs/{job}")[1]
        if x["state"] not in ("queued", "running"):
            return x
        time.sleep(0.1)
    raise AssertionError(f"still {x['state']}: {x}")


def begin(s, kind, body):
    status, x, _ = s.ask("POST", f"/api/v1/jobs/{kind}", body)
    equal(status, 202, f"{x}")
    return x["id"]


def refused(s):
    for kind, body, status in (("transfer", {**SMALL, "to": QWEN}, 400), ("transfer", {**SMALL, "from": "../x"}, 404),
                               ("transfer", {**SMALL, "trait": "../x"}, 404), ("transfer", {**SMALL, "coefficients": [0, 1]}, 400),
                               ("transfer", {**SMALL, "repeats": 2}, 400), ("transfer", {**SMALL, "method": "magic"}, 400),
                               ("screen", {"vectors": ["silly"]}, 400), ("screen", {"vectors": ["silly"], "items": []}, 400),
                               ("screen", {"vectors": ["silly"], "items": [{"response": "x"}]}, 400),
                               ("screen", {"vectors": ["silly"], "items": ITEMS, "samples": 2}, 400)):
        got, r, _ = s.ask("POST", f"/api/v1/jobs/{kind}", body)
        equal(got, status, f"{kind} {body}: {r}")
    equal(s.ask("GET", "/api/v1/jobs/job-0/answers")[0], 404, "no such job")


def no_paths(x, what):
    text = json.dumps(x)
    check(os.environ["XDG_DATA_HOME"] not in text and "/persona/" not in text, f"{what} tells a path: {text[:2000]}")


def estimated(s):
    """What is counted before is what the job then does."""
    body = {"model": QWEN, "trait": "superficial", "questions": 2, "max_tokens": 8, "calibrate": False, "judge": "none"}
    before = len(s.ask("GET", "/api/v1/jobs")[1]["jobs"])
    status, x, _ = s.ask("POST", "/api/v1/jobs/estimate/extract", body)
    equal((status, x["answers"], x["tokens"]), (200, 22, 176), f"2 poles, 5 pairs, 2 questions, and neutral ones: {x}")
    check(x["seconds"] > 0 and x["parts"][0]["tokens_per_second"] > 0, "timed")
    equal(len(s.ask("GET", "/api/v1/jobs")[1]["jobs"]), before, "nothing was started")
    status, x, _ = s.ask("POST", "/api/v1/jobs/estimate/transfer", SMALL)
    equal((status, {p["model"] for p in x["parts"]}), (200, {QWEN, OSS}), f"both models: {x}")
    check("source vector" not in [p["what"] for p in x["parts"]], "the vector is given")
    equal(x["answers"], sum(p["answers"] for p in x["parts"]), "the sum")
    equal([p["answers"] for p in x["parts"] if p["what"] in ("evaluation", "drawn controls")], [33, 24], f"of the target: {x}")
    count = lambda body: {p["what"]: p["answers"] for p in s.ask("POST", "/api/v1/jobs/estimate/transfer", body)[1]["parts"]}
    few, every = count(SMALL), count({**SMALL, "all_controls": True, "coefficients": [-1, -0.5, 0, 0.5, 1]})
    others = len(s.ask("GET", "/api/v1/traits")[1]["traits"]) - 1
    equal(every["drawn controls"] - few["drawn controls"], 2 * others * 3 + 4 * 2 * 2, "other traits' vectors, and a draw of each kind between the ends")
    equal(every["to settle blocks"] - few["to settle blocks"], 8 + 4 * others, "their blocks, and that of one more that is no draw")
    status, x, _ = s.ask("POST", "/api/v1/jobs/estimate/sweep", {"model": QWEN, "vector": "silly", "coefficients": [-1, 0, 1],
                                                                 "questions": 2, "prompt": False})
    equal((status, x["answers"]), (200, 6), f"a sweep: {x}")
    status, x, _ = s.ask("POST", "/api/v1/jobs/estimate/screen", {"vectors": ["silly"], "items": ITEMS, "max_tokens": 8})
    equal((status, x["answers"], x["tokens"]), (200, 2, 16), f"a screening: {x}")
    equal(s.ask("POST", "/api/v1/jobs/estimate/transfer", {**SMALL, "to": QWEN})[0], 400, "what is refused is refused")


def transfer(s):
    job = begin(s, "transfer", SMALL)
    seen = 0
    while s.ask("GET", f"/api/v1/jobs/{job}")[1]["state"] in ("queued", "running"):
        status, x, _ = s.ask("GET", f"/api/v1/jobs/{job}/answers?limit=5")
        equal(status, 200, f"while it runs: {x}")
        seen = max(seen, len(x["answers"]))
        time.sleep(0.1)
    x = ended(s, job)
    equal(x["state"], "done", f"{x}")
    r = x["result"]
    equal((r["trait"], r["output"], r["from"]["path"], r["to"]["path"], r["job"]), ("silly", "silly", QWEN, OSS, None), "names")
    check(r["verdict"] in ("PASS", "FAIL") and r["rows"] and r["samples"] and "ci" in r["retained"], f"the study: {r}")
    equal(sorted({p["coefficient"] for p in r["rows"] if p["condition"] == "transferred"}), [-1, 0, 1], "its curve")
    no_paths(x, "a transfer")
    check(seen > 0, "answers were seen while it ran")
    status, v, _ = s.ask("POST", "/v1/chat/completions", {"model": OSS, "messages": said("Hi"), "max_tokens": 4,
                                                          "steering": "raw:silly"})
    equal((status, v["steering"]["expression"]), (200, "raw:silly"), "the target is steered by it")
    return job


def answers(s, job):
    _, x, _ = s.ask("GET", f"/api/v1/jobs/{job}/answers")
    no_paths(x, "answers")
    stages = [p["stage"] for p in x["parts"]]
    check(any(n.startswith("evaluate/") for n in stages), f"parts: {stages}")
    part = x["parts"][x["part"]]
    check(part["stage"].startswith("evaluate/") and part["judges"], f"the evaluation first: {part}")
    equal(part["n"], 33 + 24, "as many as were estimated")
    a = x["answers"][0]
    check(a["response"] and a["question"] and a["condition"] and "label" in a and "coefficient" in a, f"an answer: {a}")
    n = part["n"]
    _, rest, _ = s.ask("GET", f"/api/v1/jobs/{job}/answers?part={x['part']}&offset={n - 2}&limit=5")
    _, every, _ = s.ask("GET", f"/api/v1/jobs/{job}/answers?limit=1000")
    equal(len(every["answers"]), n, "all of them")
    equal(rest["answers"], every["answers"][-2:], "the last two")
    _, bare, _ = s.ask("GET", f"/api/v1/jobs/{job}/answers?judge=none&limit=1")
    check("label" not in bare["answers"][0] and bare["judge"] is None, "without scores")
    for query, status in (("part=999", 404), ("limit=0", 400), ("offset=-1", 400), ("nothing=1", 400), ("judge=nobody", 404)):
        equal(s.ask("GET", f"/api/v1/jobs/{job}/answers?{query}")[0], status, query)


def screen(s):
    job = begin(s, "screen", {"model": QWEN, "vectors": ["silly"], "items": ITEMS, "max_tokens": 8})
    x = ended(s, job)
    equal(x["state"], "done", f"{x}")
    r = x["result"]
    equal([(i["line"], i["vector"]) for i in r["items"]], [(1, "silly"), (2, "silly")], "items")
    equal(sorted(i["rank"] for i in r["items"]), [1, 2], "ranks")
    check("delta_projection" in r["vectors"][0], "the vector's mean")
    no_paths(x, "a screening")
    _, a, _ = s.ask("GET", f"/api/v1/jobs/{job}/answers")
    check({p["stage"] for p in a["parts"]} >= {"given", "own"}, f"parts: {a['parts']}")
    job = begin(s, "screen", {"model": QWEN, "vectors": ["nowhere"], "items": ITEMS})
    equal(ended(s, job)["state"], "failed", "no such vector")


with serving("--slots", "8", "--context", "512") as server:
    refused(server)
    estimated(server)
    transferred = transfer(server)
    answers(server, transferred)
    screen(server)
with serving("--slots", "8", "--context", "512") as server:
    answers(server, transferred)
done()
