# SPDX-License-Identifier: MIT
"""A file server that misbehaves on demand, for pull.sh: a hub, other hosts, and what goes wrong on the way.

usage: fake_hub.py FOLDER. It prints two ports of the loopback and ends with its stdin. The second port is another
host. Every request is one line of FOLDER/log: port, path, Range, If-Range, Authorization ("-": none). The first part of a path is the
scenario: /SCENARIO/.../NAME.gguf sends FOLDER/NAME.gguf. As a hub: /api/models/OWNER/REPO/tree/main, and
/OWNER/REPO/resolve/main/NAME.gguf, which redirects to the second port's /good/NAME.gguf.
"""
import hashlib
import http.server
import json
import os
import sys
import threading
import time
import urllib.parse

folder = sys.argv[1]
lock = threading.Lock()
counts = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, headers=(), body=b"", cut=None):
        """cut: close after so many bytes of the body"""
        self.send_response(status)
        for k, v in headers:
            self.send_header(k, v)
        if not any(k == "Content-Length" for k, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        get = self.headers.get
        with lock:
            n = counts[path] = counts.get(path, 0) + 1
            with open(os.path.join(folder, "log"), "a") as f:
                print(self.server.server_address[1], path, get("Range", "-"), get("If-Range", "-"), get("Authorization", "-"),
                      sep="|", file=f)
        try:
            self.answer(path, n)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def answer(self, path, n):
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            return self.listing("/".join(parts[2:4]), n)
        if "resolve" in parts:
            return self.resolve(parts)
        name = urllib.parse.unquote(parts[-1])
        with open(os.path.join(folder, name), "rb") as f:
            data = f.read()
        tag = '"' + hashlib.md5(data).hexdigest() + '"'
        say = getattr(self, "say_" + parts[0], None)
        return say(data, tag, n, path) if say else self.send(data, tag)

    def send(self, data, tag, cut=None, headers=()):
        """as a server does that knows ranges"""
        got, old = self.headers.get("Range"), self.headers.get("If-Range")
        headers = [("ETag", tag), *headers] if tag else list(headers)
        if not got or (old and old != tag):
            return self.reply(200, headers, data, cut)
        first = int(got.removeprefix("bytes=").split("-")[0])
        if first >= len(data):
            return self.reply(416, [("Content-Range", f"bytes */{len(data)}")])
        return self.reply(206, [*headers, ("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")], data[first:], cut)

    def listing(self, repo, n):
        if repo == "none/such":
            return self.reply(401)
        if repo == "busy/a" and n <= 2:
            return self.reply(503)
        if repo == "page/a":
            return self.reply(200, [("Content-Type", "text/html")], b"<html>log in</html>")
        if repo == "cut/a":
            return self.reply(200, [], b"[" * 1000, 10)
        files = [{"type": "directory", "path": "x", "size": 0}, {"type": "file", "path": "README.md", "size": 3}]
        for name in sorted(os.listdir(folder)):
            if name.endswith(".gguf") and (repo == "maker/all" or name.startswith(repo.split("/")[1])):
                with open(os.path.join(folder, name), "rb") as f:
                    data = f.read()
                files.append({"type": "file", "path": name, "size": len(data),
                              "lfs": {"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}})
        return self.reply(200, [("Content-Type", "application/json")], json.dumps(files).encode())

    def resolve(self, parts):
        name = urllib.parse.unquote(parts[-1])
        with open(os.path.join(folder, name), "rb") as f:
            data = f.read()
        sha = hashlib.sha256(data).hexdigest()
        if parts[0] == "liar":
            sha = "0" * 64
        return self.reply(302, [("Location", f"http://127.0.0.1:{ports[1]}/good/{parts[-1]}?key=secret"), ("X-Linked-Etag", f'"{sha}"'),
                                ("X-Linked-Size", str(len(data)))], b"Found.")

    # ---- faults: data, entity tag, how often this path was asked for, the path

    def say_cuts(self, data, tag, n, path):
        self.send(data, tag, None if n > 3 else len(data) // 5)

    def say_always(self, data, tag, n, path):
        self.send(data, tag, 1000)

    def say_cutonce(self, data, tag, n, path):
        self.send(data, tag, len(data) // 2 if n == 1 else None)

    def say_norange(self, data, tag, n, path):
        self.reply(200, [("ETag", tag)], data, len(data) // 2 if n == 1 else None)

    def say_notag(self, data, tag, n, path):
        self.send(data, None, len(data) // 2 if n == 1 else None)

    def say_weak(self, data, tag, n, path):
        self.send(data, "W/" + tag, len(data) // 2 if n == 1 else None)

    say_weak2 = say_weak

    def say_wrongrange(self, data, tag, n, path):
        if n == 1 or not self.headers.get("Range"):
            return self.send(data, tag, len(data) // 2 if n == 1 else None)
        self.reply(206, [("ETag", tag), ("Content-Range", f"bytes 0-{len(data) - 1}/{len(data)}")], data)

    def say_badrange(self, data, tag, n, path):
        if n == 1 or not self.headers.get("Range"):
            return self.send(data, tag, len(data) // 2 if n == 1 else None)
        self.reply(206, [("ETag", tag), ("Content-Range", "bytes here-there/all")], data)

    def say_changes(self, data, tag, n, path):
        """another file of the same size, If-Range obeyed"""
        if n == 1:
            return self.send(data[:-4] + b"old!", '"old"', len(data) // 2)
        self.send(data, tag)

    def say_changesloud(self, data, tag, n, path):
        """another file, If-Range ignored: only the tag says so"""
        if n == 1:
            return self.send(data[:4] + b"old!" + data[8:], '"old"', len(data) // 2)
        if self.headers.get("Range"):
            first = len(data) // 2
            return self.reply(206, [("ETag", tag), ("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")], data[first:])
        self.send(data, tag)

    def say_grows(self, data, tag, n, path):
        """another size under the same tag"""
        if n == 1:
            return self.reply(200, [("ETag", tag)], data[:-100], len(data) // 2)
        self.send(data, tag)

    def say_toolong(self, data, tag, n, path):
        """more bytes than the Content-Range says"""
        if n == 1 or not self.headers.get("Range"):
            return self.send(data, tag, len(data) // 2 if n == 1 else None)
        first = len(data) // 2
        self.reply(206, [("ETag", tag), ("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")], data[first:] + b"more")

    def say_busy(self, data, tag, n, path):
        if n <= 2:
            return self.reply(429 if n == 1 else 503, [("Retry-After", "1")])
        self.send(data, tag)

    def say_closed(self, data, tag, n, path):
        self.reply(503)

    def say_html(self, data, tag, n, path):
        self.reply(200, [("Content-Type", "text/html")], b"<!DOCTYPE html><title>Log in</title>" * 100)

    def say_gzip(self, data, tag, n, path):
        self.reply(200, [("Content-Encoding", "gzip")], data)

    def say_gone(self, data, tag, n, path):
        self.reply(404, body=b"no")

    def say_forbidden(self, data, tag, n, path):
        self.reply(403, body=b"no")

    def say_loop(self, data, tag, n, path):
        self.reply(302, [("Location", path)])

    def say_file(self, data, tag, n, path):
        self.reply(302, [("Location", "file:///etc/passwd")])

    def say_away(self, data, tag, n, path):
        self.reply(302, [("Location", f"http://127.0.0.1:{ports[1]}/good/{path.split('/')[-1]}")])

    def say_huge(self, data, tag, n, path):
        self.reply(200, [("ETag", tag), ("Content-Length", str(1 << 52))], data, 100)

    def say_twosizes(self, data, tag, n, path):
        self.reply(200, [("ETag", tag), ("X-Linked-Etag", '"' + hashlib.sha256(data).hexdigest() + '"'), ("X-Linked-Size", "17")], data)

    def say_drips(self, data, tag, n, path):
        """a tenth at a time"""
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        for i in range(0, len(data), 30000):
            self.wfile.write(data[i:i + 30000])
            time.sleep(.15)

    def say_slow(self, data, tag, n, path):
        """half at once, the rest after a while"""
        got = self.headers.get("Range")
        if got:
            return self.send(data, tag)
        self.send_response(200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:len(data) // 2])
        self.wfile.flush()
        for _ in range(80):
            time.sleep(.1)
        self.wfile.write(data[len(data) // 2:])


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


servers = [Server(("127.0.0.1", 0), Handler) for _ in range(2)]
ports = [s.server_address[1] for s in servers]
for s in servers:
    threading.Thread(target=s.serve_forever, daemon=True).start()
print(*ports, flush=True)
sys.stdin.read()
