# SPDX-License-Identifier: MIT
# Wrong usage is exit code 64, one line on stderr, nothing on stdout; help is on stdout with code 0.
source "$(dirname "$0")/_lib.sh"

n_run=$((n_run + 1))
got=0
"$PERSONA" >"$out" 2>"$err" || got=$?
[[ $got == 64 ]] || bad "no command: exit code $got"
grep -q '^usage: persona COMMAND' "$err" || bad "no command: no usage on stderr"

expect 0 -- --help
check "--help names commands" grep -q '  extract ' "$out"
expect 0 -- help
expect 0 -- --version
check "--version" grep -Eq '^persona [0-9.]+ \(llama [0-9.]+, ggml [0-9.]+' "$out"
for command in demo doctor extract generate judge models traits transfer vector; do
    expect 0 -- "$command" --help
    check "$command --help on stdout" grep -q "^Usage: persona $command" "$out"
    check "$command --help on stderr" test ! -s "$err"
    expect 0 -- help "$command"
    expect 64 "^persona: unknown option '--nonsense'" -- "$command" --nonsense
    check "$command: stdout is empty" test ! -s "$out"
done

expect 64 "^persona: unknown command 'extrat'; did you mean 'extract'\?" -- extrat
expect 64 "unknown command 'xyzzy'" -- xyzzy
expect 64 "unknown command 'xyzzy'" -- help xyzzy
expect 64 "unknown option '-x' before the command" -- -x
expect 64 "unknown option '--modle'; did you mean '--model'\?" -- generate --modle x
expect 64 "unknown option '-Z'" -- generate -Z
expect 64 "option '--model' wants a value" -- generate --model
expect 64 "option '-m' wants a value" -- generate -m
expect 64 "option '--raw' takes no value" -- generate --raw=1
expect 64 "option '--control-vector-' is ambiguous" -- generate --control-vector- x
expect 64 "unexpected argument 'stray'" -- generate -m x -p y stray
expect 64 "--model is missing" -- generate -p y
expect 64 "--prompt is missing" -- generate -m x
expect 64 "--trait is missing" -- extract -m x
expect 64 "--to is missing" -- transfer --from x --trait silly
expect 64 "-n wants a whole number" -- generate -m x -p y -n 0
expect 64 "-n wants a whole number" -- generate -m x -p y -n 3x
expect 64 "--temp wants a number" -- generate -m x -p y --temp nan
expect 64 "--seed wants" -- generate -m x -p y --seed -1
expect 64 "--seed wants" -- generate -m x -p y --seed 4294967296
expect 64 "--color wants" -- doctor --color sometimes
expect 64 "control-vector-scaled wants a file and a scale" -- generate -m x -p y --control-vector-scaled f
expect 64 "control-vector-scaled wants a number" -- generate -m x -p y --control-vector-scaled f g
expect 64 "without a control vector" -- generate -m x -p y --control-vector-layer-range 1 2
expect 64 "do not mix" -- generate -m x -p y --control-vector f --steer silly
expect 64 "--coefficients wants LOW:HIGH:N" -- transfer --coefficients 2:1:5
expect 64 "must meet -1 and 1" -- transfer --coefficients 0:2:3
expect 64 "traits can list, show, new, check and import" -- traits drop
expect 64 "show wants the name" -- traits show
expect 64 "compare wants two vectors or more" -- vector compare a
expect 64 "show, explain, calibrate, compare, convert or combine" -- vector
expect 64 "not 'convrt'" -- vector convrt
expect 64 "convert wants one file to read and one to write" -- vector convert a
expect 64 "combine wants one expression" -- vector combine a b -o c.gguf
expect 64 "--output is missing" -- vector combine a
expect 64 "-o does not go with show: it belongs to calibrate and combine" -- vector show a -o b
expect 64 "--normalize does not go with show: it belongs to convert and combine" -- vector show a --normalize
expect 64 "--n-layer does not go with combine: it belongs to convert" -- vector combine a -o b --n-layer 3
expect 64 "--n-layer wants a whole number" -- vector convert a b --n-layer 0
expect 64 "names no trait" -- demo --traits ,

# With --json a failure is a document too.
expect 66 -- models info "$tmp/none.gguf" --json
check "a failing run prints one document" grep -q '"code": "NOTFOUND"' "$out"
finish
