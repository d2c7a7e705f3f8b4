# SPDX-License-Identifier: MIT
# persona verify: one page on a model, one document, and exit code 1 where something does not hold.
source "$(dirname "$0")/_lib.sh"
need_models
need_python

for model in "$source_model" "$target_model"; do
    expect 0 -- verify -m "$model" --json
    python3 - "$out" <<'PY' || bad "verify $model"
import json, math, sys
d = json.load(open(sys.argv[1]))
assert d["schema"] == "persona.verify/1" and d["ok"] is True and d["row_norm"] > 0 and d["seconds"] < 60
names = [c["name"] for c in d["checks"]]
for want in ("zero", "slots", "order", "control-vector", "replan-before", "replan-after", "ablated", "add", "ablate", "cap",
             "floor", "clamp", "keepnorm", "rotate", "hold", "condition"):
    assert want in names, want
assert all(c["ok"] and math.isfinite(c["value"]) and 0 <= c["value"] <= c["limit"] for c in d["checks"])
PY
done
expect 0 -- verify -m "$source_model" --vector "$PERSONA_SOURCE_DIR/tests/fixtures/old/silly.gguf" --block 2
check "all hold" grep -q "^All hold" "$out"
check "a page" test "$(awk 'length > 110' "$out" | wc -l)" = 0 -a "$(wc -l <"$out")" -lt 40
expect 65 "no direction at block 60" -- verify -m "$source_model" --block 60
expect 66 -- verify -m "$tmp/none.gguf"
expect 65 "wide" -- verify -m "$target_model" --vector "$PERSONA_SOURCE_DIR/tests/fixtures/old/silly.gguf"
finish
