# SPDX-License-Identifier: MIT
"""Clients that err, dawdle, lie and storm; files that vanish; a server that ends. Each gets a right status, and nobody else notices."""
import contextlib, http.client, json, os, random, resource, shutil, signal, socket, sqlite3, subprocess, threading, time

from client import *

CHAT = "/v1/chat/completions"
ASK = {"model": QWEN, "messages": said("What do you think of soup?"), "temperature": 0, "max_tokens": 8}
LONG = {**ASK, "max_tokens": 3900, "ignore_eos": True}
N_RANDOM = int(os.environ.get("PERSONA_RANDOM_REQUESTS", "1000" if "PERSONA_QUICK" in os.environ else "10000"))


def well(s):
    equal(s.ask("GET", "/health", timeout=10)[0], 200, "it is well")


def raw(s, data, finish=False, seconds=10):
    """What comes back for these bytes, until the server closes or, after a reply, is silent for a third of a second."""
    with socket.create_connection(("127.0.0.1", s.port), timeout=seconds) as c:
        c.sendall(data)
        if finish:
            c.shutdown(socket.SHUT_WR)
        got = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while piece := c.recv(65536):
                got += piece
                c.settimeout(seconds if finish else 0.3)
        return got


def status_of(reply):
    return int(reply.split()[1]) if reply.startswith(b"HTTP/1.1 ") else None


