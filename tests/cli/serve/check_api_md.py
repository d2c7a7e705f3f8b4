# SPDX-License-Identifier: MIT
"""The curl lines of docs/API.md do what it says, and its tables are the server's."""
import json, os, re, subprocess

from client import *

with open(os.path.join(SOURCE, "docs", "API.md"), encoding="utf-8") as f:
    text = f.read()
check(subprocess.run([os.path.join(SOURCE, "tools", "check-api"), PERSONA], stdout=subprocess.DEVNULL).returncode == 0,
      "docs/API.md is what the server says (tools/check-api --fix)")
with serving("--slots", "2") as server:
    described = {(m.upper(), p) for p, x in server.ask("GET", "/openapi.json")[1]["paths"].items() for m in x}
    listed = set(re.findall(r"^\| `([A-Z]+) ([^` ]+)` \|", text, re.M))
    equal(listed, described, "every route is in the tables")
    spec = subprocess.run([PERSONA, "__spec", "openapi"], capture_output=True, text=True)
    equal(set(json.loads(spec.stdout)["paths"]), {p for _, p in described}, "the description without a server")
    if subprocess.run(["curl", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        print("no curl: the lines were not run")
        blocks = []
    else:
        blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)
        check(len(blocks) > 4, "blocks of lines")
    for block in blocks:
        variables = {}  # what a line sets, for the lines behind it
        for command in re.findall(r"(?:.*\\\n|[^\n]*'\{\n(?:[^\n]*\n)*?[^\n]*\}'[^\n]*\n|[^\n]+\n)", block):
            command, _, wanted = command.rstrip("\n").partition("  # -> ")
            sets = re.match(r"(\w+)=", command)
            line = command.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
            line += f'; printf %s "${sets[1]}"' if sets else ""
            r = subprocess.run(["bash", "-eu", "-o", "pipefail", "-c", line], capture_output=True, text=True, cwd=TMP,
                               env={**os.environ, **variables})
            equal(r.returncode, 0, f"{line}: {r.stdout} {r.stderr}")
            check(wanted in r.stdout, f"{wanted!r} is in the reply of {line}: {r.stdout}")
            if sets:
                variables[sets[1]] = r.stdout
done()
