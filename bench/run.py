#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py - `make bench` and `make bench-real`: every case on every model, one JSON file, one table in docs/PERFORMANCE.md.

usage: bench/run.py [--set default|real|shapes] [--only CASE,...] [--models NAME,...] [--pairs N] [--seconds S]
                    [--threads N] [--limit MINUTES] [--list] [--table] [--dry]

Cases that are comparisons inside one process are build/release/bench/persona-bench; those that are whole programs
(start, extraction and transfer by phase, programs of others) are here. The results of a run replace those of the same
case and model in bench/results/SET.json; the others stay, each with its own date and commit, unless the machine, the
compiler or the version of persona or libllama is another. --table only writes the table anew, --dry changes no file. Real models are looked for in
PERSONA_BENCH_MODELS (a folder) and the user's library."""
import argparse, datetime, json, os, platform, re, resource, shutil, statistics, subprocess, sys, tempfile, threading, time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, "build", "release")
BENCH, PERSONA = os.path.join(BUILD, "bench", "persona-bench"), os.path.join(BUILD, "persona")
PAIR = {"persona-qwen2": "models/persona-qwen2.gguf", "persona-gpt-oss": "models/persona-gpt-oss.gguf"}
SETS = {"default": ["persona-qwen2", "persona-gpt-oss", "smollm2-135m-instruct"],
        "real": ["qwen2.5-coder-0.5b-instruct", "qwen2.5-coder-1.5b-instruct"],
        "shapes": ["qwen2.5-7b", "gpt-oss-20b"]}
# Case, what it measures, seconds a row gets in each set (more pairs while there is time), minutes after which it is
# given up: a case that is killed leaves no row, and the table says so.
CASES = [
    ("start", "from the start of the program to its first token", 3, 3),
    ("decode", "the scheduler beside llama_decode, 1 to 64 slots", 4, 5),
    ("steer", "1, 8 and 64 different plans in a batch of 64", 4, 5),
    ("probe", "reading along 1, 16 and 64 vectors", 4, 5),
    ("prompt", "prompts of 64, 256 and 1024 tokens", 4, 5),
    ("read", "texts whose activations are kept; early exit", 4, 5),
    ("map", "a map's fit beside the machine's matrix product", 6, 4),
    ("extract", "a whole extraction beside llama_decode of the same answers", 6, 10),
    ("dose", "a dose beside the reading of 100 texts", 6, 10),
    ("memory", "peak memory beyond libllama's", 0, 5),
    ("phases", "where an extraction and a transfer spend their time", 0, 8),
    ("outside", "llama-bench on the same model, where it is found", 0, 5),
]
# What a set leaves out, and why: it would take hours, or it belongs to one model.
ONCE = {"map": "without a model", "phases": "persona-qwen2"}
NOT_IN = {"real": {"map", "phases"}, "shapes": {"map", "phases", "dose", "extract"}}
TOO_LONG = {("default", "dose", "smollm2-135m-instruct"): "ten minutes; make bench-real measures doses of such models"}
MINUTES = {"default": 24, "real": 240, "shapes": 240}  # of a whole run; slow machines leave the last cases out


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- the machine -------------------------------------------------------------------------------------------------


def first_line(path, pattern):
    try:
        with open(path, encoding="utf-8") as f:
            for line in f:
                m = re.match(pattern, line)
                if m:
                    return m.group(1).strip()
    except OSError:
        pass
    return ""


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def machine():
    memory = first_line("/proc/meminfo", r"MemTotal:\s*(\d+)")
    return {"cpu": first_line("/proc/cpuinfo", r"model name\s*:\s*(.*)") or platform.processor(),
            "cores": len(os.sched_getaffinity(0)), "memory_gib": round(int(memory or 0) / 2**20, 1),
            "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"}


def versions():
    said = output(PERSONA, "--version")
    commit = output("git", "-C", TOP, "rev-parse", "--short=12", "HEAD")
    dirty = bool(output("git", "-C", TOP, "status", "--porcelain", "--", "src", "include", "bench", "cmake",
                        ":!bench/results"))
    cache = first_line(os.path.join(BUILD, "CMakeCache.txt"), r"CMAKE_C_COMPILER:\w+=(.*)") or "cc"
    compiler = output(cache, "--version").split("\n")[0]
    return {"persona": said, "commit": commit + ("+" if dirty else ""), "compiler": compiler}


def load():
    return round(os.getloadavg()[0], 2)


# ---- models ------------------------------------------------------------------------------------------------------


