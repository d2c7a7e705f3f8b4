# SPDX-License-Identifier: MIT
# What cannot be written is exit code 74, and leaves nothing behind; Ctrl-C is 130, likewise.
source "$(dirname "$0")/_lib.sh"
need_models
m=$source_model
quick=(-m "$m" -t silly --questions 4 --max-tokens 8 --judge none --no-calibrate)

to_full() { # ARGUMENT...
    n_run=$((n_run + 1))
    local got=0
    "$PERSONA" "$@" >/dev/full 2>"$err" || got=$?
    [[ $got == 74 ]] || bad "exit code $got, expected 74: persona $* > /dev/full"
}
if [[ -w /dev/full ]]; then
    to_full --help
    to_full --version
    to_full doctor
    to_full traits list --json
    to_full generate -m "$m" -p Hello -n 8
    to_full generate -m "$m" -p Hello -n 8 --json
    expect 74 "/dev/full" -- extract "${quick[@]}" -o /dev/full
fi
: >"$tmp/file"
expect 74 "$tmp/file" -- extract "${quick[@]}" -o "$tmp/file/v.gguf"
expect 74 "folder" -- extract "${quick[@]}" -o "$tmp"
expect 74 "$tmp/file" -- transfer --from "$m" --to "$target_model" -t silly -o "$tmp/file/v.gguf"
expect 74 "$tmp/file" -- demo --out "$tmp/file/there"

# A reader that goes away ends the program quietly.
n_run=$((n_run + 1))
"$PERSONA" traits list --json 2>"$err" | head -c 1 >/dev/null || true
[[ ! -s $err ]] || bad "a closed pipe is no error message"

# Ctrl-C: job control gives the job a SIGINT that is not ignored.
n_run=$((n_run + 1))
mkdir "$tmp/int"
set -m
"$PERSONA" extract -m "$m" -t silly -o "$tmp/int/v.gguf" >"$out" 2>"$err" &
pid=$!
sleep 2
kill -INT $pid
got=0
wait $pid || got=$?
set +m
[[ $got == 130 ]] || bad "Ctrl-C: exit code $got"
[[ -z $(ls -A "$tmp/int") ]] || bad "Ctrl-C left files: $(ls -A "$tmp/int")"
grep -q '^persona: ' "$err" || bad "Ctrl-C: no message"
finish
