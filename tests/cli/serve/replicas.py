# SPDX-License-Identifier: MIT
"""Two replicas behind nginx by docs/scale/nginx.conf: shared read-only vectors, tokens as they come, live steering through the
proxy, and one replica that ends while clients go on. Its argument: a scratch folder whose xdg/ has the vectors."""
import os, re, shutil, socket, subprocess, threading, time

from client import *

VECTORS = os.path.join(TMP, "xdg", "persona", "vectors")
ASK = {"model": QWEN, "messages": said("What do you think of soup?"), "temperature": 0, "max_tokens": 24}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def replica(name, port=0):
    """A server with a data folder of its own, in which the vectors are one shared folder that nobody may write."""
    data = os.path.join(TMP, name)
    os.makedirs(os.path.join(data, "persona"), exist_ok=True)
    link = os.path.join(data, "persona", "vectors")
    if not os.path.islink(link):
        os.symlink(VECTORS, link)
    return Server("-m", os.path.join(SOURCE, "models", QWEN + ".gguf"), "--only", "--drain", "60", "--port", str(port),
                  env={"XDG_DATA_HOME": data})


class Proxy(Server):
    """nginx in front of two ports, by the file that the manual shows; asked like a server."""

    def __init__(self, one, two):
        self.port = free_port()
        with open(os.path.join(SOURCE, "docs/scale/nginx.conf"), encoding="utf-8") as f:
            text = f.read()
        for old, new in (("8001", one), ("8002", two), ("8000", self.port)):
            check(f"127.0.0.1:{old}" in text, f"the file names port {old}")
            text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:@{new}@")
        text = re.sub("@([0-9]+)@", r"\1", text)
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"): # a folder of its own, as root or not
            text = text.replace("access_log off;", f"access_log off; {kind}_temp_path {TMP}/nginx-{kind};", 1)
        conf = os.path.join(TMP, "nginx.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(text)
        self.process = subprocess.Popen(["nginx", "-p", TMP, "-c", conf, "-g", "daemon off; master_process off;"],
                                        stdin=subprocess.DEVNULL, stderr=open(os.path.join(TMP, "nginx.log"), "w"))
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                check(time.monotonic() < until and self.process.poll() is None, "nginx starts")
                time.sleep(0.05)


def running(s):
    return [r["id"] for r in s.ask("GET", "/api/v1/requests")[1]["requests"] if not r.get("ended")]


def shared(p, both):
    for s in both:
        equal([v["name"] for v in s.ask("GET", f"/api/v1/vectors?model={QWEN}")[1]["vectors"]], ["silly"], "the shared vector")
    steered = p.ask("POST", "/v1/chat/completions", {**ASK, "steering": "2*raw:silly"})
    equal(steered[0], 200, f"{steered[1]}")
    check(steered[1]["choices"][0]["message"]["content"], "a steered answer through the proxy")
    equal(p.ask("POST", "/v1/chat/completions", {**ASK, "steering": "1*nosuch"})[0], 404, "an error goes through, too")


class Long(threading.Thread):
    """A long stream through the proxy; keeps its events and when they came."""

    def __init__(self, p, seed, tokens, pace=None):
        super().__init__(daemon=True)
        self.paced = {"pace": pace} if pace else {}
        self.p, self.seed, self.tokens, self.failed = p, seed, tokens, None
        self.begun, self.many = threading.Event(), threading.Event()
        self.events, self.times = [], []

    def run(self):
        try:
            for x in self.p.stream("/v1/chat/completions", {**ASK, "temperature": 1, "seed": self.seed, "max_tokens": self.tokens,
                                                           "ignore_eos": True, **self.paced}):
                self.events.append(x)
                self.times.append(time.monotonic())
                if len(self.events) > 3:
                    self.begun.set()
                if len(self.events) > 12:
                    self.many.set()
        except Exception as e: # the main thread says it
            self.failed = e
        self.begun.set()

    @property
    def id(self):
        return self.events[0]["id"]

    def finish(self, ended=False):
        self.join(300)
        check(self.failed is None and not self.is_alive(), f"a stream that ends: {self.failed}")
        last = self.events[-1]
        check("error" in last if ended else last == "[DONE]", f"the last event: {last!r}")


def live(p, both):
    streams = [Long(p, i, 3800, pace=50) for i in range(4)] # 20 ms apart: on a fast machine, too, no two are one piece
    for s in streams:
        s.start()
    for s in streams:
        check(s.begun.wait(120) and s.failed is None, f"a stream begins: {s.failed}")
    at = [running(s) for s in both]
    equal(sorted(at[0] + at[1]), sorted(s.id for s in streams), "every answer is with one of them")
    equal((len(at[0]), len(at[1])), (2, 2), "least_conn shares them out")
    for s in streams:
        status, r, _ = p.ask("PATCH", f"/api/v1/requests/{s.id}/steering", {"steering": "2*raw:silly"})
        equal(status, 200, f"steered anew, wherever it runs: {r}")
    equal(p.ask("PATCH", "/api/v1/requests/chatcmpl-none/steering", {"steering": "silly"})[0], 404, "one that nobody has")
    for s in both:
        listed = s.ask("GET", "/api/v1/requests")[1]["requests"]
        check(listed and all("2*raw:silly" in json.dumps(r) for r in listed), f"steered so: {listed}")
    for s in streams:
        check(s.many.wait(120), f"a dozen tokens: {s.failed}")
    for s in streams:
        equal(p.ask("DELETE", f"/api/v1/requests/{s.id}")[0], 200, "ended, wherever it runs")
    for s in streams:
        s.finish(ended=True)
    for s in streams:
        check(s.times[-2] - s.times[0] > 0.3 * (s.times[-1] - s.times[0]), "tokens come one by one")
        check(len(set(round(t, 2) for t in s.times)) > 5, "and not in one piece")


def drain(p, both):
    """Clients go on asking while the second replica is told to end with two answers under way."""
    answers, stop = [], threading.Event()

    def client(i):
        n = 0
        while not stop.is_set():
            try:
                status, r, _ = p.ask("POST", "/v1/chat/completions", {**ASK, "seed": 100 * i + n})
                text = r["choices"][0]["message"]["content"] if status == 200 else r
            except Exception as e:
                status, text = 0, repr(e)
            answers.append((status, text))
            n += 1

    streams = [Long(p, 50 + i, 900) for i in range(4)]
    for s in streams:
        s.start()
    for s in streams:
        check(s.begun.wait(120) and s.failed is None, f"a stream begins: {s.failed}")
    clients = [threading.Thread(target=client, args=(i,), daemon=True) for i in range(3)]
    for c in clients:
        c.start()
    while len(answers) < 3:
        time.sleep(0.05)
    check(running(both[1]), "the one that is to end has answers under way")
    before = len(answers)
    both[1].process.send_signal(signal.SIGTERM)
    while both[1].process.poll() is None or len(answers) < before + 6:
        time.sleep(0.05)
    stop.set()
    for c in clients:
        c.join(120)
    for s in streams:
        s.finish()
    equal(both[1].process.wait(60), 0, "exit code of the one that ended")
    bad = [a for a in answers if a[0] != 200 or not a[1]]
    equal(bad, [], f"no answer is lost, of {len(answers)}")
    return len(answers)


def again(p, port):
    """A replica that comes back at its old port is used again once nginx looks."""
    s = replica("two", port)
    until, served = time.monotonic() + 60, 0
    while served == 0 and time.monotonic() < until:
        streams = [Long(p, i, 400) for i in range(2)]
        for x in streams:
            x.start()
        for x in streams:
            x.begun.wait(60)
        served = len(running(s))
        for x in streams:
            x.finish()
    check(served > 0, "it takes requests again")
    return s


def main():
    both = [replica("one"), replica("two")]
    port = both[1].port
    p = None
    try:
        p = Proxy(both[0].port, port)
        shared(p, both)
        live(p, both)
        n = drain(p, both)
        both[1] = again(p, port)
        p.stop()
        for s in both:
            s.stop()
        print(f"{n} short and 4 long answers during the drain, none lost")
    finally:
        for s in both + ([p] if p else []):
            if s.process.poll() is None:
                s.process.kill()
                s.process.wait()
    done()


main()
