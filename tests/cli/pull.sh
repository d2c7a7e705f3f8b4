# SPDX-License-Identifier: MIT
# persona models pull against a local server (fake_hub.py) that cuts, lies, changes and refuses.
source "$(dirname "$0")/_lib.sh"
need_python
web=$tmp/web
folder=$XDG_DATA_HOME/persona/models
mkdir -p "$web"
: >"$web/log"

# files of 300 kB that begin like GGUF
python3 - "$web" <<'PY'
import random, sys
for name in ("a", "b c", "two-Q4_K_M", "two-q8_0", "split-00001-of-00002", "split-00002-of-00002", "lone-00001-of-00002"):
    r = random.Random(name)
    open(f"{sys.argv[1]}/{name}.gguf", "wb").write(b"GGUF" + r.randbytes(300000 + len(name)))
PY
sum() { sha256sum "$1" | cut -d' ' -f1; }
sum_a=$(sum "$web/a.gguf")

coproc SERVER { exec python3 -B "$(dirname "$0")/fake_hub.py" "$web"; }
read -r port other <&"${SERVER[0]}"
base=http://127.0.0.1:$port
export HF_ENDPOINT=$base/
unset HF_TOKEN http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy

got() { cmp -s "$web/$1" "$folder/${2:-$1}"; }
clean() { rm -rf "$folder"; }
no_part() { ! ls "$folder"/*.part* >/dev/null 2>&1; }
log() { grep -Ec -- "$1" "$web/log"; }
keys() {
    n_run=$((n_run + 1))
    python3 - "$out" "$1" <<'PY' || bad "not true: $1"
import json, sys
d = json.load(open(sys.argv[1]))
assert eval(sys.argv[2]), json.dumps(d)[:900]
PY
}

# whole <scenario>: the very file comes out of it, and nothing else stays
whole() {
    clean
    expect 0 -- models pull --wait 0.05 "$base/$1/a.gguf"
    check "$1: the very file" got a.gguf
    check "$1: no part stays" no_part
}

# ---- a good server
expect 0 "a.gguf: 300 kB, SHA-256 $sum_a compared with nothing" -- models pull --wait 0.05 "$base/good/a.gguf?download=true"
check "the path is said" grep -qx "$folder/a.gguf" "$out"
check "the very file" got a.gguf
expect 0 "there already" -- models pull --wait 0.05 "$base/good/a.gguf" --json
keys 'd["schema"] == "persona.models/1" and d["files"][0]["present"] and d["files"][0]["size_bytes"] == 300005'
expect 0 "there already, SHA-256 as expected" -- models pull --wait 0.05 "$base/good/a.gguf" --sha256 "${sum_a^^}"
expect 65 "SHA-256 is $sum_a, expected 00.*--force" -- models pull --wait 0.05 "$base/good/a.gguf" --sha256 "$(printf '0%.0s' {1..64})"
expect 0 -- models pull --wait 0.05 "$base/good/a.gguf" --force --json
keys 'not d["files"][0]["present"] and d["files"][0]["n_kept"] == 0'
clean
expect 0 "as expected" -- models pull --wait 0.05 "$base/good/b%20c.gguf" --sha256 "$(sum "$web/b c.gguf")"
expect 64 "no SHA-256" -- models pull --wait 0.05 "$base/good/a.gguf" --sha256 "${sum_a:0:63}x"

# ---- connections that break, ranges that lie, files that change
for s in cuts cutonce norange notag weak wrongrange badrange changes changesloud grows toolong; do whole "$s"; done
check "a part is gone on with" test "$(log '\|/cutonce/a.gguf\|bytes=150002-\|"')" = 1
check "as often as needed" test "$(log '\|/cuts/a.gguf\|bytes=(60001|120002|180003)-\|"')" = 3
check "not without a tag" test "$(log '\|/(notag|weak)/a.gguf\|-\|-\|')" = 4
check "nor where ranges lie" test "$(log '\|/wrongrange/a.gguf\|-\|-\|')" = 2
clean
expect 0 "as expected" -- models pull --wait 0.05 "$base/weak2/a.gguf" --sha256 "$sum_a"
clean
expect 69 "given up after 3 tries: .*the same command goes on" -- models pull --wait 0.05 "$base/always/a.gguf" --tries 3
check "the part stays" test -s "$folder/a.gguf.part" -a -s "$folder/a.gguf.part.json"
check "the note does not hold secrets" test "$(grep -c "$base/always/a.gguf\"" "$folder/a.gguf.part.json")" = 1
n=$(stat -c %s "$folder/a.gguf.part")
cp "$folder/a.gguf.part" "$tmp/part"
expect 0 -- models pull --wait 0.05 "$base/good/a.gguf" --sha256 "$sum_a" --json
keys 'd["files"][0]["n_kept"] == 0'
check "a part of another address counts for nothing" got a.gguf
clean
expect 69 "given up" -- models pull --wait 0.05 "$base/always/a.gguf" --sha256 "$sum_a" --tries 1
expect 0 -- models pull --wait 0.05 "$base/good/a.gguf" --sha256 "$sum_a" --json
keys 'd["files"][0]["n_kept"] == 1000 and d["files"][0]["compared"]'
check "but for the same SHA-256 it does" got a.gguf
clean
expect 69 "given up" -- models pull --wait 0.05 "$base/always/a.gguf" --sha256 "$sum_a" --tries 1
printf 'GGUX' | dd of="$folder/a.gguf.part" conv=notrunc status=none
expect 65 "is no GGUF file|SHA-256" -- models pull --wait 0.05 "$base/good/a.gguf" --sha256 "$sum_a"
check "a damaged part is removed" no_part
expect 0 -- models pull --wait 0.05 "$base/good/a.gguf" --sha256 "$sum_a"

clean
expect 65 "damaged or another file: its SHA-256 is $sum_a, expected 00" -- models pull --wait 0.05 "$base/good/a.gguf" --sha256 "$(printf '0%.0s' {1..64})"
check "a wrong file does not stay" test -z "$(ls -A "$folder")"

# ---- servers that are busy or refuse
clean
t=$(date +%s%N)
expect 0 -- models pull --wait 0.05 "$base/busy/a.gguf"
check "Retry-After is obeyed" test $((($(date +%s%N) - t) / 1000000)) -ge 1900
check "after 429 and 503" got a.gguf
clean
expect 69 "given up after 2 tries: HTTP 503" -- models pull --wait 0.05 "$base/closed/a.gguf" --tries 2
check "nothing stays of nothing" no_part
expect 65 "is no GGUF file.*a page that wants a login" -- models pull --wait 0.05 "$base/html/a.gguf"
check "no page stays" no_part
expect 69 "packs it \(gzip\)" -- models pull --wait 0.05 "$base/gzip/a.gguf"
expect 66 "no such file there \(HTTP 404\)" -- models pull --wait 0.05 "$base/gone/a.gguf?key=secret"
check "no query in messages" test "$(grep -c secret "$err")" = 0
expect 69 "refuses it \(HTTP 403\)" -- models pull --wait 0.05 "$base/forbidden/a.gguf"
expect 69 "more than 10 redirects" -- models pull --wait 0.05 "$base/loop/a.gguf"
expect 69 "a redirect to an address that is not followed" -- models pull --wait 0.05 "$base/file/a.gguf"
expect 69 "given up after 1 tries: .*(refused|connect)" -- models pull --wait 0.05 "http://127.0.0.1:1/a.gguf" --tries 1
expect 74 "are still to come and the disk has room for" -- models pull --wait 0.05 "$base/huge/a.gguf"
expect 69 "said to have" -- models pull --wait 0.05 "$base/twosizes/a.gguf"
check "none of these leaves anything" test -z "$(ls -A "$folder")"

# ---- a disk that is full (a limit of the process's files stands for it), and no folder at all
n_run=$((n_run + 1))
code=0
(trap '' XFSZ; ulimit -f 128; exec "$PERSONA" models pull "$base/good/a.gguf" --wait 0.05 2>"$err" >"$out") || code=$?
[[ $code == 74 ]] && grep -q "cannot write: File too large; free some space" "$err" || bad "a full disk: $code"
check "what came stays" test "$(stat -c %s "$folder/a.gguf.part")" = 131072
expect 0 -- models pull --wait 0.05 "$base/good/a.gguf" --json
keys 'd["files"][0]["n_kept"] == 131072'
check "and is gone on with" got a.gguf
clean
mkdir -p "$folder"
ln -s "$tmp/elsewhere" "$folder/a.gguf.part"
expect 74 "a.gguf.part: cannot write" -- models pull --wait 0.05 "$base/good/a.gguf"
check "links are not followed" test ! -e "$tmp/elsewhere"

# ---- Ctrl-C, and two at once
clean
"$PERSONA" models pull "$base/slow/a.gguf" >"$out" 2>"$err" &
pid=$!
for _ in {1..100}; do [[ $(stat -c %s "$folder/a.gguf.part" 2>/dev/null) != 150002 ]] || break; sleep .05; done
cp "$err" "$tmp/err1"
expect 69 "is being fetched by another process" -- models pull --wait 0.05 "$base/good/a.gguf"
kill -INT "$pid" # background jobs ignore it: the next lines end it for good
kill "$pid"
wait "$pid" || true
n_run=$((n_run + 1))
code=0
python3 - "$PERSONA" "$base/slow/a.gguf" "$folder/a.gguf.part" 2>"$err" <<'PY' || code=$?
import os, signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
os.remove(sys.argv[3])
p = subprocess.Popen([sys.argv[1], "models", "pull", sys.argv[2]], stdout=subprocess.DEVNULL)
for _ in range(100):
    time.sleep(.05)
    if os.path.exists(sys.argv[3]) and os.path.getsize(sys.argv[3]) == 150002:
        break
p.send_signal(signal.SIGINT)
t = time.time()
code = p.wait(5)
sys.exit(code if time.time() - t < 2 else 99)
PY
[[ $code == 130 ]] && grep -q "interrupted; 0.00 of 0.00 GB stay in .*a.gguf.part, and the same command goes on" "$err" || bad "Ctrl-C: $code"
expect 0 -- models pull --wait 0.05 "$base/slow/a.gguf" --json
keys 'd["files"][0]["n_kept"] == 150002'
check "Ctrl-C lost nothing" got a.gguf

# ---- a line of progress on a terminal, none in a pipe
clean
n_run=$((n_run + 1))
python3 - "$PERSONA" "$base/drips/a.gguf" <<'PY' || bad "progress on a terminal"
import os, pty, re, sys
pid, fd = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execv(sys.argv[1], [sys.argv[1], "models", "pull", sys.argv[2]])
seen = b""
while True:
    try:
        got = os.read(fd, 4096)
    except OSError:
        break
    if not got:
        break
    seen += got
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, seen
text = seen.decode()
assert re.search(r"a\.gguf  .*%  [0-9]+ kB of 300 kB  [0-9.]+ kB/s  0:0[0-9] left", text), text
assert re.search(r"\r\x1b\[K.*SHA-256", text), text
PY
clean
expect 0 -- models pull "$base/good/a.gguf"
check "one line in a pipe" test "$(wc -l <"$err")" = 1

# ---- models in parts
clean
expect 0 -- models pull --wait 0.05 "$base/good/split-00002-of-00002.gguf" --json
keys '[f["name"] for f in d["files"]] == ["split-00001-of-00002.gguf", "split-00002-of-00002.gguf"]'
check "both parts" got split-00001-of-00002.gguf
check "both parts" got split-00002-of-00002.gguf
expect 64 "one file's, and this model has 2" -- models pull --wait 0.05 "$base/good/split-00001-of-00002.gguf" --sha256 "$sum_a"
expect 66 "404|no such file" -- models pull --wait 0.05 "$base/gone/lone-00001-of-00002.gguf"

# ---- the hub
clean
export HF_TOKEN=hf_secret
expect 0 "as expected" -- models pull --wait 0.05 hf:maker/a --json
keys 'd["files"][0]["compared"] and d["files"][0]["sha256"] == "'"$sum_a"'"'
check "the hub gets the token" test "$(log "^$port\|/maker/a/resolve/main/a.gguf\|.*Bearer hf_secret")" = 1
check "for its list, too" test "$(log "^$port\|/api/models/maker/a/tree/main\|.*Bearer hf_secret")" = 1
check "other hosts do not" test "$(log "^$other\|/good/a.gguf\|-\|-\|-")" = 1 -a "$(log "^$other\|.*secret")" = 0
clean
expect 0 -- models pull --wait 0.05 "$base/away/a.gguf"
check "nor by redirects" test "$(log "^$other\|.*secret")" = 0
HF_ENDPOINT=http://127.0.0.1:$other expect 0 -- models pull --wait 0.05 "$base/good/b%20c.gguf"
check "nor when another one is the hub" test "$(log "^$port\|/good/b%20c.gguf\|.*secret")" = 0
check "the token is nowhere" test "$(cat "$err" "$out" "$folder"/* | grep -ac hf_secret)" = 0
HF_TOKEN=$'x\r\nCookie: y' expect 64 "the hub's token" -- models pull --wait 0.05 hf:maker/a
unset HF_TOKEN
clean
expect 64 "maker/two has 2 such files, say which one: two-Q4_K_M.gguf, two-q8_0.gguf" -- models pull --wait 0.05 hf:maker/two
expect 0 -- models pull --wait 0.05 hf:maker/two:q4_k_m
check "a part of the name is enough" got two-Q4_K_M.gguf
expect 0 -- models pull --wait 0.05 hf:maker/two:two-q8_0.gguf
expect 66 "has no GGUF file like q5" -- models pull --wait 0.05 hf:maker/two:q5
expect 0 -- models pull --wait 0.05 hf:maker/split --json
keys 'len(d["files"]) == 2 and all(f["compared"] for f in d["files"])'
expect 66 "part 1 of 2 of a model only, not lone-00002-of-00002.gguf" -- models pull --wait 0.05 hf:maker/lone
expect 69 "the hub does not know it, or wants a token in HF_TOKEN" -- models pull --wait 0.05 hf:none/such
expect 66 "has no GGUF file" -- models pull --wait 0.05 hf:maker/nothing
expect 0 -- models pull --wait 0.05 hf:busy/a
check "a busy hub is asked again" got a.gguf
clean
expect 65 "the hub's list of files" -- models pull --wait 0.05 hf:page/a
expect 69 "the server refuses it|transfer closed|end of response" -- models pull --wait 0.05 --tries 2 hf:cut/a
expect 65 "the hub's file has the SHA-256 0000" -- models pull --wait 0.05 hf:liar/a
expect 66 "Qwen/Qwen2.5-7B-Instruct-GGUF has no GGUF file like q4_k_m" -- models pull --wait 0.05 Qwen2.5-7B-Instruct
expect 66 "ggml-org/gpt-oss-20b-GGUF has no GGUF file like f16" -- models pull --wait 0.05 gpt-oss-20b:f16

# ---- what is refused before anything is asked
: >"$web/log"
expect 64 "did you mean 'gpt-oss-20b'" -- models pull --wait 0.05 gpt-oss-20
expect 64 "hf: in front" -- models pull --wait 0.05 maker/a
for x in hf: hf:a hf:a/ hf:/a hf:../a hf:a/.. hf:a/b/c hf:a/b: "hf:a/b:../c.gguf" "hf:a/b:/c.gguf" "hf:a b/c" "hf:a/b?c"; do
    expect 64 "is no repository" -- models pull --wait 0.05 "$x"
done
expect 64 "is no URL" -- models pull --wait 0.05 ftp://host/a.gguf
expect 64 "name or password" -- models pull --wait 0.05 http://me:you@127.0.0.1/a.gguf
for x in a.bin %2e%2e%2fa.gguf .gguf .a.gguf -a.gguf a%00.gguf "" a%2.gguf; do
    expect 64 "does not end in the name of a .gguf file" -- models pull --wait 0.05 "$base/good/$x"
done
HF_ENDPOINT=nowhere expect 64 "is no URL" -- models pull --wait 0.05 hf:maker/a
check "nothing was asked" test ! -s "$web/log"
finish
