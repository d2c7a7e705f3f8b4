# SPDX-License-Identifier: MIT
"""/api/v1/vectors: lists, one in full, files out and in, sums, cosines, deleting."""
import json, os, struct

from client import *

ROOT = "/api/v1/vectors"
FOLDER = os.path.join(os.environ["XDG_DATA_HOME"], "persona")


def good(s, method, path, body=None, headers=None):
    status, r, _ = s.ask(method, path, body, headers)
    equal(status, 200, f"{method} {path}: {r}")
    check(os.environ["XDG_DATA_HOME"] not in str(r), f"no path of the server in {r}")
    return r


def bad(s, method, path, body, status, code=None):
    got, r, _ = s.ask(method, path, body)
    equal(got, status, f"{method} {path}: {r}")
    if code:
        equal(r["error"]["code"], code, f"{r}")


def lists(s):
    all = good(s, "GET", ROOT)
    check({(v["model"], v["name"]) for v in all["vectors"]} >= {(OSS, "silly"), (QWEN, "silly")}, "both models' vectors")
    every = good(s, "GET", f"{ROOT}?model={QWEN}")["vectors"]
    equal({x["model"] for x in every}, {QWEN}, "of one model only")
    v = [x for x in every if x["name"] == "silly"]
    equal([(x["model"], x["trait"], x["n_embd"] > 0, x["kept"]["positive"] > 0) for x in v], [(QWEN, "silly", True, True)], "of one")
    equal(good(s, "GET", f"{ROOT}?model={v[0]['shelf']}")["vectors"], every, "a shelf for a model")
    bad(s, "GET", ROOT + "?model=nobody", None, 404, "model_not_found")
    x = good(s, "GET", f"{ROOT}/{QWEN}/silly")
    equal((x["id"], x["best_layer"], x["model_sha256"][:16]), (QWEN, v[0]["best_layer"], v[0]["shelf"]), "in full")
    check(x["layers"] and all_have(x["layers"], "norm", "auroc", "quantiles"), "its blocks")
    bad(s, "GET", f"{ROOT}/{QWEN}/sily", None, 404)
    bad(s, "GET", f"{ROOT}/{QWEN}/..%2fsilly", None, 404)
    r = good(s, "GET", f"{ROOT}/{QWEN}/silly/explain?top=3")
    equal({len(b["promoted"]) for b in r["layers"]}, {3}, "tokens")
    bad(s, "GET", f"{ROOT}/{QWEN}/silly/explain?top=0", None, 400)


def all_have(list, *names):
    return all(n in x for x in list for n in names)


def files(s):
    status, gguf, headers = s.ask("GET", f"{ROOT}/{QWEN}/silly/file")
    equal((status, gguf[:4], headers["Content-Disposition"]), (200, b"GGUF", 'attachment; filename="silly.gguf"'), "GGUF")
    for format in ("safetensors", "json", "pt"):
        status, data, headers = s.ask("GET", f"{ROOT}/{QWEN}/silly/file?format={format}")
        equal((status, headers["Content-Disposition"]), (200, f'attachment; filename="silly.{format}"'), format)
        data = data if isinstance(data, bytes) else json.dumps(data).encode()
        r = good(s, "PUT", f"{ROOT}/{QWEN}/from_{format}/file", data, {"Content-Type": "application/octet-stream"})
        equal((r["name"], r["replaced"], r["n_embd"] > 0), (f"from_{format}", False, True), "back")
    bad(s, "GET", f"{ROOT}/{QWEN}/silly/file?format=exe", None, 400)
    r = good(s, "PUT", f"{ROOT}/{QWEN}/copy/file", gguf)
    bad(s, "PUT", f"{ROOT}/{QWEN}/copy/file", gguf, 409, "exists")
    equal(good(s, "PUT", f"{ROOT}/{QWEN}/copy/file?replace=true", gguf)["replaced"], True, "replaced")
    a, b = (good(s, "GET", f"{ROOT}/{QWEN}/{n}") for n in ("silly", "copy"))
    equal([x["norm"] for x in a["layers"]], [x["norm"] for x in b["layers"]], "the same directions")
    bad(s, "PUT", f"{ROOT}/{OSS}/copy/file", gguf, 400)  # of another width
    bad(s, "PUT", f"{ROOT}/nobody/copy/file", gguf, 404, "model_not_found")
    bad(s, "PUT", f"{ROOT}/{QWEN}/copy.gguf/file", gguf, 400)
    for data in (b"", b"GGUF", gguf[:300], gguf[:-1], b"\0" * 1000, b"{}"):
        bad(s, "PUT", f"{ROOT}/{QWEN}/broken/file", data, 400)
    bad(s, "GET", f"{ROOT}/{QWEN}/broken", None, 404)
    c = s.connect()
    c.putrequest("PUT", f"{ROOT}/{QWEN}/large/file")
    c.putheader("Content-Length", str((64 << 20) + 1))
    c.endheaders()
    equal(c.getresponse().status, 413, "too large")
    c.close()


