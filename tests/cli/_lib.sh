# SPDX-License-Identifier: MIT
#
# _lib.sh - what the black-box tests share. PERSONA is the program, PERSONA_SOURCE_DIR the source tree.
#
#   expect CODE [PATTERN] -- ARGUMENT...   runs the program; exit code, and an extended regular
#                                          expression that stderr must match
# After it, $out and $err are the two streams as files. finish prints the count and fails if any did.

set -eu
set -o pipefail
: "${PERSONA:?}" "${PERSONA_SOURCE_DIR:?}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export XDG_DATA_HOME="$tmp/xdg" XDG_CACHE_HOME="$tmp/cache" NO_COLOR=1 LC_ALL=C.UTF-8
out=$tmp/stdout err=$tmp/stderr
source_model=$PERSONA_SOURCE_DIR/models/persona-qwen2.gguf
target_model=$PERSONA_SOURCE_DIR/models/persona-gpt-oss.gguf
n_run=0 n_bad=0

bad() {
    n_bad=$((n_bad + 1))
    echo "FAILED: $*"
    sed 's/^/    stderr: /' "$err" | head -5
}

expect() {
    local code=$1 pattern= got=0
    shift
    if [[ $1 != -- ]]; then pattern=$1; shift; fi
    shift
    n_run=$((n_run + 1))
    "$PERSONA" "$@" >"$out" 2>"$err" </dev/null || got=$?
    if [[ $got != "$code" ]]; then
        bad "exit code $got, expected $code: persona $*"
    elif [[ -n $pattern ]] && ! grep -Eq -- "$pattern" "$err"; then
        bad "stderr does not match '$pattern': persona $*"
    elif [[ $code != 0 && $(grep -c . "$err") != 1 && $pattern != @many* ]]; then
        bad "an error is one line: persona $*"
    fi
}

# check TEXT CONDITION... : a condition of test(1), [ ... ] or any command
check() {
    local text=$1
    shift
    n_run=$((n_run + 1))
    "$@" >/dev/null 2>&1 || bad "$text"
}

need_models() {
    if [[ ! -e $source_model || ! -e $target_model ]]; then
        echo "skipped: no embedded pair"
        exit 77
    fi
}

need_python() {
    if ! python3 -c 'import json, struct' 2>/dev/null; then
        echo "skipped: no python3"
        exit 77
    fi
}

# few_questions N: $few becomes a question set with the first N of each list of the pair's, for tests of what
# happens, not of how much: blocks and doses are tried on every question of the set, 40 in the pair's own
few_questions() {
    few=$tmp/few.json
    python3 - "$PERSONA_SOURCE_DIR/models/questions.json" "$few" "$1" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
for k in ("extraction", "evaluation"):
    d[k] = d[k][:int(sys.argv[3])]
json.dump(d, open(sys.argv[2], "w"))
PY
}

# parts N NAME ARGUMENT...: runs every shard of N into $tmp/NAME-N-I.db, then merged into $tmp/NAME-N.db
parts() {
    local n=$1 name=$2 i
    shift 2
    for ((i = 0; i < n; i++)); do
        expect 0 -- "$@" --shard "$i/$n" --job "$tmp/$name-$n-%i.db"
    done
    expect 0 -- jobs merge "$tmp/$name-$n.db" "$tmp/$name-$n"-[0-9].db
    check "nothing is left beside $name-$n.db" test -z "$(find "$tmp" -name "$name-$n.db?*")"
}

finish() {
    echo "$n_run checks, $n_bad failed"
    [[ $n_bad == 0 ]]
}
