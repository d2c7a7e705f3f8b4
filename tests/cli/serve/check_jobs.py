# SPDX-License-Identifier: MIT
"""Jobs: extraction and sweep, watched, canceled, resumed, and over a kill of the server."""
import glob, json, os, time

from client import *

FIXED = ("--fixed-shape", "--slots", "8", "--context", "512")
EXTRACT = {"model": QWEN, "trait": "superficial", "questions": 10, "max_tokens": 40, "seed": 3, "calibrate": False}


def ended(s, job, seconds=300):
    until = time.time() + seconds
    while time.time() < until:
        x = s.ask("GET", f"/api/v1/jobs/{job}")[1]
        if x["state"] not in ("queued", "running"):
            return x
        time.sleep(0.1)
    raise AssertionError(f"still {x['state']}: {x}")


def under_way(s, job):
    """Waits until the job has something, and has not ended."""
    until = time.time() + 120
    while time.time() < until:
        x = s.ask("GET", f"/api/v1/jobs/{job}")[1]
        check(x["state"] in ("queued", "running"), f"it runs: {x}")
        if x["done"]:
            return
        time.sleep(0.02)
    raise AssertionError(f"nothing was done: {x}")


def begin(s, kind, body):
    status, x, _ = s.ask("POST", f"/api/v1/jobs/{kind}", body)
    equal(status, 202, f"{x}")
    return x["id"]


def vector_bytes():
    paths = glob.glob(os.path.join(os.environ["XDG_DATA_HOME"], "persona/vectors/*/superficial.gguf"))
    equal(len(paths), 1, f"vectors: {paths}")
    with open(paths[0], "rb") as f:
        data = f.read()
    os.remove(paths[0])
    return data


def forget_answers():
    for p in glob.glob(os.path.join(os.environ["XDG_DATA_HOME"], "persona/jobs/*")):
        os.remove(p)


def refused(s):
    for kind, body, status in (("extract", {}, 400), ("extract", {"trait": "nothing"}, 404),
                               ("extract", {"trait": "../../etc"}, 404), ("extract", {"trait": "silly", "model": "x"}, 404),
                               ("extract", {"trait": "silly", "rollouts": 0}, 400), ("sweep", {"vector": "silly", "coefficients": [1, 0]}, 400),
                               ("nothing", {}, 405)):
        got, r, _ = s.ask("POST", f"/api/v1/jobs/{kind}", body)
        equal(got, status, f"{kind} {body}: {r}")
    equal(s.ask("GET", "/api/v1/jobs/job-0")[0], 404, "no such job")


def extraction(s):
    job = begin(s, "extract", EXTRACT)
    c = s.connect()
    c.request("GET", f"/api/v1/jobs/{job}/events")
    states = [json.loads(x[6:]) for x in c.getresponse() if x.startswith(b"data: ")]
    equal(states[-1]["state"], "done", f"the last event: {states[-1]}")
    check(any(x["done"] and x["total"] for x in states), "progress was told")
    x = s.ask("GET", f"/api/v1/jobs/{job}")[1]
    equal(x["request"], EXTRACT, "what was asked")
    first = s.ask("GET", "/api/v1/jobs")[1]["jobs"][0]
    equal((first["id"], first["subject"], first["model"], first["to"]), (job, "superficial", QWEN, None), "what it is about")
    r = x["result"]
    equal((r["trait"], r["model"], r["output"]), ("superficial", QWEN, "superficial"), "the result, without paths")
    equal(len(r["layers"]) > 2, True, "numbers of blocks")
    words = [n["words"] for n in x["log"]]
    equal((words[0], words[1], words[-1]), ("asked for", "started", "done"), "the log begins and ends")
    check("extract superficial" in words, f"stages stand in it: {words}")
    check(all(a["at"] <= b["at"] for a, b in zip(x["log"], x["log"][1:])), "the oldest first")
    check(all(p["tokens_per_second"] > 0 and p["at"] >= x["started"] for p in x["speed"]), f"speed: {x['speed']}")
    answers(s, job)
    status, r, _ = s.ask("POST", "/v1/chat/completions", {"model": QWEN, "messages": said("Hi"), "max_tokens": 4,
                                                          "steering": "raw:superficial"})
    equal((status, r["steering"]["expression"]), (200, "raw:superficial"), "it steers")
    return vector_bytes()


