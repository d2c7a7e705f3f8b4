# SPDX-License-Identifier: MIT
"""llama-server's small routes, and ik_llama.cpp's control vectors."""
import json, os

from client import *


def good(s, method, path, body=None):
    status, r, _ = s.ask(method, path, body)
    equal(status, 200, f"{method} {path}: {r}")
    check(SOURCE not in json.dumps(r), f"no path of the server in {r}")
    return r


def bad(s, path, body, status):
    got, r, _ = s.ask("POST", path, body)
    equal(got, status, f"{path} {body}: {r}")


def tokens(s):
    text = "Soup & salad, cr\u00e8me"
    t = good(s, "POST", "/tokenize", {"content": text})["tokens"]
    equal(good(s, "POST", "/detokenize", {"tokens": t})["content"], text, "there and back")
    p = good(s, "POST", "/tokenize", {"content": text, "with_pieces": True})["tokens"]
    equal([x["id"] for x in p], t, "with pieces")
    whole = b"".join(x["piece"].encode() if isinstance(x["piece"], str) else bytes(x["piece"]) for x in p)
    equal(whole.decode(), text, "the pieces")
    one, many = ([len(good(s, "POST", "/tokenize", {"content": "<|im_end|>", "parse_special": x})["tokens"])] for x in (True, False))
    check(one == [1] and many > one, f"control tokens: {one} {many}")
    r = good(s, "POST", "/apply-template", {"messages": said("hello")})["prompt"]
    check("hello" in r and "<|im_start|>assistant" in r, f"a prompt: {r!r}")
    bad(s, "/detokenize", {"tokens": [1 << 29]}, 400)
    bad(s, "/tokenize", {}, 400)
    bad(s, "/apply-template", {"messages": []}, 400)


def slots(s):
    equal(good(s, "GET", f"/slots?model={OSS}"), [], "not loaded")
    p = good(s, "GET", "/props")
    equal((p["total_slots"], p["model_path"], p["modalities"]["vision"]), (2, QWEN, False), f"{p}")
    idle = good(s, "GET", "/slots")
    equal([(x["id"], x["is_processing"]) for x in idle], [(0, False), (1, False)], "nobody asks")
    busy = []
    for x in s.stream("/v1/chat/completions", {"messages": said("x"), "max_tokens": 300, "ignore_eos": True}):
        if not busy:
            busy = [y["is_processing"] for y in good(s, "GET", "/slots")]
    equal(busy, [True, False], "one slot is busy")


def control_vectors(s):
    def answer(**more):
        r = good(s, "POST", "/v1/chat/completions", {"model": QWEN, "messages": said("What do you think of soup?"),
                                                     "temperature": 0, "max_tokens": 16, **more})
        return r["choices"][0]["message"]["content"], r["steering"]
    plain, receipt = answer()
    equal((receipt, good(s, "GET", "/control-vectors")), (None, []), "nothing steers")
    equal(good(s, "POST", "/control-vectors/load", {"path": "silly", "scale": 2, "layer_start": 1, "layer_end": 2}),
          {"success": True, "id": 0}, "loaded")
    equal(good(s, "GET", "/control-vectors"), [{"id": 0, "path": "silly", "scale": 2, "layer_start": 1, "layer_end": 2,
                                                "applied": True}], "the list")
    text, receipt = answer()
    equal((text != plain, receipt["expression"]), (True, "2*raw:silly@1-2:prompt:response"), "it steers who says nothing")
    equal(answer(steering=None)[0], plain, "not who says none")
    equal(answer(steering="2*raw:silly")[1]["expression"], "2*raw:silly", "nor who says something")
    equal(answer(model=OSS)[1], None, "nor another model")
    equal(good(s, "POST", "/control-vectors/apply", [{"id": 0, "scale": -3}]), {"success": True}, "another scale")
    equal(answer()[1]["expression"], "-3*raw:silly@1-2:prompt:response", "from now on")
    equal(good(s, "POST", "/control-vectors/apply", []), {"success": True}, "none is named")
    equal((answer()[0], good(s, "GET", "/control-vectors")[0]["applied"]), (plain, False), "none steers")
    equal(good(s, "POST", "/control-vectors/load", {"path": "silly"})["id"], 0, "again")
    for path, body, status in (("load", {"path": "/etc/passwd"}, 404), ("load", {"path": "nothing"}, 404),
                               ("load", {"path": "silly", "layer_start": 90}, 400), ("unload", {"id": 3}, 400),
                               ("apply", [{"id": 1, "scale": 1}], 400), ("apply", [{"id": 0}], 400), ("apply", {}, 400),
                               ("apply", [{"id": 0, "scale": "x"}], 400)):
        bad(s, "/control-vectors/" + path, body, status)
    equal(good(s, "GET", "/control-vectors")[0]["scale"], 1, "what is refused changes nothing")
    good(s, "POST", "/control-vectors/unload", {"id": 0})
    equal((answer()[0], good(s, "GET", "/control-vectors")), (plain, []), "gone")


model = os.path.join(SOURCE, "models", QWEN + ".gguf")
with serving("--fixed-shape", "--slots", "2", "--model", model) as server:
    for part in (slots, tokens, control_vectors):
        part(server)
done()