def sums(s):
    r = good(s, "POST", f"{ROOT}/combine", {"model": QWEN, "expression": "silly + 0.5*copy", "name": "mixed"})
    equal((r["model"], r["name"]), (QWEN, "mixed"), "a sum")
    bad(s, "POST", f"{ROOT}/combine", {"model": QWEN, "expression": "silly", "name": "mixed"}, 409, "exists")
    bad(s, "POST", f"{ROOT}/combine", {"model": QWEN, "expression": "ablate(silly)", "name": "x"}, 400)
    bad(s, "POST", f"{ROOT}/combine", {"model": QWEN, "expression": "/etc/passwd", "name": "x"}, 404)
    bad(s, "POST", f"{ROOT}/combine", {"model": QWEN, "expression": "silly", "name": "a/b"}, 400)
    good(s, "POST", f"{ROOT}/combine", {"model": QWEN, "expression": "-1*silly", "name": "serious", "normalize": True})
    r = good(s, "POST", f"{ROOT}/combine-preview", {"model": QWEN, "expression": "-2*silly"})
    cosines = {x["name"]: x["cosine"] for x in r["cosines"]}
    check(abs(cosines["silly"] + 1) < 1e-5 and abs(cosines["serious"] - 1) < 1e-5, f"a sum that is not written: {cosines}")
    one = next(x for x in good(s, "GET", ROOT)["vectors"] if x["model"] == QWEN and x["name"] == "silly")
    equal([x is None for x in r["norms"]], [x is None for x in one["norms"]], "the same blocks")
    check(all(abs(x - 2 * y) < 1e-3 * y for x, y in zip(r["norms"], one["norms"]) if y), "twice as long")
    full = good(s, "GET", f"{ROOT}/{QWEN}/silly")
    best = next(x for x in full["layers"] if x["layer"] == full["best_layer"])
    equal((one["auroc"], one["norms"][full["best_layer"]]), (best["auroc"], best["norm"]), "the list has the best block")
    bad(s, "POST", f"{ROOT}/combine-preview", {"model": QWEN, "expression": "nobody"}, 404)
    bad(s, "POST", f"{ROOT}/combine-preview", {"model": QWEN, "expression": "silly +"}, 400)
    good(s, "POST", f"{ROOT}/combine", {"model": QWEN, "expression": "silly@2", "name": "one_block"})
    good(s, "POST", f"{ROOT}/combine", {"model": QWEN, "expression": "silly@3", "name": "another"})
    r = good(s, "GET", f"{ROOT}/compare?vectors={QWEN}/silly,{QWEN}/one_block,{QWEN}/another")
    at = {b["block"]: b["cosines"] for b in r["blocks"]}
    equal((at[2][1][2], at[3][1][2]), (None, None), "no block in common, no number")
    check(abs(at[2][0][1] - 1) < 1e-5 and abs(at[3][0][2] - 1) < 1e-5, "the others have theirs")
    bad(s, "GET", f"{ROOT}/compare?vectors={QWEN}/one_block,{QWEN}/another", None, 400)
    for name in ("one_block", "another"):
        good(s, "DELETE", f"{ROOT}/{QWEN}/{name}")
    r = good(s, "GET", f"{ROOT}/compare?vectors={QWEN}/silly,{QWEN}/mixed,{QWEN}/serious")
    equal(len(r["vectors"]), 3, "three")
    for b in r["blocks"]:
        for i, row in enumerate(b["cosines"]):
            for k, x in enumerate(row):
                check(abs(x - (-1 if (i == 2) != (k == 2) else 1)) < 1e-5, f"cosine {i} {k} is {x}")
    bad(s, "GET", f"{ROOT}/compare?vectors={QWEN}/silly,{OSS}/silly", None, 400)
    bad(s, "GET", f"{ROOT}/compare?vectors={QWEN}/silly", None, 400)
    bad(s, "GET", f"{ROOT}/compare?vectors={QWEN},{QWEN}", None, 400)


def deleting(s):
    gone = good(s, "DELETE", f"{ROOT}/{QWEN}/mixed")["trash"]
    equal((gone["kind"], gone["name"]), ("vector", "mixed"), "deleted")
    x = good(s, "POST", "/api/v1/steering/check", {"model": QWEN, "steering": "mixed"})
    equal(x["ok"], False, "it steers no longer")
    good(s, "POST", f"/api/v1/trash/{gone['id']}/restore")
    equal(good(s, "POST", "/api/v1/steering/check", {"model": QWEN, "steering": "raw:mixed@1"})["ok"], True, "restored")
    for name in ("mixed", "serious", "copy", "from_json", "from_pt", "from_safetensors"):
        good(s, "DELETE", f"{ROOT}/{QWEN}/{name}")
    before = good(s, "GET", ROOT)["vectors"]
    shelf = before[0]["shelf"]
    path = os.path.join(FOLDER, "vectors", shelf, "damaged.gguf")
    with open(path, "wb") as f:
        f.write(b"GGUF")
    r = good(s, "GET", ROOT)
    equal(([x["name"] for x in r["damaged"]], r["vectors"]), (["damaged"], before), "a damaged one hides no other")
    good(s, "DELETE", f"{ROOT}/{shelf}/damaged")


with serving("--slots", "2") as server:
    for part in (lists, files, sums, deleting):
        part(server)
done()
