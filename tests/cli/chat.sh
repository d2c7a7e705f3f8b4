# SPDX-License-Identifier: MIT
# persona chat: from a pipe, on a terminal, its files.
source "$(dirname "$0")/_lib.sh"
need_models
need_python

# say LINES EXPECTED_CODE OPTION...: a chat fed from a pipe
say() {
    local lines=$1 code=$2 got=0
    shift 2
    n_run=$((n_run + 1))
    printf '%b' "$lines" | "$PERSONA" chat --model "$source_model" --max-tokens 24 "$@" >"$out" 2>"$err" || got=$?
    [[ $got == "$code" ]] || bad "exit code $got, expected $code: chat $lines"
}

few_questions 8
expect 0 -- extract --model "$source_model" --trait silly --questions "$few" --no-calibrate --judge "$PERSONA_SOURCE_DIR/models/judge.json"

say 'What do you think of soup?\n/steer raw:2*silly\n/regen\n/branch\n/undo\n/undo\n' 64 --seed 3
check "a command that fails in a pipe ends it" grep -q "nothing has been said yet\|^persona: " "$err"
say "What do you think of soup?\n/steer raw:2*silly\n/regen\n/branch 1\nAnd tea?\n/save $tmp/t.json\n" 0 --seed 3
check "three answers" test "$(grep -c . "$out")" -ge 3
check "the tree is in the file" python3 - "$tmp/t.json" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
t = d["turns"]
assert d["schema"] == "persona.chat/1" and [x["parent"] for x in t] == [-1, -1, 0] and d["at"] == 2
assert [x["steering"] for x in t] == [None, "raw:2*silly", "raw:2*silly"] and [x["seed"] for x in t] == [3, 4, 3]
assert t[0]["question"] == t[1]["question"] and t[0]["answer"] != t[1]["answer"]
PY
cp "$tmp/t.json" "$tmp/a.json"
say "What do you think of soup?\n/steer raw:2*silly\n/regen\n/branch 1\nAnd tea?\n/save $tmp/t.json\n" 0 --seed 3
check "the same talk is the same" cmp "$tmp/t.json" "$tmp/a.json"
say "/show\nMore?\n" 0 --load "$tmp/t.json" --json
check "JSON is the tree, one turn longer" python3 - "$out" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["schema"] == "persona.chat/1" and len(d["turns"]) == 4 and d["turns"][3]["parent"] == 2
assert d["turns"][3]["steering"] == "raw:2*silly"
PY
say "What do you think of soup?\n" 0 --steer "raw:2*silly" --compare --probe silly
check "the unsteered answer stands beside it" grep -q "^  unsteered " "$out"
check "the probe is read" grep -Eq "^silly +[-+]?[0-9.]+.* \(forecast" "$out"
say "/steer nobody\n" 66
say "/frob\n" 64
say "/show\n" 66 --load "$tmp/none.json"
say "" 0

# on a terminal: completion, an interrupted line, an interrupted answer, the end
cat >"$tmp/terminal.py" <<'PY'
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(TERM="xterm", LC_ALL="C.UTF-8")
    os.execv(sys.argv[1], [sys.argv[1], "chat", "--model", sys.argv[2], "--max-tokens", "20000", "--no-history"])
seen = b""
def wait(text, seconds=60):
    global seen
    end = time.time() + seconds
    while text not in seen:
        if time.time() > end or not select.select([fd], [], [], 1)[0] and time.time() > end:
            sys.exit(f"no {text!r} in {seen[-400:]!r}")
        try:
            seen += os.read(fd, 4096)
        except OSError:
            sys.exit(f"ended before {text!r}: {seen[-400:]!r}")
    seen = seen[seen.index(text) + len(text):]
def prompt(): wait(b"\n> ")
def send(text):
    os.write(fd, text)
wait(b"> ")
send(b"/sys\tBe brief.\r"); prompt()
send(b"/system\r"); wait(b"Be brief."); prompt()
send(b"half a line"); time.sleep(0.3); send(b"\x03"); prompt()
send(b"/regen\r"); wait(b"nothing has been said yet"); prompt()
send(b"What do you think of soup?\r"); wait(b"\r\n"); time.sleep(0.5); send(b"\x03"); prompt()
send(b"/branch\r"); wait(b"soup"); prompt()
# an end that is typed while an answer is printed is lost, as in every line editor: it is typed again
end, sent = time.time() + 30, 0
while time.time() < end:
    if time.time() > sent + 1:
        sent = time.time()
        try:
            send(b"\x04")
        except OSError:
            pass
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        sys.exit(os.waitstatus_to_exitcode(status))
    try:
        os.read(fd, 4096) if select.select([fd], [], [], 0.1)[0] else None
    except OSError:
        pass
sys.exit("did not end")
PY
n_run=$((n_run + 1))
python3 "$tmp/terminal.py" "$PERSONA" "$source_model" 2>"$err" || bad "on a terminal"
finish
