# SPDX-License-Identifier: MIT
"""Models from a hub: fetched as a job; addresses are refused."""
import hashlib, os, random, subprocess, time

from client import *

FOLDER = os.path.join(os.environ["XDG_DATA_HOME"], "persona/models")
WEB = os.path.join(TMP, "hub")


def file_of(name, size):
    data = b"GGUF" + random.Random(name).randbytes(size)
    with open(os.path.join(WEB, name), "wb") as f:
        f.write(data)
    return data


def ended(s, job):
    until = time.time() + 60
    while time.time() < until:
        x = s.ask("GET", f"/api/v1/jobs/{job}")[1]
        if x["state"] not in ("queued", "running"):
            return x
        time.sleep(0.05)
    raise AssertionError(f"still {x['state']}: {x}")


def fetched(s, data):
    status, x, _ = s.ask("POST", "/api/v1/jobs/pull", {"source": "hf:maker/all:a.gguf"})
    equal(status, 202, f"{x}")
    equal((x["kind"], x["subject"]), ("pull", "hf:maker/all:a.gguf"), "what it is about")
    x = ended(s, x["id"])
    equal(x["state"], "done", f"{x}")
    equal(x["result"]["files"], [{"name": "a.gguf", "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(),
                                  "compared": True, "present": False}], "what came, without paths")
    with open(os.path.join(FOLDER, "a.gguf"), "rb") as f:
        check(f.read() == data, "the file")
    check("a" in [m["id"] for m in s.ask("GET", "/api/v1/models")[1]["models"]], "the server has it")
    check(any(n["words"] == "fetch a.gguf" for n in x["log"]), f"{x['log']}")


def refused(s):
    for source in ("https://example.org/a.gguf", "http://127.0.0.1:1/a.gguf", "file:///etc/passwd", "/etc/passwd", "", "hf:../..:a"):
        got, r, _ = s.ask("POST", "/api/v1/jobs/pull", {"source": source})
        check(got in (400, 404), f"{source}: {got} {r}")
    equal(s.ask("POST", "/api/v1/jobs/pull", {"source": "https://example.org/a.gguf"})[1]["error"]["param"], "source", "which field")
    x = ended(s, s.ask("POST", "/api/v1/jobs/pull", {"source": "hf:maker/all:nothing"})[1]["id"])
    equal((x["state"], x["result"]), ("failed", None), "no such file")
    check("nothing" in x["error"], x["error"])


os.makedirs(WEB)
data = file_of("a.gguf", 300000)
hub = subprocess.Popen([sys.executable, "-B", os.path.join(SOURCE, "tests/cli/fake_hub.py"), WEB], stdin=subprocess.PIPE,
                       stdout=subprocess.PIPE, text=True)
try:
    port = hub.stdout.readline().split()[0]
    proxies = {k: "" for k in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy")}
    with serving(env={**proxies, "HF_ENDPOINT": f"http://127.0.0.1:{port}/"}) as server:
        fetched(server, data)
        refused(server)
finally:
    hub.stdin.close()
    hub.wait()
done()