def answers(s, job):
    def ids(query):
        status, r, _ = s.ask("GET", f"/api/v1/jobs/{job}/answers?part=0&{query}")
        equal(status, 200, f"{query}: {r}")
        return [a["id"] for a in r["answers"]]
    by_id, arrived = ids("limit=1000"), ids("limit=1000&order=arrival")
    equal(sorted(arrived), by_id, "the same answers in both orders")
    equal(ids("order=arrival&offset=7&limit=5"), arrived[7:12], "a piece")
    equal(s.ask("GET", f"/api/v1/jobs/{job}/answers?order=random")[0], 400, "no such order")


def over_a_kill(data):
    """kill -9 in the middle; the next server goes on, and the vector is the same."""
    forget_answers()
    s = Server(*FIXED)
    job = begin(s, "extract", EXTRACT)
    under_way(s, job)
    s.process.kill()
    s.process.wait()
    with serving(*FIXED) as s:
        x = ended(s, job)
        equal((x["state"], x["resumed"]), ("done", True), f"{x}")
        equal((x["subject"], x["model"]), ("superficial", QWEN), "still what it is about")
        check("goes on after a restart of the server" in [n["words"] for n in x["log"]], f"{x['log']}")
        check(vector_bytes() == data, "the same vector, byte for byte")


def canceled(s):
    forget_answers()
    first, second = begin(s, "extract", {**EXTRACT, "rollouts": 20}), begin(s, "extract", EXTRACT)
    equal(s.ask("GET", f"/api/v1/jobs/{second}")[1]["place"], 1, "it waits")
    equal(s.ask("POST", f"/api/v1/jobs/{second}/cancel")[1]["state"], "canceled", "out of the queue")
    under_way(s, first)
    status, r, _ = s.ask("POST", "/v1/chat/completions", {"model": QWEN, "messages": said("Hi"), "max_tokens": 4})
    equal(status, 200, "somebody who waits goes first")
    equal(s.ask("DELETE", f"/api/v1/jobs/{first}")[0], 400, "a running one is not deleted")
    s.ask("POST", f"/api/v1/jobs/{first}/cancel")
    equal(ended(s, first)["state"], "canceled", "while it ran")
    equal(s.ask("POST", f"/api/v1/jobs/{second}/resume")[0], 200, "resumed")
    equal(ended(s, second)["state"], "done", "and done")
    for job in (first, second):
        equal(s.ask("DELETE", f"/api/v1/jobs/{job}")[0], 200, "deleted")
    equal(s.ask("GET", f"/api/v1/jobs/{first}")[0], 404, "gone")


def sweep(s):
    job = begin(s, "sweep", {"model": QWEN, "vector": "superficial", "coefficients": [-1, 0, 1], "questions": 2,
                             "max_tokens": 16, "unit": "raw", "kl": False})
    x = ended(s, job)
    equal(x["state"], "done", f"{x}")
    equal([p["coefficient"] for p in x["result"]["points"] if p["condition"] == "steered"], [-1, 0, 1], "points")
    got = s.ask("GET", f"/api/v1/jobs/{job}/answers")[1]["answers"]
    how = [(a["condition"], a.get("operator"), a["coefficient"]) for a in got]
    equal(how, [("unsteered", None, 0), ("prompt", None, -1), ("prompt", None, 1), ("steered", "add", -1),
                ("steered", "add", 1)] * 2, "each answer says how it was steered")
    check(all("layer" in a for a in got if a["condition"] == "steered"), "and at which block")
    listed = next(j for j in s.ask("GET", "/api/v1/jobs")[1]["jobs"] if j["id"] == job)
    equal((listed["request"]["vector"], "result" in listed), ("superficial", False), "the list says what was asked")


def own_questions(s):
    ask = ["Why do cats purr?", "<b>What</b> is soup?"]
    body = {"model": QWEN, "vector": "superficial", "coefficients": [-1, 1], "ask": ask, "max_tokens": 8, "unit": "raw",
            "kl": False, "prompt": False}
    equal(s.ask("POST", "/api/v1/jobs/estimate/sweep", body)[1]["answers"], 4, "two questions at two points")
    equal(s.ask("POST", "/api/v1/jobs/sweep", {**body, "ask": [""]})[0], 400, "no empty question")
    job = begin(s, "sweep", body)
    x = ended(s, job)
    equal((x["state"], x["result"]["n_questions"]), ("done", 2), f"{x}")
    got = s.ask("GET", f"/api/v1/jobs/{job}/answers")[1]["answers"]
    equal(sorted({a["question"] for a in got}), sorted(ask), "they were asked, as they are")


forget_answers()
with serving(*FIXED) as server:
    refused(server)
    data = extraction(server)
over_a_kill(data)
with serving() as server:
    canceled(server)
    sweep(server)
    own_questions(server)
done()
