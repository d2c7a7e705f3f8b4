# SPDX-License-Identifier: MIT
# Several replicas behind nginx, as docs/SCALE.md has it. Everything listens on this machine only.
source "$(dirname "$0")/_lib.sh"
need_models
need_python
if [[ -n ${PERSONA_QUICK:-} ]]; then
    echo "skipped: of a sanitizer's business nothing is here that serve.sh has not"
    exit 77
fi
PATH=$PATH:/usr/sbin
if ! command -v nginx >/dev/null; then
    echo "skipped: no nginx (tools/setup --dev)"
    exit 77
fi

few_questions 8
expect 0 -- extract --model "$source_model" --trait silly --questions "$few" --no-calibrate --judge "$PERSONA_SOURCE_DIR/models/judge.json"
chmod -R a-w "$XDG_DATA_HOME/persona/vectors"
export PYTHONDONTWRITEBYTECODE=1
n_run=$((n_run + 1))
python3 "$PERSONA_SOURCE_DIR/tests/cli/serve/replicas.py" "$tmp" >"$out" 2>"$err" || { bad "replicas"; tail -20 "$err"; cat "$tmp/nginx.log"; }
cat "$out"
chmod -R u+w "$XDG_DATA_HOME/persona/vectors"
finish
