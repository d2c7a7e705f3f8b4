# SPDX-License-Identifier: MIT
# persona serve as a client meets it: each tests/cli/serve/check_*.py asks a server that it starts itself.
source "$(dirname "$0")/_lib.sh"
need_models
need_python

few_questions 8
for model in "$source_model" "$target_model"; do
    expect 0 -- extract --model "$model" --trait silly --questions "$few" --no-calibrate --judge "$PERSONA_SOURCE_DIR/models/judge.json"
done
export PYTHONDONTWRITEBYTECODE=1
cp -r "$XDG_DATA_HOME" "$tmp/clean"
for script in "$PERSONA_SOURCE_DIR"/tests/cli/serve/check_*.py; do
    # Whole extractions and transfers are the pipelines' own tests under sanitizers.
    if [[ -n ${PERSONA_QUICK:-} && $script =~ check_(jobs|transfer|original_work)\.py$ ]]; then continue; fi
    n_run=$((n_run + 1))
    rm -rf "$XDG_DATA_HOME" && cp -r "$tmp/clean" "$XDG_DATA_HOME" # what one check leaves is not another's
    python3 "$script" "$tmp" >"$out" 2>"$err" || { bad "$(basename "$script")"; tail -20 "$err"; }
    tail -1 "$out"
done
expect 64 "reached from other machines" -- serve --host 0.0.0.0 --port 0
expect 64 "an address in numbers" -- serve --host localhost --port 0
expect 64 "wants a --model" -- serve --only --port 0
expect 66 "no such model" -- serve --model nowhere.gguf --port 0
finish
