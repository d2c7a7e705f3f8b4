# SPDX-License-Identifier: MIT
"""A judging server that misbehaves on demand, for test_endpoint.c.

The first part of the path is the scenario: http://127.0.0.1:PORT/flaky/v1/chat/completions. GET
/stats/flaky gives {"requests", "long", "most"}: how many came, how many allowed more than one token,
and how many were open at once. It prints its port, serves the loopback only, and ends with its stdin.
"""
import http.server
import json
import math
import re
import sys
import threading
import time

lock = threading.Lock()
stats = {}


def place(token, *top):
    return {"token": token, "logprob": math.log(top[0][1]) if top else -1.0,
            "top_logprobs": [{"token": t, "logprob": math.log(p)} for t, p in top]}


def reply(content, places=None):
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "length"}
    if places is not None:
        choice["logprobs"] = {"content": places}
    return 200, {}, {"id": "x", "object": "chat.completion", "choices": [choice]}


def error(status, text, **headers):
    return status, {k.replace("_", "-"): v for k, v in headers.items()}, {"error": {"message": text, "type": "x"}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, headers, body):
        if isinstance(body, dict) and "choices" in body and getattr(self, "room", 1) > 1 and not body.pop("cut", False):
            body["choices"][0]["finish_reason"] = "stop"
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        with lock:
            s = dict(stats.get(self.path.rsplit("/", 1)[-1], {"requests": 0, "long": 0, "most": 0}))
        self.send(200, {}, s)

    def do_POST(self):
        scenario = self.path.split("/")[1]
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        q = json.loads(raw)
        assert self.path.endswith("/v1/chat/completions") and q["model"] == "judge-1"
        assert q.get("temperature", 0) == 0
        room = q.get("max_tokens", q.get("max_completion_tokens", 1 << 20))
        self.room = room
        with lock:
            s = stats.setdefault(scenario, {"requests": 0, "long": 0, "most": 0, "open": 0})
            s["requests"] += 1
            s["open"] += 1
            s["long"] += room > 1
            s["most"] = max(s["most"], s["open"])
            n = s["requests"]
        try:
            self.answer(scenario, q, n)
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            with lock:
                s["open"] -= 1

    def answer(self, scenario, q, n):
        prompt = q["messages"][0]["content"]
        found = re.search(r"A=(\d+)", prompt)
        a = found.group(1) if found else "50"
        long = self.room > 1
        if scenario == "slow":
            time.sleep(3)
        elif scenario in ("ok", "many"):
            time.sleep(.02)
        self_says = getattr(self, "say_" + scenario, None)
        if self_says:
            return self_says(prompt, a, long, n, q)
        return self.send(*self.good(a))

    @staticmethod
    def good(a):
        return reply(a, [place(a, (a, .6), (" 40 ", .2), ("I", .1), ("101", .05), ("-3", .05))])

    def say_plain(self, prompt, a, long, n, q):
        self.send(*reply(f"Score: {a}" if long else ""))

    def say_mute(self, prompt, a, long, n, q):
        self.send(*reply("I would rather not say." if long else "I"))

    def say_prose(self, prompt, a, long, n, q):
        self.send(*reply({"1": "85/100", "2": "8/10", "3": "-5", "4": "REFUSAL 7", "5": "none", "6": "72.5.", "7": "300"}[a] if long else "x"))

    def say_nologprobs(self, prompt, a, long, n, q):
        if "logprobs" in q:
            return self.send(*error(400, "logprobs are not\nsupported by this model"))
        self.send(*reply(a))

    def say_openai(self, prompt, a, long, n, q):
        # as a model that thinks answers there
        for name, text in [("max_tokens", "Unsupported parameter: 'max_tokens' is not supported with this model. "
                            "Use 'max_completion_tokens' instead."),
                           ("temperature", "Unsupported value: 'temperature' does not support 0 with this model. "
                            "Only the default (1) value is supported."),
                           ("logprobs", "You are not allowed to request logprobs from this model.")]:
            if name in q:
                status, headers, body = error(403 if name == "logprobs" else 400, text)
                body["error"].update(param=None if name == "logprobs" else name, code="unsupported_parameter")
                return self.send(status, headers, body)
        if self.room < 512:
            return self.send(*error(400, "Could not finish the message because max_tokens or model output limit was reached. "
                                         "Please try again with higher max_tokens."))
        self.send(*reply(a))

    def say_fastapi(self, prompt, a, long, n, q):
        for name in ("seed", "top_logprobs"):
            if name in q and (name == "seed" or q[name] > 5):
                return self.send(422, {}, {"detail": [{"type": "extra_forbidden", "loc": ["body", name], "input": "max_tokens",
                                                       "msg": "Extra inputs are not permitted"}]})
        self.send(*self.good(a))

    def say_google(self, prompt, a, long, n, q):
        if "seed" in q:
            return self.send(400, {}, [{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message":
                             "Invalid JSON payload received. Unknown name \"seed\": Cannot find field."}}])
        self.send(*self.good(a))

    def say_toolong(self, prompt, a, long, n, q):
        self.send(*error(400, "This model's maximum context length is 4096 tokens. Please reduce the length of the messages."))

    def say_stubborn(self, prompt, a, long, n, q):
        self.send(*error(400, "temperature is a word that I do not like"))

    def say_wordy(self, prompt, a, long, n, q):
        text = f"On a scale of 0 to 100, I rate this {a}"
        places = [place("On", ("On", .9), ("7", .1))]
        if self.room > 16:
            return self.send(*reply(text + ".", places))
        status, headers, body = reply(text[:-1] if long else "On", places)
        self.send(status, headers, dict(body, cut=True))

    def say_thinks(self, prompt, a, long, n, q):
        status, headers, body = reply("<think>Is it 40? " + ("Yes." if self.room < 8192 else f"No.</think>{a}"))
        self.send(status, headers, dict(body, cut=self.room < 8192))

    def say_parts(self, prompt, a, long, n, q):
        self.send(*reply([{"type": "text", "text": f"**{a}**"}]))

    def say_digits(self, prompt, a, long, n, q):
        places = [place(d, (d, .7), ("2", .1), ("x", .2)) for d in a]
        self.send(*reply(a if long else a[0], places if long else places[:1]))

    def say_lowdigit(self, prompt, a, long, n, q):
        # whole numbers are single tokens here, but this answer has only small alternatives
        places = [place("0", ("0", .75), ("5", .25)), place("<eos>", ("<eos>", 1))]
        if "REFUSE" in prompt:
            places = [place("REF", ("REF", .5), ("90", .5))]
        self.send(*reply("0", places if long else places[:1]))

    def say_lowmass(self, prompt, a, long, n, q):
        self.send(*reply("I", [place("I", ("I", .8), (a, .2))]))

    def say_spaced(self, prompt, a, long, n, q):
        self.send(*reply(" " + a, [place(" ", (" ", 1)), place(a, (a, 1))] if long else [place(" ", (" ", 1))]))

    def say_limited(self, prompt, a, long, n, q):
        self.send(*(error(429, "slow down", Retry_After="1") if n == 1 else self.good(a)))

    def say_flaky(self, prompt, a, long, n, q):
        self.send(*(error(500, "oops") if n <= 2 else self.good(a)))

    def say_dies(self, prompt, a, long, n, q):
        self.send(*(self.good(a) if n <= 6 else error(503, "going down")))

    def say_garbage(self, prompt, a, long, n, q):
        self.send(200, {}, b"<html>\xff\x00 nothing here</html>")

    def say_empty(self, prompt, a, long, n, q):
        self.send(200, {}, {"error": {"message": "upstream is cold"}})

    def say_cut(self, prompt, a, long, n, q):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b'{"choices": [')
        self.close_connection = True

    def say_huge(self, prompt, a, long, n, q):
        self.send_response(200)
        self.end_headers()
        for _ in range(200):
            self.wfile.write(b" " * 100000)
        self.close_connection = True

    def say_auth(self, prompt, a, long, n, q):
        key = self.headers.get("Authorization", "")
        if key != "Bearer sk-right":
            return self.send(*error(401, f"Incorrect API key provided: {key.removeprefix('Bearer ')}. See our pages."))
        self.send(*self.good(a))

    def say_badmodel(self, prompt, a, long, n, q):
        self.send(*error(404, "no model\n  judge-1"))

    def say_redirect(self, prompt, a, long, n, q):
        self.send(302, {"Location": "file:///etc/hostname"}, b"")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
