# SPDX-License-Identifier: MIT
# The steering language through the program: every operator acts, receipts say what was done, mistakes are told by
# column or field; a vector that knows nothing gets its dose and statistics.
source "$(dirname "$0")/_lib.sh"
need_models
need_python
few_questions 4

keys() {
    n_run=$((n_run + 1))
    python3 - "$out" "$1" <<'PY' || bad "not true: $1"
import json, math, sys
d = json.load(open(sys.argv[1]))
s = d.get("steering")
assert eval(sys.argv[2]), json.dumps(d)[:900]
PY
}
say() { expect 0 "$1" -- generate -m "$source_model" -p "What do you think of soup?" --temp 0 -n 24 --json --steer "$2"; }
no() { expect "$1" "$2" -- generate -m "$source_model" -p "What do you think of soup?" -n 4 --steer "$3"; }

expect 0 -- extract -m "$source_model" -t silly --questions "$few" -q
expect 0 -- extract -m "$source_model" -t poetic --questions "$few" -q --json
keys 'd["dose"] > 0'
expect 0 -- vector show silly -m "$source_model" --json
keys 'all(len(l["quantiles"]) == 9 and l["quantiles"] == sorted(l["quantiles"]) and l["token_sd"] > 0 for l in d["layers"])'

# sums, units, phases, groups; the receipt holds the canonical text
say "" "1.0*silly - 0.5*(poetic:final)"
keys 's["expression"] == "silly - 0.5*poetic:final" and s["unit"] == "dose" and s["n_steered"] > 0'
say "" "raw:0.5*silly@2-3:response"
keys 's["expression"] == "0.5*raw:silly@2-3:response" and s["unit"] == "raw" and s["layers"] == [2, 3]'
say "" '{"terms": [{"vector": "silly", "coefficient": 0.5, "blocks": [2, 3], "unit": "raw", "phases": ["response"]}]}'
keys 's["expression"] == "0.5*raw:silly@2-3:response"'
say "outside of its safe range" "40*silly"
keys '"safe range" in s["note"]'

# operators
say "" "ablate(silly)@3"
keys 's["unit"] == "none" and s["n_steered"] == 24'
say "" "cap(silly, 50)"
keys '0 < s["n_tokens"] < 24'
say "" "cap(silly, 99)"
keys 's["n_tokens"] < 24'
say "" "floor(silly, 90) + clamp(poetic, 1)@3 + 0.5*keepnorm(silly)@4 + rotate(poetic, 5)@4"
keys 's["n_steered"] > 24 and {3, 4} <= set(s["layers"]) and s["unit"] == "dose"'
say "" "hold(silly, 1)"
say "" "without(silly, poetic)@3 + along(poetic, silly)@3"
say "" "joint(silly@3 + poetic@3, 0.2):first=8"
keys 's["joint"][0]["vectors"] == ["silly", "poetic"] and s["joint"][0]["condition"] >= 1 and s["n_tokens"] <= 9 and abs(s["joint"][0]["cosines"][0][0] - 1) < 1e-5'

# windows and conditions; one that never holds is no error
say "" "silly:after=4:first=3"
keys 's["n_tokens"] == 3'
say "" "silly:syntax=off"
say "" "silly when poetic > 500"
keys 's["n_tokens"] == 0'
cp "$out" "$tmp/never"
expect 0 -- generate -m "$source_model" -p "What do you think of soup?" --temp 0 -n 24 --json
check "a condition that never holds changes nothing" python3 -c "import json
assert json.load(open('$tmp/never'))['text'] == json.load(open('$out'))['text']"
say "" "silly when poetic > -500"
keys 's["n_tokens"] > 10'
say "" "0*silly + ablate(poetic)"

# mistakes: the column, the field, the fix
no 64 "column 9: expected '\)'|column 1[01]" "cap(silly"
no 64 "column 7" "silly ; rm"
no 66 "column 9: no vector 'nobody'" "silly + nobody"
no 66 "terms\[0\]" '{"terms": [{"vector": "nobody"}]}'
no 64 "'terms\[0\].phase' is not known" '{"terms": [{"vector": "silly", "phase": ["final"]}]}'
no 64 "can do nothing" "0*silly"
no 64 "empty" ""
no 64 "waits? for itself" "silly when silly > 1"
no 64 "longer than 4096" "$(printf 'a%.0s' $(seq 5000))"
no 64 "16 parentheses" "$(printf '(%.0s' $(seq 40))a"
no 64 "finite" "1e999*silly"
no 64 "strength" "2*ablate(silly)"
no 64 "1 to 99" "cap(silly, 0)"

# The README's own examples.
n_examples=0
while IFS= read -r line; do
    say "" "$(sed 's/ \{2,\}.*//; s/ only while.*//' <<<"$line")"
    n_examples=$((n_examples + 1))
done < <(sed -n '/^```steer$/,/^```$/p' "$PERSONA_SOURCE_DIR/README.md" | grep -v '^```')
check "there are examples" test "$n_examples" -ge 6
"$PERSONA" generate --help >"$out"
check "--help tells of the language" grep -q "without(V" "$out"

