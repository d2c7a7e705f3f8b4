# SPDX-License-Identifier: MIT
"""/api/v1: models, dry runs of steering, recipes, traits, the trash."""
import json, os

from client import *

FOLDER = os.path.join(os.environ["XDG_DATA_HOME"], "persona")


def good(s, method, path, body=None):
    status, r, _ = s.ask(method, path, body)
    equal(status, 200, f"{method} {path}: {r}")
    check(os.environ["XDG_DATA_HOME"] not in json.dumps(r) and SOURCE not in json.dumps(r), f"no path of the server in {r}")
    return r


def bad(s, method, path, body, status, param=None, code=None):
    got, r, _ = s.ask(method, path, body)
    equal(got, status, f"{method} {path} {body}: {r}")
    if param:
        equal(r["error"]["param"], param, f"{r}")
    if code:
        equal(r["error"]["code"], code, f"{r}")
    return r["error"]["message"]


def models(s):
    listed = good(s, "GET", "/api/v1/models")
    by_id = {m["id"]: m for m in listed["models"]}
    equal(listed["memory"]["used_bytes"], 0, "nothing is loaded")
    equal((by_id[QWEN]["state"], by_id[QWEN]["loaded"]), ("cold", None), "not loaded yet")
    m = good(s, "POST", f"/api/v1/models/{QWEN}/load")
    equal((m["state"], m["loaded"]["arch"], len(m["sha256"])), ("ready", "qwen2", 64), "loaded")
    memory = good(s, "GET", "/api/v1/models")["memory"]
    equal(memory["used_bytes"], m["size_bytes"], "its file is in memory")
    check(memory["budget_bytes"] > memory["used_bytes"], f"there is room: {memory}")
    check("silly" in m["vectors"] and m["loaded"]["n_ctx"] > 0 and m["loaded"]["n_embd"] > 0, "its sizes")
    equal(good(s, "GET", f"/api/v1/models/{QWEN}")["loaded"], m["loaded"], "the same")
    r = good(s, "POST", f"/api/v1/models/{QWEN}/unload", {})
    equal((r["unloaded"], r["state"], r["vectors"]), (True, "cold", m["vectors"]), "its vectors stay known")
    equal(good(s, "POST", f"/api/v1/models/{QWEN}/unload")["unloaded"], False, "it was not")
    bad(s, "POST", "/api/v1/models/nobody/load", None, 404, code="model_not_found")
    bad(s, "POST", f"/api/v1/models/{QWEN}/load", {"hard": True}, 400, "hard")


def steering(s):
    def dry(steering, **more):
        return good(s, "POST", "/api/v1/steering/check", {"model": QWEN, "steering": steering, **more})
    r = dry("3 * raw:silly@1-2:final")
    equal((r["ok"], r["expression"], r["unit"], r["blocks"]), (True, "3*raw:silly@1-2:final", "raw", [1, 2]), "what it does")
    equal(dry(r["object"])["expression"], r["expression"], "the object means the same")
    check(any("no calibration" in w for w in dry("1*silly")["warnings"]), "warnings")
    equal(dry(None)["expression"], None, "none")
    equal(dry("silly +")["error"]["column"], 8, "where it breaks off")
    x = dry("1*silly + 2*nothing")
    equal((x["ok"], x["error"]["code"]), (False, "NOTFOUND"), "an unknown name")
    equal(dry({"terms": [{"vector": "silly", "coefficient": "x"}]})["error"]["field"], "terms[0].coefficient", "the field")
    equal(dry("2*/etc/passwd")["ok"], False, "no files")
    equal(dry("silly", steering_guard="warn")["ok"], True, "a guard")
    bad(s, "POST", "/api/v1/steering/check", {"model": QWEN}, 400, "steering")
    bad(s, "POST", "/api/v1/steering/check", {"model": "nobody", "steering": None}, 404, "model")


def verify(s):
    r = good(s, "POST", "/api/v1/verify", {"model": QWEN, "vector": "silly", "block": 1})
    equal((r["ok"], r["vector"], r["block"], r["model"]), (True, "silly", 1, QWEN), f"all hold: {r}")
    check(len(r["checks"]) > 5 and all(x["ok"] for x in r["checks"]), "each of them")
    bad(s, "POST", "/api/v1/verify", {"model": QWEN, "vector": "nothing"}, 404)
    bad(s, "POST", "/api/v1/verify", {"model": QWEN, "block": 999}, 400)


