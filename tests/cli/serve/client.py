# SPDX-License-Identifier: MIT
"""What the tests of the server share: starting one, asking it, counting checks."""
import contextlib, http.client, json, os, re, signal, subprocess, sys

PERSONA, SOURCE = os.environ["PERSONA"], os.environ["PERSONA_SOURCE_DIR"]
TMP = sys.argv[1] if len(sys.argv) > 1 else "/tmp"
QWEN, OSS = "persona-qwen2", "persona-gpt-oss"
n_checks = 0


def check(ok, what):
    global n_checks
    n_checks += 1
    if not ok:
        raise AssertionError(what)


def equal(got, want, what):
    check(got == want, f"{what}: {got!r} instead of {want!r}")


class Server:
    def __init__(self, *options, env=None):
        self.log = open(os.path.join(TMP, "serve.log"), "w+")
        self.process = subprocess.Popen([PERSONA, "serve", "--port", "0", *options], stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, env={**os.environ, **(env or {})}, text=True)
        self.port, self.lines = None, []
        for line in self.process.stderr:
            self.lines.append(line)
            found = re.search(r"listening on http://.*:(\d+) ", line)
            if found:
                self.port = int(found[1])
                break
        if self.port is None:
            raise AssertionError("the server did not start: " + "".join(self.lines))
        # what it says from here on must not fill the pipe
        import threading
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self):
        for line in self.process.stderr:
            self.lines.append(line)

    def connect(self, timeout=120):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method, path, body=None, headers=None, timeout=120):
        """(status, JSON or bytes, headers)"""
        c = self.connect(timeout)
        h = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            h.setdefault("Content-Type", "application/json")
        c.request(method, path, body, h)
        r = c.getresponse()
        data = r.read()
        c.close()
        kind = r.getheader("Content-Type", "")
        return r.status, json.loads(data) if kind.startswith("application/json") and data else data, r.headers

    def stream(self, path, body, headers=None):
        """Yields the data of each event as it comes, [DONE] last."""
        c = self.connect()
        c.request("POST", path, json.dumps({**body, "stream": True}),
                  {"Content-Type": "application/json", **(headers or {})})
        r = c.getresponse()
        if r.status != 200:
            raise AssertionError(f"{r.status}: {r.read()!r}")
        try:
            for line in r:
                line = line.decode().rstrip("\n")
                if line.startswith("data: "):
                    yield line[6:] if line == "data: [DONE]" else json.loads(line[6:])
        finally:
            c.close()

    def stop(self, expected=0):
        self.process.send_signal(signal.SIGTERM)
        equal(self.process.wait(60), expected, "exit code of the server")


@contextlib.contextmanager
def serving(*options, **more):
    s = Server(*options, **more)
    try:
        yield s
        s.stop()
    finally:
        if s.process.poll() is None:
            s.process.kill()
            s.process.wait()


def said(text, role="user"):
    return [{"role": role, "content": text}]


def done():
    print(f"{os.path.basename(sys.argv[0])}: {n_checks} checks")