# Recipes: a name for an expression.
expect 0 -- recipes list
expect 0 -- recipes save calm "0.5*silly + (ablate(poetic) when silly > 3)" -d "a test" --json
keys 'd["schema"] == "persona.recipes/1" and d["name"] == "calm"'
expect 64 "already.*--force" -- recipes save calm "silly"
expect 64 "cannot be the name" -- recipes save 'a b' "silly"
expect 64 "column 8" -- recipes save bad "silly +"
expect 0 -- recipes show calm
check "show prints the expression" test "$(cat "$out")" = "0.5*silly + (ablate(poetic) when silly > 3)"
say "" "calm"
keys 's["expression"] == "0.5*silly + (ablate(poetic) when silly > 3)"'
say "" "0.5*calm + raw:poetic@3"
keys 's["expression"] == "0.25*silly + (0.5*ablate(poetic) when silly > 3) + raw:poetic@3"'
no 64 "column 10: 'calm' is a recipe, which takes" "poetic + calm@3"
no 64 "cannot wait for itself" "calm when poetic > 0"
expect 64 "holds no other recipes" -- recipes save more "calm + poetic"
expect 64 "holds no other recipes" -- recipes save itself "0.5*itself"
expect 0 -- recipes export calm -o "$tmp/calm.json"
expect 0 -- recipes rm calm
# a damaged file does not hide the others, and can be removed
expect 0 -- recipes save kept "silly"
echo '{"schema": "persona.recipe/1", "name": "broken", "expression": "silly +"}' >"$XDG_DATA_HOME/persona/recipes/broken.json"
echo '{"schema": "persona.recipe/1", "name": "kept", "expression": "silly"}' >"$XDG_DATA_HOME/persona/recipes/alias.json"
expect 65 "@many|2 of 3 recipes cannot be read" -- recipes list
check "both are named" grep -q "broken.json: field 'expression'" "$err"
check "both are named" grep -q "alias.json: field 'name' is .kept." "$err"
check "the others are listed" grep -q "^kept *silly" "$out"
expect 65 "@many|2 of 3 recipes cannot be read" -- recipes list --json
check "the document names them" python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert [x["name"] for x in d["recipes"]] == ["kept"] and [x["name"] for x in d["damaged"]] == ["alias", "broken"] and "error" not in d, d' "$out"
expect 0 "column 8" -- recipes rm broken
expect 0 -- recipes rm alias --json
check "one that calls itself another is removed alone" test -e "$XDG_DATA_HOME/persona/recipes/kept.json" -a ! -e "$XDG_DATA_HOME/persona/recipes/alias.json"
expect 66 "no recipe" -- recipes rm broken
expect 0 -- recipes rm kept
expect 66 "no recipe 'calm'" -- recipes rm calm
no 66 "no vector 'calm'" "calm"
expect 0 -- recipes import "$tmp/calm.json"
expect 0 -- recipes list --json
keys 'len(d["recipes"]) == 1 and d["recipes"][0]["description"] == "a test"'
sed 's/persona.recipe/persona.receipt/' "$tmp/calm.json" >"$tmp/bad.json"
expect 65 "'schema'" -- recipes import "$tmp/bad.json"
sed 's/ablate(/ablate(((/' "$tmp/calm.json" >"$tmp/bad.json"
expect 65 "'expression' is no good: .*column" -- recipes import "$tmp/bad.json"
sed 's/"name"/"nom"/' "$tmp/calm.json" >"$tmp/bad.json"
expect 65 "'nom' is not known" -- recipes import "$tmp/bad.json"
expect 0 -- recipes save silly "poetic"
no 64 "column 1: 'silly' is ambiguous: a recipe, .*recipes/silly.json, and a vector of the library, .*silly.gguf" "silly"
expect 0 -- recipes rm silly
(cd "$tmp" && touch poetic && ! "$PERSONA" generate -m "$source_model" -p x -n 1 --steer poetic 2>"$err")
check "a file of that name in this folder is named" grep -q "'poetic' is ambiguous.*poetic.gguf, and a file" "$err"

# A vector of another program: nothing is known of it, and calibrate finds it out.
cp "$XDG_DATA_HOME"/persona/vectors/*/silly.gguf "$tmp/known.gguf"
expect 0 -- vector convert "$tmp/known.gguf" "$tmp/foreign.pt"
no 64 "no best block.*calibrate" "$tmp/foreign.pt"
no 64 "neutral traffic.*vector calibrate .*--model" "cap($tmp/foreign.pt, 75)@3"
expect 64 "model is missing" -- vector calibrate "$tmp/foreign.pt"
best=$("$PERSONA" vector show "$tmp/known.gguf" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["best_layer"])')
expect 0 -- vector calibrate "$tmp/foreign.pt" -m "$source_model" --questions "$few" --block "$best" -o "$tmp/made.gguf" --json -q
keys 'd["layer"] == '"$best"' and d["dose"] > 0 and d["safe_low"] < 0 < d["safe_high"] and d["safe_by"] == "fluency" and len(d["curve"]) > 5'
expect 0 -- vector show "$tmp/known.gguf" --json
cp "$out" "$tmp/shown"
expect 0 -- vector show "$tmp/made.gguf" --json
check "the dose of a vector that was extracted here, and where its tokens lie" python3 -c "import json, math
a, b = json.load(open('$tmp/shown')), json.load(open('$out'))
assert abs(math.log(a['dose'] / b['dose'])) < 0.5, (a['dose'], b['dose'])
x, y = ([l for l in d['layers'] if l['layer'] == $best][0] for d in (a, b))
assert abs(x['token_mean'] - y['token_mean']) < 0.5 * x['token_sd'], (x, y)"
say "" "cap($tmp/made.gguf, 50)"
expect 0 -- vector calibrate "$tmp/foreign.pt" -m "$source_model" --questions "$few" --judge none
check "without -o it is in the library" test -e "$(echo "$XDG_DATA_HOME"/persona/vectors/*/foreign.gguf)"
say "" "foreign + cap(foreign, 90)"
finish