def folders():
    home = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    given = os.environ.get("PERSONA_BENCH_MODELS")
    return ([given] if given else []) + [os.path.join(home, "persona", "models"), os.path.join(TOP, "..", "models")]


def random_model(name):
    """A file of random weights in that shape, made once in build/; None where memory does not suffice."""
    path = os.path.join(BUILD, "shapes", name + ".gguf")
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        tool = os.path.join(BUILD, "tools", "random-model")
        if subprocess.run([tool, "--like", name, "-o", path]).returncode:
            return None
    return path


def find(name):
    if name in PAIR:
        return os.path.join(TOP, PAIR[name])
    if name in SETS["shapes"]:
        return random_model(name)
    for folder in folders():
        path = os.path.join(folder, name + ".gguf")
        if os.path.exists(path):
            return os.path.abspath(path)
    return name if os.path.exists(name) else None


# ---- rows --------------------------------------------------------------------------------------------------------


def spread(v):
    v = sorted(v)
    q = statistics.quantiles(v, n=4, method="inclusive") if len(v) > 1 else [v[0]] * 3
    return {"median": q[1], "least": v[0], "q1": q[0], "q3": q[2], "most": v[-1], "n": len(v)}


def value(id, ours, unit, v, yardstick=None, target=None):
    return {"id": id, "ours": ours, "yardstick": yardstick, "unit": unit, "target": target, "value": spread(v)}


def environment(scratch):
    env = dict(os.environ, XDG_DATA_HOME=os.path.join(scratch, "data"), XDG_CACHE_HOME=os.path.join(scratch, "cache"),
               PERSONA_DATA=TOP, NO_COLOR="1", LC_ALL="C.UTF-8")
    env.pop("COLUMNS", None)
    return env