def request(method, path, body=b"", *headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def nobody_writes(s):
    for _ in range(100):
        if not s.ask("GET", "/api/v1/requests")[1]["requests"]:
            return check(True, "")
        time.sleep(0.05)
    check(False, "an answer is still written")


# ---- bytes ---------------------------------------------------------------------------------------------------------------

def cut(s):
    """A body that ends anywhere is refused, and the connection lives on."""
    body = json.dumps({**ASK, "stop": ["\u00e9\n", "x"], "logit_bias": {"3": -1.5e1}}).encode()
    c = s.connect(10)
    for n in range(len(body)):
        c.request("POST", CHAT, body[:n], {"Content-Type": "application/json"})
        r = c.getresponse()
        text = r.read()
        if r.status != 400:
            raise AssertionError(f"{body[:n]} -> {r.status} {text}")
    c.close()
    for bad in (b"\xff\xfe{}", b"[" * 100000, b'{"a":' * 50000, b"{}{}", b'{"messages":"\\ud800"}', b"\x00", b'{"n":1e999}',
                b'{"model":"x","model":"y"}'):
        status, r, _ = s.ask("POST", CHAT, bad)
        equal(status, 400, f"{bad[:20]} -> {r}")


# What a value may be that should not.
ODD = [None, True, 0, -1, 1.5, 1e308, -1e308, 2**63, "", "x", "\u00e9" * 30, "../../etc/passwd", "%s%n", "a\nb", "x" * 70000, [], {},
       [[]], [None], {"a": 1}, [{}] * 3, [1e9, -5], "2*silly", "raw:silly:L1", {"type": "json_schema"}, "NaN", {"steering": {}}]


def value_for(schema, draw, depth=0):
    if draw.random() < 0.3 or depth > 4:
        return draw.choice(ODD)
    if "enum" in schema:
        return draw.choice(schema["enum"])
    kind = schema.get("type")
    low, high = schema.get("minimum", -3), schema.get("maximum", 3)
    if kind == "string":
        return draw.choice(["a", "silly", "persona", "b" * 300])
    if kind in ("integer", "number"):
        x = draw.choice([low, high, low - 1, high + 1, (low + high) / 2])
        return int(x) if kind == "integer" and abs(x) < 1e15 else x
    if kind == "boolean":
        return draw.random() < 0.5
    if kind == "array":
        return [value_for(schema.get("items", {}), draw, depth + 1) for _ in range(draw.randrange(4))]
    if kind == "object" or "properties" in schema:
        return object_for(schema, draw, depth + 1)
    return draw.choice(ODD)


def object_for(schema, draw, depth=0):
    out = {}
    for name, member in schema.get("properties", {}).items():
        if draw.random() < (0.8 if name in schema.get("required", []) else 0.15):
            out[name] = value_for(member, draw, depth)
    if draw.random() < 0.1:
        out["nonsense"] = draw.choice(ODD)
    return out


def at_random(s):
    """Requests made of the server's own description: whatever it is, the server answers it, and never fails."""
    spec = s.ask("GET", "/openapi.json")[1]
    draw = random.Random(7)
    routes = [(m.upper(), p, x) for p, methods in spec["paths"].items() for m, x in methods.items()
              if not p.endswith("events")] # they go on for ever
    counts = {}
    c = s.connect(20)
    for i in range(N_RANDOM):
        method, path, route = routes[i % len(routes)]
        path = re.sub(r"\{\w+\}", lambda _: draw.choice(["a", "nobody", "persona", "..", "%2e%2e", "x" * 127, "x" * 128, "a.b", "_-"]), path)
        query = "&".join(f"{q['name']}={draw.choice(['', '1', '-1', 'x', '%00', 'a' * 99])}" for q in route.get("parameters", [])
                         if q["in"] == "query" and draw.random() < 0.5)
        kind, media = next(iter(route.get("requestBody", {}).get("content", {"": {}}).items()))
        data = draw.randbytes(99) if kind else None
        if kind == "application/json":
            body = object_for(media["schema"], draw)
            if "model" in media["schema"].get("properties", {}) or draw.random() < 0.2: # that nothing long begins
                body["model"] = draw.choice(["nobody", 3, ".."])
            data = json.dumps(body).encode()
        try:
            c.request(method, path + ("?" + query if query else ""), data, {"Content-Type": kind} if kind else {})
            r = c.getresponse()
            text = r.read()
        except (http.client.HTTPException, OSError) as e:
            raise AssertionError(f"{method} {path} {data}: {e!r}") from e
        counts[r.status] = counts.get(r.status, 0) + 1
        if r.status >= 500 and r.status != 503:
            raise AssertionError(f"{method} {path} {data} -> {r.status} {text}\n{s.lines[-2:]}")
    check(True, "all answered")
    well(s)
    print(f"random requests: {dict(sorted(counts.items()))}")


def smuggled(s):
    """What two programs could read differently is refused, and the connection closed."""
    hello = request("GET", "/health")
    for what, data, wanted in (
            ("two lengths", request("POST", CHAT, b"{}", "Content-Length: 2", "Content-Length: 3"), 400),
            ("length and coding", request("POST", CHAT, b"0\r\n\r\n", "Content-Length: 5", "Transfer-Encoding: chunked"), 400),
            ("a negative length", request("POST", CHAT, b"", "Content-Length: -1"), 400),
            ("a length that is none", request("POST", CHAT, b"", "Content-Length: 2x"), 400),
            ("a length beyond numbers", request("POST", CHAT, b"", "Content-Length: 99999999999999999999999"), 400),
            ("a body too large", request("POST", CHAT, b"", "Content-Length: 99999999999"), 413),
            ("a coding that is none", request("POST", CHAT, b"", "Transfer-Encoding: x"), 501),
            ("a chunk that is none", request("POST", CHAT, b"zz\r\n{}\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), 400),
            ("a header too large", request("GET", "/health", b"", "X: " + "y" * 40000), 431),
            ("many headers", request("GET", "/health", b"", *(f"X{i}: y" for i in range(4000))), 431),
            ("a long URL", request("GET", "/health?" + "x" * 40000), 414),
            ("no host", b"GET /health HTTP/1.1\r\n\r\n", 400),
            ("a version from afar", b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n", 505),
            ("an unknown method", request("BREW", "/health"), 405),
            ("no route", request("GET", "/nowhere"), 404)):
        got = raw(s, data + hello)
        check(status_of(got) == wanted, f"{what}: {got[:200]} instead of {wanted}")
        if wanted not in (404, 405):
            equal(len(re.findall(rb"HTTP/1.1 \d", got)), 1, f"{what}: what follows is not taken for a request")
    for what, data in (("noise", os.urandom(3000)), ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200),
                       ("nothing", b""), ("half a line", b"GET /hea"), ("NUL", b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n")):
        got = raw(s, data, finish=True)
        check(status_of(got) in (None, 400, 405), f"{what}: {got[:100]}")
    chunked = b"".join(b"1\r\n" + bytes([x]) + b"\r\n" for x in json.dumps(ASK).encode()) + b"0\r\n\r\n"
    equal(status_of(raw(s, request("POST", CHAT, chunked, "Transfer-Encoding: chunked"))), 200, "a body in chunks of a byte")
    well(s)


def pipelined(s):
    body = json.dumps(ASK).encode()
    post = request("POST", CHAT, body, f"Content-Length: {len(body)}")
    got = raw(s, request("GET", "/health") + post + request("GET", "/v1/models/nobody") + request("GET", "/health", b"", "Connection: close"))
    equal([int(x) for x in re.findall(rb"HTTP/1.1 (\d+)", got)], [200, 200, 404, 200], "replies in order")


# ---- time ----------------------------------------------------------------------------------------------------------------

def slow_sender(s):
    """A request that comes byte by byte keeps nobody from being answered."""
    body = json.dumps(ASK).encode()
    data = request("POST", CHAT, body, f"Content-Length: {len(body)}")
    with socket.create_connection(("127.0.0.1", s.port), timeout=30) as c:
        c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i, x in enumerate(data):
            c.send(bytes([x]))
            if i % 100 == 50:
                well(s)
            time.sleep(0.001)
        equal(status_of(c.recv(65536)), 200, "it is answered in the end")


def slow_reader(s):
    """A stream that is taken in byte by byte keeps nobody from being answered."""
    body = json.dumps({**LONG, "stream": True, "n": 8, "logprobs": True, "top_logprobs": 20, "probes": ["silly"] * 16}).encode()
    with socket.socket() as c:
        c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        c.connect(("127.0.0.1", s.port))
        c.sendall(request("POST", CHAT, body, f"Content-Length: {len(body)}"))
        for _ in range(5):
            check(len(c.recv(1)) == 1, "a byte")
            time.sleep(0.1)
        begun = time.time()
        equal(s.ask("POST", CHAT, {**ASK, "max_tokens": 20}, timeout=60)[0], 200, "others are answered")
        check(time.time() - begun < 40, "soon")
        check(len(c.recv(1)) == 1, "and it goes on")
    nobody_writes(s)


def half_closed(s):
    body = json.dumps({**LONG, "stream": True}).encode()
    begun = time.time()
    got = raw(s, request("POST", CHAT, body, f"Content-Length: {len(body)}"), finish=True, seconds=30)
    check(b"[DONE]" not in got, "a client that says no more counts as gone")
    check(time.time() - begun < 30, "soon")
    raw(s, request("POST", CHAT, b'{"mod', "Content-Length: 100"), finish=True)
    raw(s, b"POST / HTTP/1.1\r\nHo", finish=True)
    nobody_writes(s)
    well(s)


# ---- too many ------------------------------------------------------------------------------------------------------------

def full_queue():
    with serving("--queue", "2") as s:
        streams = [s.stream(CHAT, LONG) for _ in range(2)]
        for x in streams:
            next(x)
        status, r, headers = s.ask("POST", CHAT, ASK)
        equal((status, r["error"]["code"], r["error"]["type"], headers["Retry-After"]), (429, "queue_full", "rate_limit_error", "1"), f"{r}")
        status, r, _ = s.ask("POST", CHAT, {**ASK, "stream": True})
        equal(status, 429, "as a stream")
        for x in streams:
            x.close()
        nobody_writes(s)
        equal(s.ask("POST", CHAT, ASK)[0], 200, "when there is room again")


def storm():
    """Far more clients than the limits allow: each is answered or turned away, and afterwards all is well."""
    with serving("--connections", "40", "--per-client", "30") as s:
        results, lock = {}, threading.Lock()

        def one(i):
            try:
                result = s.ask("POST" if i % 8 == 0 else "GET", CHAT if i % 8 == 0 else "/health", ASK if i % 8 == 0 else None, timeout=30)[0]
            except (ConnectionError, http.client.HTTPException):
                result = "turned away"
            except OSError as e:
                result = repr(e)
            with lock:
                results[result] = results.get(result, 0) + 1
        threads = [threading.Thread(target=one, args=(i,)) for i in range(300)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        check(set(results) <= {200, 429, "turned away"} and results.get(200, 0) > 0, f"{results}")
        time.sleep(0.2)
        well(s)
        idle = [socket.create_connection(("127.0.0.1", s.port)) for _ in range(30)] # all that one client may have
        turned_away, until = False, time.monotonic() + 10
        while not turned_away and time.monotonic() < until:
            time.sleep(0.2)
            for i, c in enumerate(idle): # one that came while an earlier one still counted was turned away itself
                c.setblocking(False)
                try:
                    if c.recv(1) == b"":
                        raise ConnectionError
                except BlockingIOError:
                    continue
                except ConnectionError:
                    c.close()
                    idle[i] = socket.create_connection(("127.0.0.1", s.port))
            try:
                s.ask("GET", "/health", timeout=5)
            except (ConnectionError, http.client.HTTPException):
                turned_away = True
        check(turned_away, "one more than allowed")
        for c in idle:
            c.close()
        time.sleep(0.2)
        well(s)


def idle_thousand():
    n = 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * n + 100:
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * n + 100), hard))

    def resident():
        with open(f"/proc/{s.process.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+) kB", f.read())[1])

    def cpu():
        with open(f"/proc/{s.process.pid}/stat") as f:
            return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")
    with serving("--connections", "2000", "--per-client", "2000") as s:
        well(s)
        before = resident()
        open_ones = []
        for _ in range(n):
            c = s.connect(10)
            c.request("GET", "/health")
            equal(c.getresponse().read() != b"", True, "an answer")
            open_ones.append(c)
        each = (resident() - before) / n
        begun, used = time.time(), cpu()
        time.sleep(1)
        share = (cpu() - used) / (time.time() - begun)
        if "PERSONA_QUICK" not in os.environ:  # sanitizers have memory of their own
            check(each <= 64, f"{each:.1f} KB resident for a connection")
        check(share < 0.05, f"{100 * share:.1f} % of a core for nothing")
        print(f"{n} idle connections: {each:.1f} KB each, {100 * share:.1f} % of a core")
        well(s)
        for c in open_ones:
            c.close()


# ---- files ---------------------------------------------------------------------------------------------------------------

def vanished():
    """The file of a loaded model is removed, then replaced: what is loaded goes on."""
    path = os.path.join(TMP, "here.gguf")
    shutil.copy(os.path.join(SOURCE, "models", QWEN + ".gguf"), path)
    with serving("--model", path, "--only") as s:
        ask = {**ASK, "model": "here"}
        first = s.ask("POST", CHAT, ask)[1]["choices"]
        os.remove(path)
        equal(s.ask("POST", CHAT, ask)[1]["choices"], first, "without its file")
        equal(s.ask("GET", "/v1/models")[0], 200, "the list")
        with open(path + ".new", "wb") as f:
            f.write(b"no model")
        os.rename(path + ".new", path)
        equal(s.ask("POST", CHAT, ask)[1]["choices"], first, "with another in its place")
        equal(s.ask("POST", "/api/v1/models/here/unload", {})[0], 200, "unloaded")
        status, r, _ = s.ask("POST", CHAT, ask)
        check(status in (400, 503) and TMP not in json.dumps(r), f"what is no model: {status} {r}")
        os.remove(path)
        status, r, _ = s.ask("POST", CHAT, ask)
        check(status in (404, 503) and TMP not in json.dumps(r), f"what is not there: {status} {r}")
        well(s)


def cut_in_place():
    """The file of a loaded model is cut, then written anew, both in place: its answers fail, another model's go on."""
    path = os.path.join(TMP, "cut.gguf")
    shutil.copy(os.path.join(SOURCE, "models", QWEN + ".gguf"), path)
    with open(path, "rb") as f:
        whole = f.read()
    with serving("--model", path) as s:
        ask = {**ASK, "model": "cut"}
        first = s.ask("POST", CHAT, ask)[1]["choices"]
        job = s.ask("POST", "/api/v1/jobs/extract", {"model": QWEN, "trait": "silly", "questions": 8, "rollouts": 1, "max_tokens": 16, "calibrate": False})[1]["id"]
        other, running = s.stream(CHAT, LONG), s.stream(CHAT, {**LONG, "model": "cut"})
        next(other), next(running)
        os.truncate(path, 100000)
        last = list(running)[-1]
        equal(last != "[DONE]" and last.get("error", {}).get("type"), "unavailable_error", f"an answer under way: {last}")
        check("written to" in last["error"]["message"] and TMP not in json.dumps(last), f"{last}")
        check(next(other)["choices"], "another model's answer goes on")
        other.close()
        for _ in range(20):
            status, r, _ = s.ask("POST", CHAT, ask)
            check(status in (400, 503) and TMP not in json.dumps(r), f"a new one: {status} {r}")
        with open(path, "r+b") as f:
            f.write(whole)
        for _ in range(50): # the failed answer may still hold the model
            status, r, _ = s.ask("POST", CHAT, ask)
            if status == 200:
                break
            time.sleep(0.1)
        equal(status == 200 and r["choices"], first, "when the file is whole again")
        r = s.ask("GET", f"/api/v1/jobs/{job}")[1]
        check(r["state"] in ("queued", "running", "done"), f"another model's job: {r}")
        s.ask("POST", f"/api/v1/jobs/{job}/cancel")


def beside_healthy(s):
    """Fifteen answers run; what fails between them fails alone."""
    whole = "".join(c["delta"].get("content", "") for x in s.stream(CHAT, {**ASK, "max_tokens": 60, "ignore_eos": True})
                    if x != "[DONE]" for c in x["choices"])
    streams = [s.stream(CHAT, {**ASK, "max_tokens": 60, "ignore_eos": True}) for _ in range(15)]
    texts = ["".join(c["delta"].get("content", "") for c in next(x)["choices"]) for x in streams]
    for bad, status in (({"steering": "2*nothing"}, 404), ({"steering": "raw:silly:L99"}, 400), ({"grammar": "root ::= ("}, 400),
                        ({"probes": ["nothing"]}, 404), ({"messages": said("soup " * 9000)}, 400), ({"model": "nobody"}, 404)):
        got, r, _ = s.ask("POST", CHAT, {**ASK, **bad})
        equal(got, status, f"{list(bad)}: {r}")
    for i, x in enumerate(streams):
        for piece in x:
            texts[i] += "".join(c["delta"].get("content", "") for c in piece["choices"]) if piece != "[DONE]" else ""
    equal(set(texts), {whole}, "all of them are whole")


TEMPLATE = """{%- for m in messages -%}
{%- if 'raise' in m.content -%}{{ raise_exception('not this one') }}{%- endif -%}
{%- if 'endless' in m.content -%}{%- for i in range(100000) -%}{%- for j in range(100000) -%}{%- endfor -%}{%- endfor -%}{%- endif -%}
{%- if 'wrong' in m.content -%}{{ m.content.nothing.at_all }}{%- endif -%}
<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor -%}
<|im_start|>assistant
"""


def bad_template():
    """Fifteen answers run; a request that the chat template refuses, or never ends with, fails alone."""
    path = os.path.join(TMP, "template.jinja")
    with open(path, "w") as f:
        f.write(TEMPLATE)
    with serving("--slots", "16", "--model", os.path.join(SOURCE, "models", QWEN + ".gguf"), "--only", "--chat-template", path) as s:
        ask = {**ASK, "max_tokens": 200, "ignore_eos": True}
        streams = [s.stream(CHAT, ask) for _ in range(15)]
        texts = ["".join(c["delta"].get("content", "") for c in next(x)["choices"]) for x in streams]
        for word, what in (("raise", "not this one"), ("wrong", "template"), ("endless", "seconds"), ("raise", "not this one")):
            status, r, _ = s.ask("POST", CHAT, {**ASK, "messages": said(word)})
            equal(status, 400, f"{word}: {r}")
            check(what in r["error"]["message"] and TMP not in json.dumps(r), f"{word}: {r}")
            equal(s.ask("POST", CHAT, ASK)[0], 200, "the next request")
        for i, x in enumerate(streams):
            for piece in x:
                texts[i] += "".join(c["delta"].get("content", "") for c in piece["choices"]) if piece != "[DONE]" else ""
        equal((len(set(texts)), len(texts[0]) > 100), (1, True), "all of them are whole")


def full_disk():
    """Nothing can be written: a job is refused, and accepted when there is room again."""
    with serving() as s:
        n = len(s.ask("GET", "/api/v1/jobs")[1]["jobs"])
        body = {"model": QWEN, "trait": "silly", "questions": 4, "max_tokens": 8, "calibrate": False}
        soft, hard = resource.prlimit(s.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(s.process.pid, resource.RLIMIT_FSIZE, (1000, hard))
        status, r, _ = s.ask("POST", "/api/v1/jobs/extract", body)
        equal(status, 507, f"{r}")
        check(TMP not in json.dumps(r), "without a path")
        equal(s.ask("POST", CHAT, ASK)[0], 200, "answers need no disk")
        resource.prlimit(s.process.pid, resource.RLIMIT_FSIZE, (soft, hard))
        status, r, _ = s.ask("POST", "/api/v1/jobs/extract", body)
        equal(status, 202, f"{r}")
        equal(len(s.ask("GET", "/api/v1/jobs")[1]["jobs"]), n + 1, "only what was accepted is there")
        s.ask("POST", f"/api/v1/jobs/{r['id']}/cancel")


def refuses(code, pattern, *options, **env):
    r = subprocess.run([PERSONA, "serve", "--port", "0", *options], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       env={**os.environ, **env}, timeout=30)
    equal(r.returncode, code, r.stderr)
    check(re.search(pattern, r.stderr) and r.stderr.count("\n") == 1, r.stderr)


def locked():
    """Another process writes to the database and does not end: what wants to write is told so, and nothing is lost."""
    home = os.path.join(TMP, "locked")
    shutil.copytree(os.environ["XDG_DATA_HOME"], home)
    body = {"model": QWEN, "trait": "silly", "questions": 8, "rollouts": 2, "max_tokens": 24, "calibrate": False}
    with serving(env={"XDG_DATA_HOME": home}) as s:
        before = [[x["id"] for x in s.ask("GET", f"/api/v1/{what}")[1][what]] for what in ("jobs", "runs")]
        status, first, _ = s.ask("POST", "/api/v1/jobs/extract", {**body, "seed": 2})
        equal(status, 202, f"{first}")
        queued = s.ask("POST", "/api/v1/jobs/extract", body)[1]["id"]
        other = sqlite3.connect(os.path.join(home, "persona", "server.db"), isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        results = []

        def one(method, path, body):
            begun = time.time()
            status, r, headers = s.ask(method, path, body)
            results.append((path, status, headers["Retry-After"], time.time() - begun))
        threads = [threading.Thread(target=one, args=x) for x in
                   4 * [("POST", "/api/v1/jobs/extract", body)] + [("POST", f"/api/v1/jobs/{queued}/cancel", None)]]
        for t in threads:
            t.start()
        equal(s.ask("GET", "/api/v1/runs")[0], 200, "reading goes on")
        keeping = threading.Thread(target=one, args=("POST", CHAT, {**ASK, "store": True}))
        keeping.start()
        equal(s.ask("POST", CHAT, ASK)[0], 200, "answers are given")
        for t in threads:
            t.join()
        for path, status, later, took in results: # the one that is to be kept still waits
            equal((status, later), (503, "1"), path)
            check(4 < took < 9, f"{path}: together they wait no longer than one, not {took:.1f} s")
        r = s.ask("GET", "/api/v1/jobs")[1]["jobs"]
        equal([x["id"] for x in r], [queued, first["id"], *before[0]], "what was refused is not there")
        equal(r[0]["state"], "queued", "what could not be canceled is not")
        other.execute("ROLLBACK")
        keeping.join()
        equal(results[-1][:2], (CHAT, 200), "the answer that was to be kept")
        equal(s.ask("POST", f"/api/v1/jobs/{queued}/cancel")[0], 200, "now it can be canceled")
        while (r := s.ask("GET", f"/api/v1/jobs/{first['id']}")[1])["state"] in ("queued", "running"):
            time.sleep(0.05)
        equal(r["state"], "done", f"what was accepted: {r}")
        equal(len(s.ask("GET", "/api/v1/runs")[1]["runs"]), len(before[1]) + 1, "and the run that was to be kept")
    with serving(env={"XDG_DATA_HOME": home}) as s:
        equal([x["state"] for x in s.ask("GET", "/api/v1/jobs")[1]["jobs"][:2]], ["canceled", "done"], "after a restart")


def databases():
    home = os.path.join(TMP, "other")
    path = os.path.join(home, "persona", "server.db")
    os.makedirs(os.path.dirname(path))
    with open(path, "wb") as f:
        f.write(os.urandom(8192))
    refuses(65, "server.db", XDG_DATA_HOME=home)
    with open(path, "r+b") as f:
        f.write(b"SQLite format 3\0")
    refuses(65, "server.db", XDG_DATA_HOME=home)
    os.remove(path)
    os.mkdir(path)
    refuses(74, "server.db", XDG_DATA_HOME=home)
    os.rmdir(path)
    with serving(env={"XDG_DATA_HOME": home}) as s:
        refuses(69, "another persona serve", XDG_DATA_HOME=home)
        well(s)
    with serving(env={"XDG_DATA_HOME": home}) as s: # the first has gone
        well(s)


# ---- the end -------------------------------------------------------------------------------------------------------------

def ending():
    """SIGTERM: what runs is finished, nothing new begins, and the exit code is 0."""
    s = Server("--slots", "4")
    kept = s.connect()
    kept.request("GET", "/health")
    kept.getresponse().read()
    streams = [s.stream(CHAT, {**ASK, "max_tokens": 250, "ignore_eos": True}) for _ in range(3)]
    for x in streams:
        next(x)
    s.process.send_signal(signal.SIGTERM)
    time.sleep(0.4)
    kept.request("POST", CHAT, json.dumps(ASK), {"Content-Type": "application/json"})
    r = kept.getresponse()
    equal((r.status, r.getheader("Retry-After") is not None), (503, True), f"a new one: {r.read()}")
    try:
        s.connect(5).request("GET", "/health")
        check(False, "a new connection")
    except ConnectionError:
        check(True, "turned away")
    for x in streams:
        equal(list(x)[-1], "[DONE]", "what ran is finished")
    equal(s.process.wait(20), 0, "exit code")
    s = Server("--drain", "1")
    stuck = s.stream(CHAT, LONG)
    next(stuck)
    begun = time.time()
    s.process.send_signal(signal.SIGTERM)
    equal(s.process.wait(20), 0, "exit code")
    check(time.time() - begun < 15, "not for ever")


with serving("--slots", "16") as server:
    for part in (cut, at_random, smuggled, pipelined, slow_sender, slow_reader, half_closed, beside_healthy):
        begun = time.time()
        part(server)
        print(f"{part.__name__}: {time.time() - begun:.1f} s")
for part in (full_queue, storm, idle_thousand, vanished, cut_in_place, bad_template, full_disk, locked, databases, ending):
    begun = time.time()
    part()
    print(f"{part.__name__}: {time.time() - begun:.1f} s")
done()
