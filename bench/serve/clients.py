#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clients.py - streaming clients against two servers in turn: total tokens per second and time to first token.

usage: clients.py A_URL A_MODEL B_URL B_MODEL [--clients 1,8,16] [--tokens 64] [--rounds 7] [--steer NAME] [--fresh]
                  [--json]

Every round asks first one server, then the other (the order alternates), with the same prompts at the same time.
With --steer every request to A carries its own coefficient of that vector. Rounds ask the same questions, which both
servers remember; with --fresh each asks new ones. Before each server is asked the machine must have been idle for a
moment (threads of the other spin for some milliseconds after their work), but nobody waits for that longer than five
seconds. Printed are medians of the rounds and of the ratios A/B, with their range."""
import argparse, http.client, json, statistics, threading, time
from urllib.parse import urlparse

WORDS = "soup rivers chairs winter music bread bridges letters gardens trains cups islands clocks coats lamps doors".split()


class Client(threading.Thread):
    def __init__(self, url, model, i, tokens, steer, start, number):
        super().__init__()
        self.url, self.start_line = urlparse(url), start
        word = WORDS[i % len(WORDS)]
        self.body = {"model": model, "stream": True, "temperature": 0, "max_tokens": tokens, "ignore_eos": True,
                     "stream_options": {"include_usage": True},
                     "messages": [{"role": "user", "content": f"Tell me something about {word}, please ({number}{i})."}]}
        if steer:
            self.body["steering"] = f"{0.1 + 0.05 * i:.2f}*{steer}"
        self.first = self.n = None

    def run(self):
        c = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=600)
        c.connect()
        self.start_line.wait()
        begun = time.perf_counter()
        c.request("POST", "/v1/chat/completions", json.dumps(self.body), {"Content-Type": "application/json"})
        r = c.getresponse()
        if r.status != 200:
            raise SystemExit(f"{self.url.geturl()}: {r.status} {r.read()[:200]}")
        for line in r:
            if not line.startswith(b"data: {"):
                continue
            x = json.loads(line[6:])
            if self.first is None and any(c["delta"].get("content") or c["delta"].get("reasoning_content")
                                          for c in x["choices"]):
                self.first = time.perf_counter() - begun
            if x.get("usage"):
                self.n = x["usage"]["completion_tokens"]
        c.close()


def times():
    with open("/proc/stat") as f:
        x = [int(v) for v in f.readline().split()[1:9]]
    return x[3] + x[4], sum(x)


def wait_for_calm(least=0.9, span=0.3, patience=5):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        idle, total = times()
        time.sleep(span)
        idle2, total2 = times()
        if idle2 - idle >= least * (total2 - total):
            return


def once(url, model, n, tokens, steer, number):
    wait_for_calm()
    start = threading.Barrier(n + 1)
    clients = [Client(url, model, i, tokens, steer, start, number) for i in range(n)]
    for c in clients:
        c.start()
    start.wait()
    begun = time.perf_counter()
    for c in clients:
        c.join()
    seconds = time.perf_counter() - begun
    return sum(c.n for c in clients) / seconds, statistics.median(c.first for c in clients if c.first is not None)


def spread(xs):
    return {"median": statistics.median(xs), "low": min(xs), "high": max(xs)}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("urls", nargs=4)
    p.add_argument("--clients", default="1,8,16")
    p.add_argument("--tokens", type=int, default=64)
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--steer")
    p.add_argument("--fresh", action="store_true")
    p.add_argument("--json", action="store_true")
    o = p.parse_args()
    a, am, b, bm = o.urls
    rows = []
    for n in map(int, o.clients.split(",")):
        rate, first = [], []
        for i in range(o.rounds + 1):  # the first warms up
            sides = [(a, am, o.steer), (b, bm, None)]
            number = f"{n}.{i}." if o.fresh else ""
            got = [once(u, m, n, o.tokens, s, number) for u, m, s in (sides if i % 2 else sides[::-1])]
            got = got if i % 2 else got[::-1]
            if i:
                rate.append((got[0][0], got[1][0]))
                first.append((got[0][1], got[1][1]))
        rows.append({"clients": n, "tokens_per_second": [statistics.median(x[k] for x in rate) for k in (0, 1)],
                     "rate_ratio": spread([x / y for x, y in rate]),
                     "first_token_s": [statistics.median(x[k] for x in first) for k in (0, 1)],
                     "first_ratio": spread([x / y for x, y in first])})
    if o.json:
        print(json.dumps({"rounds": o.rounds, "tokens": o.tokens, "steered": bool(o.steer), "rows": rows}))
        return
    print("clients  tokens/s A     B      A/B [range]           first token A     B     A/B [range]")
    for r in rows:
        q, f = r["rate_ratio"], r["first_ratio"]
        print(f"{r['clients']:7d}  {r['tokens_per_second'][0]:9.1f} {r['tokens_per_second'][1]:8.1f}   "
              f"{q['median']:.2f} [{q['low']:.2f}, {q['high']:.2f}]   "
              f"{1e3 * r['first_token_s'][0]:9.1f} ms {1e3 * r['first_token_s'][1]:8.1f} ms  "
              f"{f['median']:.2f} [{f['low']:.2f}, {f['high']:.2f}]")


main()
