# SPDX-License-Identifier: MIT
"""The routes of cross-model-persona-steering, with its fields."""
import json, os

from client import *


def good(s, method, path, body=None):
    status, r, _ = s.ask(method, path, body)
    equal(status, 200, f"{method} {path}: {r}")
    check(os.environ["XDG_DATA_HOME"] not in json.dumps(r) and SOURCE not in json.dumps(r), f"no path of the server in {r}")
    return r


def bad(s, method, path, body, status):
    got, r, _ = s.ask(method, path, body)
    equal((got, list(r)), (status, ["detail"]), f"{method} {path}: {r}")


def models(s):
    equal(good(s, "GET", "/api/health")["status"], "healthy", "health")
    listed = good(s, "GET", "/api/models")["models"]
    equal({QWEN, OSS} <= {m["id"] for m in listed}, True, "models")
    equal({tuple(sorted(m)) for m in listed}, {("id", "name", "type")}, "their fields")
    i = good(s, "GET", f"/api/models/{QWEN}/info")
    equal((i["id"], i["model_type"], i["loaded"], "device" in i), (QWEN, "gguf", False, False), "info")
    r = good(s, "POST", "/api/models/test", {"model_id": QWEN, "user_prompt": "What do you think of soup?"})
    check(r["success"] and r["response"] and r["elapsed_time"] > 0, "a test")
    good(s, "POST", "/api/models/test", {"model_id": QWEN})
    equal(good(s, "GET", f"/api/models/{QWEN}/info")["device"], "cpu", "now it is loaded")
    equal([good(s, "DELETE", f"/api/models/{QWEN}/unload")["success"] for _ in "ab"], [True, False], "unloaded once")
    bad(s, "GET", "/api/models/nobody/info", None, 404)
    bad(s, "POST", "/api/models/test", {}, 400)


def traits(s):
    with open(os.path.join(SOURCE, "traits", "silly.json")) as f:
        pack = json.load(f)
    for name in ("goofy", "clownish"):
        pack["name"] = name
        status, r, _ = s.ask("POST", "/api/v1/traits", {"pack": pack})
        equal(status, 200, f"a pack: {r}")
    by_id = {t["id"]: t for t in good(s, "GET", "/api/traits")["traits"]}
    equal((by_id["silly"]["type"], by_id["silly"]["name"], by_id["goofy"]["type"]),
          ("built-in", "silly vs serious", "custom"), "every pack")
    r = good(s, "GET", "/api/traits/custom")
    equal((r["success"], r["count"], sorted(t["id"] for t in r["traits"])), (True, 2, ["clownish", "goofy"]), "custom ones")
    equal((len(r["traits"][0]["prompt_pairs"]), len(r["traits"][0]["evaluation_questions"])), (5, 40), "whole")
    check(r["count"] < r["max_allowed"], "there is room")
    good(s, "DELETE", "/api/traits/custom/goofy")
    bad(s, "DELETE", "/api/traits/custom/goofy", None, 404)
    bad(s, "DELETE", "/api/traits/custom/silly", None, 404)
    good(s, "DELETE", "/api/traits/custom")
    equal(good(s, "GET", "/api/traits/custom")["count"], 0, "all gone")
    check("silly" in {t["id"] for t in good(s, "GET", "/api/traits")["traits"]}, "shipped ones stay")


def vectors(s):
    all = good(s, "GET", "/api/vectors")["vectors"]
    check({(v["model_id"], v["trait_id"]) for v in all} >= {(QWEN, "silly"), (OSS, "silly")}, "vectors")
    equal([v["modified"] for v in all], sorted((v["modified"] for v in all), reverse=True), "the newest first")
    v = good(s, "GET", f"/api/vectors/{QWEN}/silly")
    check(set(v) >= {"model_id", "trait_id", "vectors", "effectiveness_scores", "metadata", "responses"}, f"fields: {list(v)}")
    check("layer_1" in v["vectors"], "layers")
    bad(s, "GET", f"/api/vectors/{QWEN}/nothing", None, 404)
    bad(s, "GET", "/api/vectors/nobody/silly", None, 404)
    check(good(s, "DELETE", f"/api/vectors/{QWEN}/silly")["success"], "deleted")
    bad(s, "DELETE", f"/api/vectors/{QWEN}/silly", None, 404)
    x = s.ask("GET", "/api/v1/trash")[1]["trash"]
    item = [t["id"] for t in x if t["kind"] == "vector" and t["name"] == "silly"][0]
    equal(s.ask("POST", f"/api/v1/trash/{item}/restore")[0], 200, "and restored")
    equal(good(s, "GET", f"/api/vectors/{QWEN}/silly"), v, "the same")


with serving("--slots", "2") as server:
    for part in (models, traits, vectors):
        part(server)
done()
