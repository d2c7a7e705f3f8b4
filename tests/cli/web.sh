# SPDX-License-Identifier: MIT
# The page of persona serve in a browser: each web/tests/walk_*.mjs walks through a view and its real work. Wants node,
# the packages of `make web` and Chromium (`make test-web`). ONLY=NAME runs one walk.
source "$(dirname "$0")/_lib.sh"
need_models
need_python
if [[ -z ${PERSONA_WEB_TESTS:-} ]]; then
    echo "skipped: only by make test-web"
    exit 77
fi
if ! node --version >/dev/null 2>&1 || [[ ! -d $PERSONA_SOURCE_DIR/web/node_modules ]]; then
    echo "skipped: no node with the packages of the page (make test-web)"
    exit 77
fi
PERSONA_CHROMIUM=${PERSONA_CHROMIUM:-$(command -v chromium || :)}
if [[ -z $PERSONA_CHROMIUM ]]; then
    echo "skipped: no chromium (make test-web)"
    exit 77
fi
export PERSONA_CHROMIUM

if [[ -z ${PERSONA_WEB_DATA:-} ]]; then
    few_questions 10
    for model in "$source_model" "$target_model"; do # with all questions: what the walks steer with must work
        expect 0 -- extract --model "$model" --trait silly --judge "$PERSONA_SOURCE_DIR/models/judge.json"
    done
    expect 0 -- extract --model "$source_model" --trait superficial --questions "$few" --no-calibrate --judge "$PERSONA_SOURCE_DIR/models/judge.json"
    export PERSONA_WEB_DATA=$XDG_DATA_HOME
fi
for script in "$PERSONA_SOURCE_DIR"/web/tests/walk_${ONLY:-*}.mjs; do
    n_run=$((n_run + 1))
    begun=$SECONDS
    timeout 600 node "$script" >"$out" 2>"$err" || { bad "$(basename "$script")"; head -60 "$err"; }
    echo "$(basename "$script"): $(tail -1 "$out"), $((SECONDS - begun)) s"
done
finish
