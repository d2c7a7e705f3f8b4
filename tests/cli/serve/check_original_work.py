# SPDX-License-Identifier: MIT
"""The calls of the original project's front end, in the order in which it makes them."""
import json, os

from client import *

PACK = {"name": "pirate", "positive": "piratical", "negative": "landlubberly"}


def exists(s, method, path):
    """Whether the server has the route; said if not, so that a check that is left out is seen."""
    pattern, found = path.split("/"), False
    for known, ways in s.ask("GET", "/openapi.json")[1]["paths"].items():
        parts = known.split("/")
        same = len(parts) == len(pattern) and all(a == b or a.startswith("{") for a, b in zip(parts, pattern))
        found = found or (same and method.lower() in ways)
    if not found:
        print(f"left out: this server has no {method} {path}")
    return found


def refused(s):
    test = {"model_id": QWEN, "trait_id": "silly", "user_prompt": "Hi"}
    for path, body, status in (("vectors/generate", {"model_id": QWEN}, 400), ("vectors/generate", {"trait_id": "silly"}, 400),
                               ("vectors/generate", {"model_id": QWEN, "trait_id": "nothing"}, 400),
                               ("vectors/generate", {"model_id": "nothing", "trait_id": "silly"}, 404),
                               ("vectors/generate", {"model_id": "../../../pwned", "trait_id": "silly"}, 404),
                               ("steering/test", {k: v for k, v in test.items() if k != "user_prompt"}, 400),
                               ("steering/test", {**test, "model_id": "nothing"}, 404),
                               ("steering/test", {**test, "coefficient": "1"}, 400),
                               ("steering/test", {**test, "steering_method": "magic"}, 400),
                               ("traits/generate-custom", {"trait_name": "x y"}, 400),
                               ("traits/generate-custom", {"trait_name": "silly", "positive_trait": "silly", "negative_trait": "serious"}, 409)):
        got, r, _ = s.ask("POST", f"/api/{path}", body)
        equal(got, status, f"{path} {body}: {r}")
        check("detail" in r or r.get("success") is False, f"the original's shape: {r}")
    got, r, _ = s.ask("POST", "/api/steering/test", {**test, "trait_id": "nothing"})
    equal((got, r["success"]), (404, False), "no such vector")
    check("nothing" in r["error"] and "/" not in r["error"].replace("/api", ""), f"without a path: {r}")


def models(s):
    if exists(s, "GET", "/api/models"):
        ids = [m["id"] for m in s.ask("GET", "/api/models")[1]["models"]]
        check(QWEN in ids, f"models: {ids}")


def generate(s):
    status, r, _ = s.ask("POST", "/api/vectors/generate", {"model_id": QWEN, "trait_id": "superficial", "questions": 8,
                                                           "max_tokens": 24}, timeout=300)
    equal(status, 200, f"generated: {r}")
    equal((r["success"], r["model_id"], r["trait_id"]), (True, QWEN, "superficial"), "names")
    equal(len(r["effectiveness_scores"]), r["num_layers"], "a score for each layer")
    check(all(k.startswith("layer_") and 0 <= v <= 1 for k, v in r["effectiveness_scores"].items() if v is not None), "areas")
    check(r["generation_time"] > 0 and r["metadata"]["num_prompt_pairs"] == 5, f"metadata: {r['metadata']}")
    equal(s.ask("GET", f"/api/v1/jobs/{r['job_id']}")[1]["state"], "done", "the job behind it")
    if exists(s, "GET", "/api/vectors"):
        x = s.ask("GET", "/api/vectors")[1]["vectors"]
        check(any((v["model_id"], v["trait_id"]) == (QWEN, "superficial") for v in x), f"listed: {x}")
    if exists(s, "GET", f"/api/vectors/{QWEN}/superficial"):
        v = s.ask("GET", f"/api/vectors/{QWEN}/superficial")[1]
        check(v["vectors"] and all(k.startswith("layer_") for k in v["vectors"]), "the whole vector")


def steer(s):
    ask = {"model_id": QWEN, "trait_id": "superficial", "user_prompt": "What is tea?", "max_tokens": 24, "seed": 3}
    status, r, _ = s.ask("POST", "/api/steering/test", {**ask, "coefficient": 2})
    equal(status, 200, f"steered: {r}")
    equal((r["success"], r["steering_applied"], r["steering_method"], r["direction"], r["steering_coefficient"]),
          (True, True, "vector_injection", "positive", 2), "what was applied")
    n = r["vector_stats"]["num_vectors_applied"]
    equal((n, len(r["vector_stats"]["vector_layers"])), (r["steering"]["layers"] and len(r["steering"]["layers"]), n), "layers")
    check(r["num_layers_available"] >= n >= 1 and r["elapsed_time"] > 0, "numbers")
    check(r["response"] != r["baseline_response"], "it does something")
    _, zero, _ = s.ask("POST", "/api/steering/test", {**ask, "coefficient": 0})
    equal((zero["response"], zero["steering_applied"], zero["direction"]), (zero["baseline_response"], False, "neutral"), "0 is nothing")
    equal(zero["baseline_response"], r["baseline_response"], "the same seed")
    _, m, _ = s.ask("POST", "/api/steering/test", {**ask, "coefficient": -1, "steering_method": "sampling"})
    equal((m["steering_method"], m["vector_stats"]["num_vectors_applied"], m["direction"]), ("sampling", 0, "negative"), "by the sampler")
    check(m["sampling"]["temperature"] != 0.7 and m["baseline_response"] == r["baseline_response"], f"moved: {m['sampling']}")
    equal(m["steering"], None, "and no vector")


def custom(s):
    """The embedded pair cannot write a pack, and says so; one that was written elsewhere is imported."""
    status, r, _ = s.ask("POST", "/api/traits/generate-custom", {"trait_name": "Very Pirate", "positive_trait": "piratical",
                                                                 "negative_trait": "landlubberly", "tries": 1})
    check(status in (400, 422) and len(r["detail"]) > 20, f"no filler: {status} {r}")
    with open(os.path.join(SOURCE, "traits", "silly.json")) as f:
        pack = {**json.load(f), **PACK}
    status, r, _ = s.ask("POST", "/api/v1/traits", {"pack": pack})
    check(status in (200, 201), f"by hand: {r}")
    if exists(s, "GET", "/api/traits/custom"):
        x = s.ask("GET", "/api/traits/custom")[1]
        check("pirate" in json.dumps(x["traits"]), f"custom traits: {x}")


def delete(s):
    for path, fallback in ((f"/api/vectors/{QWEN}/superficial", None), ("/api/traits/custom/pirate", "/api/v1/traits/pirate")):
        if exists(s, "DELETE", path):
            status, r, _ = s.ask("DELETE", path)
            equal((status, r["success"]), (200, True), f"deleted: {r}")
        elif fallback:
            equal(s.ask("DELETE", fallback)[0], 200, "deleted")


with serving("--fixed-shape", "--slots", "8", "--context", "1024") as server:
    refused(server)
    models(server)
    generate(server)
    steer(server)
    custom(server)
    delete(server)
done()
