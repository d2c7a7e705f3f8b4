#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# rpc.sh - layers on other hosts, played by two ggml-rpc-servers on this machine: the same texts, the same edits, the same readings as
# without them, and an end with a reason for whatever a host can do wrong. Skipped (77) where there is no server.

. "$(dirname "$0")/_lib.sh"
need_models
need_python
server=${PERSONA_RPC_SERVER:-$(command -v ggml-rpc-server || true)}
[[ -n $server ]] || { echo "skipped: no ggml-rpc-server"; exit 77; }

pids=()
stop() {
    ((${#pids[@]} == 0)) || kill -9 "${pids[@]}" 2>/dev/null || :
    wait 2>/dev/null || :
}
trap 'stop; rm -rf "$tmp"' EXIT

# serve NAME: a server on a free port, which becomes $port; its process $pid
serve() {
    for _ in 1 2 3; do
        port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        "$server" -H 127.0.0.1 -p "$port" -t 1 >"$tmp/$1.log" 2>&1 &
        pid=$!
        pids+=("$pid")
        for _ in $(seq 100); do
            if grep -q 'transport' "$tmp/$1.log"; then return; fi
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
    done
    cat "$tmp/$1.log"
    exit 1
}

# fake PYTHON: a server that accepts once and does as told with the connection c; its port becomes $port
fake() {
    rm -f "$tmp/port"
    python3 - "$tmp/port" "$1" <<'PY' &
import os, socket, struct, sys, time
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(5)
with open(sys.argv[1] + "~", "w") as f:
    f.write(str(s.getsockname()[1]))
os.rename(sys.argv[1] + "~", sys.argv[1])
c, _ = s.accept()
exec(sys.argv[2])
PY
    pids+=("$!")
    for _ in $(seq 100); do
        [[ -e $tmp/port ]] && break
        sleep 0.1
    done
    port=$(cat "$tmp/port")
}

serve one
one=127.0.0.1:$port
serve two
two=127.0.0.1:$port pid_two=$pid
hosts=$one,$two
accepted() { grep -c 'Accepted client' "$tmp/$1.log" || :; }

# ---- the same as without ---------------------------------------------------------------------------

vector=$PERSONA_SOURCE_DIR/tests/fixtures/old/silly.gguf
# alike MODEL ARGUMENT...: all that generate reports is the same, to the last bit where it is a number
alike() {
    local model=$1
    shift
    expect 0 -- generate -m "$model" -p "How do I start with chess?" --temp 0 -n 40 --threads 1 --json "$@"
    sed '/"seconds"/d' "$out" >"$tmp/local.json"
    expect 0 -- generate -m "$model" -p "How do I start with chess?" --temp 0 -n 40 --threads 1 --json --rpc "$hosts" "$@"
    sed '/"seconds"/d' "$out" >"$tmp/remote.json"
    check "the same text: $*" cmp "$tmp/local.json" "$tmp/remote.json"
}
before=$(accepted two)
alike "$source_model"
cp "$tmp/local.json" "$tmp/unsteered.json"
check "both hosts were asked" test "$(accepted two)" -gt "$before" -a "$(accepted one)" -gt 0
alike "$target_model"
alike "$source_model" --steer "raw:3*$vector@2-3"
check "it was steered" test "$(grep '"text"' "$tmp/remote.json")" != "$(grep '"text"' "$tmp/unsteered.json")"
alike "$source_model" --steer "ablate($vector)" --probe "$vector@2-5"
alike "$source_model" --gpu-layers 3 --steer "raw:3*$vector@2-3"
expect 0 -- generate -m "$source_model" -p "How do I start with chess?" --temp 0 -n 40 --threads 1 --json --rpc "$hosts" --device RPC1
sed '/"seconds"/d' "$out" >"$tmp/remote.json"
check "the same text on one of them" cmp "$tmp/unsteered.json" "$tmp/remote.json"

# What texts make of the blocks: `activations` takes the processor's kernels for narrow models, the hosts their best,
# so other last bits of sums are allowed here.
printf '%s\n' '{"prompt":"Tell me about bread. ","response":"Bread is baked from flour and water."}' \
    '{"messages":[{"role":"user","content":"What is rain?"}],"response":"Water that falls from clouds."}' >"$tmp/texts.jsonl"
for model in "$source_model" "$target_model"; do
    expect 0 -- activations -m "$model" "$tmp/texts.jsonl" --mode all -o "$tmp/local.safetensors"
    expect 0 -- activations -m "$model" "$tmp/texts.jsonl" --mode all -o "$tmp/remote.safetensors" --rpc "$hosts"
    python3 - "$tmp" <<'PY' || bad "activations"
import array, struct, sys
def rows(name):
    data = open(f"{sys.argv[1]}/{name}.safetensors", "rb").read()
    x = array.array("f")
    x.frombytes(data[8 + struct.unpack("<Q", data[:8])[0]:])
    return x
a, b = rows("local"), rows("remote")
far = (sum((x - y) ** 2 for x, y in zip(a, b)) / sum(x * x for x in a)) ** .5
assert len(a) == len(b) > 1000 and far < 0.01, far
PY
    expect 0 -- verify -m "$model" --rpc "$hosts"
    check "all hold" grep -q "^All hold" "$out"
done
expect 0 -- doctor --rpc "$hosts" --json
check "devices by name" python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert d["rpc"] is True and [x["text"] for x in d["devices"] if x["name"].startswith("RPC")] == sys.argv[2].split(",")' "$out" "$hosts"

# ---- wrong use, and hosts that are not what they should be -------------------------------------------

few=(generate -m "$source_model" -p x -n 2)
for wrong in "" , host :1 host: host:0 host:65536 host:x1 "$one," "[::1]:5"; do
    expect 64 "HOST:PORT|names no host" -- "${few[@]}" --rpc "$wrong"
done
expect 64 "no 'RPC9' here" -- "${few[@]}" --rpc "$one" --device RPC9
expect 69 "no IPv4 address of 'nowhere.invalid'" -- "${few[@]}" --rpc nowhere.invalid:50052
fake 'c.close(); s.close()'
expect 69 "127.0.0.1:$port: does not speak ggml's RPC" -- "${few[@]}" --rpc "127.0.0.1:$port"
expect 69 "127.0.0.1:$port: nobody answers there .start ggml-rpc-server" -- "${few[@]}" --rpc "127.0.0.1:$port"
fake 'c.recv(33); c.sendall(struct.pack("<Q", 28) + bytes([3, 6, 0, 0]) + bytes(24)); time.sleep(1)'
expect 69 "speaks version 3.6.0, this program [0-9.]+: both need the same ggml" -- "${few[@]}" --rpc "127.0.0.1:$port"
fake 'time.sleep(60)'
start=$SECONDS
expect 69 "no answer within 5 s" -- "${few[@]}" --rpc "127.0.0.1:$port"
check "it waits for no longer than it says" test $((SECONDS - start)) -lt 12

# Somebody else has the host: no waiting, and the server outlives a client that did not wait.
python3 - "$one" <<'PY' &
import socket, sys, time
host, port = sys.argv[1].split(":")
c = socket.create_connection((host, int(port)))
c.sendall(bytes([14]) + (24).to_bytes(8, "little") + bytes(24))
c.recv(36)
time.sleep(7)
PY
busy=$!
sleep 1
expect 69 "busy with another program" -- "${few[@]}" --rpc "$one"
wait "$busy"
expect 0 -- "${few[@]}" --rpc "$one"

# Without the backend; the private prefix has the processors' ones in a folder of links.
links=$(dirname "$server")
if compgen -G "$links/libggml-cpu-*.so" >/dev/null; then
    mkdir "$tmp/backends"
    cp "$links"/libggml-cpu-*.so "$tmp/backends/"
    PERSONA_BACKENDS_DIR=$tmp/backends expect 69 "RPC backend is not installed .*libggml0-backend-rpc" -- "${few[@]}" --rpc "$one"
fi

# ---- hosts that go away in the middle ----------------------------------------------------------------

# in_the_middle PATTERN ACTION...: something long, and meanwhile an action
in_the_middle() {
    local pattern=$1 got=0 before
    shift
    n_run=$((n_run + 1))
    before=$(accepted one)
    "$PERSONA" generate -m "$source_model" -p x --ignore-eos -n 200 --samples 400 --rpc "$hosts" --rpc-wait 3 >"$out" 2>"$err" </dev/null &
    local client=$!
    for _ in $(seq 100); do
        if [[ $(accepted one) -ge $((before + 2)) ]]; then break; fi # a look, then ggml's
        sleep 0.1
    done
    sleep 1
    "$@"
    wait "$client" || got=$?
    if [[ $got != 69 ]] || ! grep -q "$pattern" "$err"; then bad "exit code $got, expected 69 and '$pattern'"; fi
}
in_the_middle "a host of --rpc is silent" kill -STOP "$pid_two"
kill -CONT "$pid_two"
expect 0 -- "${few[@]}" --rpc "$hosts"
in_the_middle "a host of --rpc is gone: $two" kill -9 "$pid_two"
expect 0 -- "${few[@]}" --rpc "$one"
finish