def first_byte(command, env):
    """Seconds of wall and processor time from the start of a program to the first byte of its answer."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=env)
    got = os.read(p.stdout.fileno(), 1)
    seconds = time.perf_counter() - begun
    p.stdout.read()
    if p.wait() != 0 or not got:
        raise RuntimeError(f"{os.path.basename(command[0])} ended with {p.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def case_start(path, o, scratch):
    env = environment(scratch)
    say_it = ["-p", "Tell me something about soup.", "-n", "1", "--temp", "0", "--ignore-eos"]
    ours = [PERSONA, "generate", "-m", path, *say_it]
    vector = os.path.join(scratch, "start.gguf")
    made = subprocess.run([PERSONA, "extract", "-m", path, "-t", os.path.join(TOP, "traits/silly.json"), "-q", "--job",
                           "none", "--judge", "none", "--no-calibrate", "--questions", os.path.join(scratch, "q.json"),
                           "--max-tokens", "4", "-o", vector], env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL)
    steered = ours + ["--steer", f"0.1*{vector}"] if made.returncode == 0 else None
    bare, with_vector, cpu = [], [], []
    for command in (ours, steered):
        if command:
            first_byte(command, env)
    for i in range(max(7, o.pairs)):
        for command in ((ours, steered) if i % 2 else (steered, ours)):
            if command:
                seconds, used = first_byte(command, env)
                (bare if command is ours else with_vector).append(seconds)
                cpu += [used] if command is ours else []
    small = os.path.getsize(path) < 64 << 20
    rows = [value("start", "persona generate: from its start to its first token", "s", bare,
                  target=0.3 if small else None),
            value("start-cpu", "the same, processor time of the whole program", "s", cpu)]
    if steered:
        rows.append(value("start-steered", "the same, steered by a vector file", "s", with_vector,
                          target=0.3 if small else None))
    return rows


def stages(command, env, deadline):
    """Seconds of wall and processor time of every stage a command reports with -v, and of the rest."""
    p = subprocess.Popen(command + ["-v"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                         env=env, text=True)
    tick, found, before, begun = os.sysconf("SC_CLK_TCK"), {}, 0.0, time.perf_counter()
    last, clock = [], threading.Timer(max(deadline - time.monotonic(), 1), p.kill)
    clock.start()
    for line in p.stderr:
        last = (last + [line])[-5:]
        m = re.match(r"(\S.*?)\s+([0-9.]+) s(?:\s+\d+ tokens)?$", line)
        if m:
            try:
                with open(f"/proc/{p.pid}/stat") as f:
                    x = f.read().rsplit(")", 1)[1].split()
                cpu = (int(x[11]) + int(x[12])) / tick
            except (OSError, IndexError):
                cpu = before
            wall, used = found.get(m.group(1), (0.0, 0.0))
            found[m.group(1)] = (wall + float(m.group(2)), used + cpu - before)
            before = cpu
    clock.cancel()
    if p.wait() == -9:
        raise TimeoutError("its minutes were over")
    if p.returncode != 0:
        raise RuntimeError("".join(last).strip() or f"ended with {p.returncode}")
    total = time.perf_counter() - begun
    found["all"] = (total, before)
    found["the rest"] = (max(total - sum(w for k, (w, _) in found.items() if k != "all"), 0), 0)
    return found


def case_phases(path, o, scratch):
    env, rows = environment(scratch), []
    other = os.path.join(TOP, PAIR["persona-gpt-oss"])
    common = ["-t", os.path.join(TOP, "traits/silly.json"), "--job", "none"]
    commands = {"extraction": [PERSONA, "extract", "-m", path, *common, "-o", os.path.join(scratch, "v.gguf"),
                               "--questions", "6"],
                "transfer": [PERSONA, "transfer", "--from", path, "--to", other, *common, "--no-cache", "-o",
                             os.path.join(scratch, "t.gguf"), "--questions", "6", "--neutral", "20", "--map-questions",
                             "3", "--random", "3", "--draws", "2", "--max-tokens", "48", "--extract-tokens", "64"]}
    for name, command in commands.items():
        runs = [stages(command, env, o.deadline) for _ in range(3)]
        rows.append(value(f"phases-{name}", f"a whole {name}, made small (6 questions)", "s",
                          [r["all"][0] for r in runs]))
        for stage in runs[0]:
            if stage == "all":
                continue
            share = [100 * r.get(stage, (0, 0))[0] / r["all"][0] for r in runs]
            rows.append(value(f"phases-{name}-{stage.replace(' ', '-')}", f"{name}: {stage}", "% of its time", share))
            if runs[0][stage][1] > 0:
                rows[-1]["cpu_s"] = statistics.median(r.get(stage, (0, 0))[1] for r in runs)
    return rows


def witness():
    """llama-bench: PERSONA_LLAMA_BENCH (a command), else the one of the path."""
    given = os.environ.get("PERSONA_LLAMA_BENCH")
    return given.split() if given else ["llama-bench"] if shutil.which("llama-bench") else None


def case_outside(path, o, scratch):
    command = witness()
    if not command:
        raise LookupError("no llama-bench here (PERSONA_LLAMA_BENCH names one)")
    got = subprocess.run(command + ["-m", path, "-p", "128", "-n", "32", "-r", "7", "-o", "json", "-t",
                                    str(o.threads or min(8, len(os.sched_getaffinity(0))))],
                         capture_output=True, text=True, env=environment(scratch), stdin=subprocess.DEVNULL,
                         timeout=max(o.deadline - time.monotonic(), 1))
    if got.returncode:
        raise RuntimeError(f"llama-bench ended with {got.returncode}: {got.stderr[-200:]}")
    rows = []
    for x in json.loads(got.stdout):
        what = f"prompt of {x['n_prompt']}" if x["n_prompt"] else f"{x['n_gen']} tokens one by one"
        rows.append(value(f"outside-{'pp' if x['n_prompt'] else 'tg'}",
                          f"llama-bench (build {x['build_number']}): {what}", "tokens/s", x["samples_ts"]))
    return rows


def in_process(case, path, o, seconds, minutes):
    command = [BENCH, "--case", case, "--pairs", str(o.pairs), "--seconds",
               str(o.seconds if o.seconds is not None else seconds)]
    command += ["--model", path] if path else []
    command += ["--threads", str(o.threads)] if o.threads else []
    got = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, timeout=60 * minutes)
    if got.returncode:
        raise RuntimeError(f"persona-bench ended with {got.returncode}")
    return json.loads(got.stdout)["rows"]


BY_SCRIPT = {"start": case_start, "phases": case_phases, "outside": case_outside}


def measure(case, seconds, minutes, path, o):
    with tempfile.TemporaryDirectory(prefix="persona-bench-") as scratch:
        with open(os.path.join(scratch, "q.json"), "w", encoding="utf-8") as f:
            with open(os.path.join(TOP, "models/questions.json"), encoding="utf-8") as g:
                q = json.load(g)
            q["extraction"] = q["extraction"][:2]
            json.dump(q, f)
        if case in BY_SCRIPT:
            return BY_SCRIPT[case](path, o, scratch)
        return in_process(case, path, o, seconds, minutes)


# ---- results -----------------------------------------------------------------------------------------------------


def results_path(name):
    return os.path.join(TOP, "bench", "results", name + ".json")


def read_results(name):
    try:
        with open(results_path(name), encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        return None


def rounded(x):
    if isinstance(x, float):
        return float(f"{x:.5g}")
    if isinstance(x, dict):
        return {k: rounded(v) for k, v in x.items()}
    return [rounded(v) for v in x] if isinstance(x, list) else x


def merge(old, new):
    same = old and all(old.get(k) == new[k] for k in ("machine", "schema")) and \
        all(old["versions"].get(k) == new["versions"][k] for k in ("persona", "compiler"))
    if not same:
        if old:
            say("bench: another machine or version than before: the old results are dropped")
        return new
    done = {(r["case"], r["model"]) for r in new["results"]}
    kept = [r for r in old["results"] if (r["case"], r["model"]) not in done]
    order = [c[0] for c in CASES]
    new["results"] = sorted(kept + new["results"], key=lambda r: (order.index(r["case"]), r["model"]))
    return new


# ---- the table ---------------------------------------------------------------------------------------------------


def percent(s):
    return f"{100 * s['median']:.1f} % [{100 * s['least']:.1f}, {100 * s['most']:.1f}]"


def number(x):
    return f"{x:.3g}" if abs(x) < 100 else f"{x:.0f}"


def verdict(row):
    if not row.get("target"):
        return ""
    if "share" in row:
        met = row["share"]["median"] >= row["target"]
        return f"at least {100 * row['target']:.0f} %: {'met' if met else '**not met**'}"
    met = row["value"]["median"] <= row["target"]
    return f"at most {row['target']:g} {row['unit']}: {'met' if met else '**not met**'}"


def table(doc):
    """The part of docs/PERFORMANCE.md that belongs to one set."""
    m, v = doc["machine"], doc["versions"]
    out = [f"{m['cpu']}, {m['cores']} cores, {m['memory_gib']} GiB, {m['system']}; {v['persona']}, commit {v['commit']}, "
           f"{v['compiler']}. Measured {doc['date']}, load {doc['load'][0]} before and {doc['load'][1]} after.", ""]
    earlier = sorted({(r["commit"], r["date"], r["case"]) for r in doc["results"] if r["commit"] != v["commit"]})
    if earlier:
        out += ["Of earlier commits: " + ", ".join(f"{k} ({c}, {d})" for c, d, k in earlier) + ".", ""]
    for model in dict.fromkeys(r["model"] for r in doc["results"]):
        mine = [r for r in doc["results"] if r["model"] == model and r.get("rows")]
        shares = [(r, x) for r in mine for x in r["rows"] if "share" in x]
        values = [(r, x) for r in mine for x in r["rows"] if "value" in x]
        if shares or values:
            out += [f"#### {model}", ""]
        if shares:
            out += ["| ours | beside | ours, per second | speed, share of the yardstick | by processor time | n | target |",
                    "| --- | --- | --- | --- | --- | --- | --- |"]
            for _, x in shares:
                out.append(f"| {x['ours']} | {x['yardstick']} | {number(x['ours_rate']['median'])} "
                           f"{x['unit'].replace('/s', '').replace('per second', '')}".rstrip() +
                           f" | {percent(x['share'])} | {percent(x['cpu_share'])} | {x['share']['n']} | {verdict(x)} |")
            out.append("")
        if values:
            out += ["| what | value | n | target |", "| --- | --- | --- | --- |"]
            for _, x in values:
                s = x["value"]
                beside = f" {x['yardstick']}" if x["yardstick"] else ""
                cpu = f" ({number(x['cpu_s'])} s of processor time)" if "cpu_s" in x else ""
                out.append(f"| {x['ours']}{beside} | {number(s['median'])} {x['unit']} [{number(s['least'])}, "
                           f"{number(s['most'])}]{cpu} | {s['n']} | {verdict(x)} |")
            out.append("")
    left = [f"{r['case']} on {r['model']} ({r['left_out']})" for r in doc["results"] if r.get("left_out")]
    left += doc.get("left_out", [])
    if left:
        out += ["Left out: " + "; ".join(left) + ".", ""]
    return "\n".join(out)


def write_table(name, doc):
    path = os.path.join(TOP, "docs", "PERFORMANCE.md")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    begin, end = f"<!-- {name}: written by bench/run.py -->\n", f"<!-- {name}: end -->"
    if begin not in text or end not in text:
        sys.exit(f"bench: {path} lacks the marks of '{name}'")
    head, rest = text.split(begin, 1)
    tail = rest.split(end, 1)[1]
    with open(path + ".part", "w", encoding="utf-8") as f:
        f.write(head + begin + "\n" + table(doc) + "\n" + end + tail)
    os.replace(path + ".part", path)


# ---- the run -----------------------------------------------------------------------------------------------------


def cases_of(o):
    chosen = [c for c in CASES if not o.only or c[0] in o.only]
    unknown = set(o.only or []) - {c[0] for c in CASES}
    if unknown:
        sys.exit(f"bench: no case {', '.join(sorted(unknown))}; there are {', '.join(c[0] for c in CASES)}")
    return [c for c in chosen if o.only or c[0] not in NOT_IN.get(o.set, ())]


def plan(o):
    """Case by case, so that a run that is cut short has something of each model."""
    models, left = {}, []
    for name in o.models or SETS[o.set]:
        path = find(name)
        if path:
            models[os.path.basename(name).removesuffix(".gguf")] = path
        else:
            left.append(f"the model {name} (not found in PERSONA_BENCH_MODELS)")
    jobs = []
    for case, _, seconds, minutes in cases_of(o):
        if case == "map":
            jobs.append((case, seconds, minutes, ONCE["map"], None))
            continue
        for name, path in models.items():
            if (o.set, case, name) in TOO_LONG and not o.only:
                left.append(f"{case} on {name} ({TOO_LONG[o.set, case, name]})")
            elif case not in ONCE or name == ONCE[case]:
                jobs.append((case, seconds, minutes, name, path))
    return jobs, left


def run(o):
    jobs, left = plan(o)
    doc = {"schema": "persona.bench/1", "date": datetime.datetime.now(datetime.timezone.utc).strftime("%d %B %Y"),
           "machine": machine(), "versions": versions(), "load": [load(), None], "left_out": left, "results": []}
    begun = time.monotonic()
    for case, seconds, minutes, name, path in jobs:
        at = time.monotonic()
        result = {"case": case, "model": name, "date": doc["date"], "commit": doc["versions"]["commit"],
                  "load": [load(), None], "rows": []}
        say(f"{case}, {name}")
        try:
            rest = min(minutes, o.limit - (at - begun) / 60)
            if rest < 0.5:
                raise TimeoutError(f"{o.limit:g} minutes were over")
            o.deadline = at + 60 * rest
            result["rows"] = measure(case, seconds, rest, path, o)
        except subprocess.TimeoutExpired:
            result["left_out"] = f"not done after {rest:.0f} minutes"
        except (TimeoutError, LookupError, RuntimeError) as e:
            result["left_out"] = str(e)
        if result.get("left_out"):
            say(f"  left out: {result['left_out']}")
        result["load"][1], result["seconds"] = load(), time.monotonic() - at
        doc["results"].append(result)
        if not o.dry:
            keep(o.set, doc)
    say(f"{time.monotonic() - begun:.0f} s")
    failed = [r for r in doc["results"] if "ended with" in r.get("left_out", "")]
    return 1 if failed else 0


def keep(name, doc):
    doc["load"][1] = load()
    os.makedirs(os.path.dirname(results_path(name)), exist_ok=True)
    whole = merge(read_results(name), rounded(dict(doc)))
    with open(results_path(name) + ".part", "w", encoding="utf-8") as f:
        json.dump(whole, f, indent=1)
        f.write("\n")
    os.replace(results_path(name) + ".part", results_path(name))
    write_table(name, whole)


def main():
    p = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n\n")[0])
    p.add_argument("--set", default="default", choices=sorted(SETS))
    p.add_argument("--only", type=lambda s: s.split(","))
    p.add_argument("--models", type=lambda s: s.split(","))
    p.add_argument("--pairs", type=int, default=7)
    p.add_argument("--seconds", type=float)
    p.add_argument("--threads", type=int)
    p.add_argument("--limit", type=float)
    p.add_argument("--list", action="store_true")
    p.add_argument("--table", action="store_true")
    p.add_argument("--dry", action="store_true")
    o = p.parse_args()
    o.limit = o.limit or MINUTES[o.set]
    if o.list:
        for case, what, seconds, minutes in CASES:
            print(f"{case:8}  {what}; {seconds} s a row, at most {minutes} minutes")
        return 0
    if o.table:
        doc = read_results(o.set)
        if not doc:
            sys.exit(f"bench: no {results_path(o.set)}")
        write_table(o.set, doc)
        return 0
    return run(o)


sys.exit(main())