def recipes(s):
    r = good(s, "PUT", "/api/v1/recipes/calm", {"expression": "2 * raw:silly", "description": "quiet"})
    equal((r["expression"], r["replaced"]), ("2*raw:silly", False), "written")
    equal(good(s, "PUT", "/api/v1/recipes/calm", {"expression": {"terms": [{"vector": "silly", "coefficient": 3,
          "unit": "raw"}]}})["replaced"], True, "again, from an object")
    equal(good(s, "GET", "/api/v1/recipes/calm")["expression"], "3*raw:silly", "read")
    with open(os.path.join(FOLDER, "recipes", "broken.json"), "w") as f:
        f.write("{")
    r = good(s, "GET", "/api/v1/recipes")
    equal(([x["name"] for x in r["recipes"]], [x["name"] for x in r["damaged"]]), (["calm"], ["broken"]), "listed")
    x = good(s, "POST", "/api/v1/steering/check", {"model": QWEN, "steering": "calm"})
    equal(x["expression"], "3*raw:silly", "a name stands for it")
    bad(s, "PUT", "/api/v1/recipes/other", {"expression": "calm"}, 400)
    bad(s, "PUT", "/api/v1/recipes/other", {"expression": None}, 400, "expression")
    bad(s, "PUT", "/api/v1/recipes/9lives", {"expression": "silly"}, 400)
    good(s, "DELETE", "/api/v1/recipes/broken")
    gone = good(s, "DELETE", "/api/v1/recipes/calm")["trash"]
    bad(s, "GET", "/api/v1/recipes/calm", None, 404)
    bad(s, "DELETE", "/api/v1/recipes/calm", None, 404)
    equal(good(s, "POST", f"/api/v1/trash/{gone['id']}/restore")["name"], "calm", "restored")
    equal(good(s, "GET", "/api/v1/recipes/calm")["expression"], "3*raw:silly", "it is back")
    bad(s, "POST", f"/api/v1/trash/{gone['id']}/restore", None, 404)
    gone = good(s, "DELETE", "/api/v1/recipes/calm")["trash"]
    good(s, "PUT", "/api/v1/recipes/calm", {"expression": "silly"})
    bad(s, "POST", f"/api/v1/trash/{gone['id']}/restore", None, 409, code="exists")
    check({x["name"] for x in good(s, "GET", "/api/v1/trash")["trash"]} >= {"calm", "broken"}, "the trash")


def traits(s):
    r = good(s, "GET", "/api/v1/traits")
    check("silly" in {t["name"] for t in r["traits"]} and r["more"] and not r["damaged"], "shipped ones")
    silly = good(s, "GET", "/api/v1/traits/silly")
    equal((len(silly["questions"]), len(silly["instructions"]), silly["own"]), (40, 5, False), "whole")
    with open(os.path.join(SOURCE, "traits", "silly.json")) as f:
        pack = json.load(f)
    pack["name"] = "goofy"
    r = good(s, "POST", "/api/v1/traits", {"pack": pack})
    equal((r["name"], r["own"], r["sampling"]["about"]), ("goofy", True, pack["sampling"]["about"]), "written")
    bad(s, "POST", "/api/v1/traits", {"pack": pack}, 409, code="exists")
    good(s, "POST", "/api/v1/traits", {"pack": pack, "replace": True})
    bad(s, "POST", "/api/v1/traits", {"pack": {**pack, "questions": pack["questions"][:-1]}}, 400)
    bad(s, "POST", "/api/v1/traits", {"pack": {**pack, "name": "../goofy"}}, 400)
    bad(s, "POST", "/api/v1/traits", {"pack": {**pack, "questoins": []}}, 400, "pack.questoins")
    data = {"instruction": pack["instruction"], "questions": pack["questions"], "eval_prompt": pack["eval_prompt"]}
    bad(s, "POST", "/api/v1/traits/import", {"data": data}, 400, "name")
    ask = {"data": data, "name": "clownish", "positive": "clownish", "negative": "sober", "dry_run": True}
    equal(good(s, "POST", "/api/v1/traits/import", ask)["traits"][0]["own"], False, "only tried")
    bad(s, "GET", "/api/v1/traits/clownish", None, 404)
    good(s, "POST", "/api/v1/traits/import", {**ask, "dry_run": False})
    equal(good(s, "GET", "/api/v1/traits/clownish")["own"], True, "imported")
    bad(s, "DELETE", "/api/v1/traits/silly", None, 403, code="shipped")
    bad(s, "DELETE", "/api/v1/traits/nobody", None, 404)
    gone = good(s, "DELETE", "/api/v1/traits/goofy")["trash"]
    bad(s, "GET", "/api/v1/traits/goofy", None, 404)
    good(s, "POST", f"/api/v1/trash/{gone['id']}/restore")
    good(s, "DELETE", "/api/v1/traits/goofy")
    good(s, "DELETE", "/api/v1/traits/clownish")


with serving("--slots", "2") as server:
    for part in (models, steering, verify, recipes, traits):
        part(server)
    trash = good(server, "GET", "/api/v1/trash")["trash"]

# what is older than --trash-days goes at the start
for x in trash[:-1]:
    path = os.path.join(FOLDER, "trash", x["id"] + ".json")
    note = json.load(open(path))
    note["deleted"] -= 3 * 86400
    json.dump(note, open(path, "w"))
with serving("--trash-days", "2") as server:
    equal([x["id"] for x in good(server, "GET", "/api/v1/trash")["trash"]], [trash[-1]["id"]], "the rest")
    os.unlink(os.path.join(FOLDER, "trash", trash[-1]["id"] + ".json"))
    os.unlink(os.path.join(FOLDER, "recipes", "calm.json"))
done()
