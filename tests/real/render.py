# SPDX-License-Identifier: MIT
"""Renders the conversation in FOLDER with the chat template there, by jinja2 with the settings of transformers.

usage: render.py FOLDER   reads template.jinja, messages.json, bos.txt and eos.txt; prints the prompt
"""
import json
import pathlib
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


folder = pathlib.Path(sys.argv[1])
read = lambda name: (folder / name).read_text(encoding="utf-8")
env = jinja2.sandbox.ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols])
env.filters["tojson"] = lambda x, indent=None: json.dumps(x, ensure_ascii=False, indent=indent)
env.globals["raise_exception"] = raise_exception
env.globals["strftime_now"] = lambda form: "01 January 2026"
text = env.from_string(read("template.jinja")).render(
    messages=json.loads(read("messages.json")), add_generation_prompt=True, tools=None,
    bos_token=read("bos.txt"), eos_token=read("eos.txt"))
sys.stdout.buffer.write(text.encode("utf-8"))
