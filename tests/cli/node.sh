# SPDX-License-Identifier: MIT
# persona serve with the clients that users have: tests/node/check_*.cjs, with packages that `make test-node` fetches.
source "$(dirname "$0")/_lib.sh"
need_models
packages=$PERSONA_SOURCE_DIR/build/node/node_modules
if ! node --version >/dev/null 2>&1 || [[ ! -d $packages ]]; then
    echo "skipped: no node with these packages (make test-node)"
    exit 77
fi

few_questions 8
expect 0 -- extract --model "$source_model" --trait silly --questions "$few" --no-calibrate --judge "$PERSONA_SOURCE_DIR/models/judge.json"
export NODE_PATH=$packages
for script in "$PERSONA_SOURCE_DIR"/tests/node/check_*.cjs; do
    n_run=$((n_run + 1))
    node "$script" >"$out" 2>"$err" || { bad "$(basename "$script")"; head -40 "$err"; }
    echo "$(basename "$script"): $(tail -1 "$out")"
done
finish
