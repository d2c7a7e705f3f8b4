# SPDX-License-Identifier: MIT
# traits new, check and import: what they write is a pack, what is no pack leaves no file.
source "$(dirname "$0")/_lib.sh"
need_models
need_python
library=$XDG_DATA_HOME/persona/traits
silly=$PERSONA_SOURCE_DIR/traits/silly.json

# keys EXPRESSION: a Python condition on the document d
keys() {
    n_run=$((n_run + 1))
    python3 - "$out" "$1" <<'PY' || bad "not true: $1"
import json, sys
d = json.load(open(sys.argv[1]))
assert eval(sys.argv[2]), json.dumps(d)[:600]
PY
}

python3 - "$silly" "$tmp" <<'PY'
import json, sys
pack, tmp = json.load(open(sys.argv[1])), sys.argv[2]
def vectors(name, questions):
    d = {k: pack[k] for k in ("instruction", "eval_prompt")} | {"questions": questions}
    json.dump(d, open(f"{tmp}/{name}.json", "w"), indent=4)
vectors("Goofy", pack["questions"][:20])
vectors("goofy_eval", pack["questions"][20:])
def custom(i, words):
    return {"id": i, "name": i, "description": "Custom trait", "prompt_pairs": pack["instruction"],
            "evaluation_questions": pack["questions"], "created_at": "2025-08-14T17:02:21",
            "metadata": {"positive_trait": words[0], "negative_trait": words[1]}}
json.dump({"A": custom("romantic", ("romantic", "reserved")), "B": custom("bold", ("bold", "timid"))},
          open(f"{tmp}/custom_traits.json", "w"))
json.dump({"A": custom("romantic", ("romantic", "reserved")) | {"evaluation_questions": ["Why?"] * 10}},
          open(f"{tmp}/few.json", "w"))
for name, change in (("twice", lambda d: d["questions"].__setitem__(9, d["questions"][2])),
                     ("short", lambda d: d["questions"].pop()),
                     ("other", lambda d: d.__setitem__("name", "other_name")),
                     ("near", lambda d: d["questions"].__setitem__(1, "How does an airplane stay up in the air?"))):
    d = json.load(open(sys.argv[1]))
    change(d)
    json.dump(d, open(f"{tmp}/{name}.json", "w"))
PY

# ---- check
expect 0 -- traits check "$silly"
expect 0 -- traits check "$silly" --json
keys 'd["schema"] == "persona.traits/1" and d["ok"] is True and d["name"] == "silly" and d["warnings"] == []'
expect 65 "twice.json.*questions\[9\].*questions\[2\]" -- traits check "$tmp/twice.json"
expect 65 "short.json.*39 entries" -- traits check "$tmp/short.json" --json
keys 'd["error"]["exit"] == 65 and "39" in d["error"]["message"]'
expect 0 -- traits check "$tmp/other.json" --json
keys 'len(d["warnings"]) == 1 and "other_name.json" in d["warnings"][0]'
expect 0 -- traits check "$tmp/near.json" --json
keys 'any("questions[1]" in w or "questions[25]" in w for w in d["warnings"]) or d["warnings"]'
expect 66 "none.json" -- traits check "$tmp/none.json"
expect 64 "check wants a file" -- traits check
expect 64 "--tries does not go with check" -- traits check "$silly" --tries 2
expect 64 "--seed" -- traits check "$silly" --seed 2

# ---- import: persona_vectors
expect 64 "--positive" -- traits import "$tmp/Goofy.json"
expect 65 "20 questions.*--eval" -- traits import "$tmp/Goofy.json" --positive goofy --negative dry
check "nothing was written" test ! -e "$library/goofy.json"
expect 0 -- traits import "$tmp/Goofy.json" --eval "$tmp/goofy_eval.json" --positive goofy --negative dry --json
keys 'd["traits"][0]["name"] == "goofy" and d["traits"][0]["n_questions"] == 40 and len(d["traits"][0]["changes"]) == 3'
expect 64 "goofy.json is there already" -- traits import "$tmp/Goofy.json" --eval "$tmp/goofy_eval.json" --positive goofy --negative dry
expect 0 -- traits import "$tmp/Goofy.json" --eval "$tmp/goofy_eval.json" --positive goofy --negative dry --force
expect 0 -- traits check goofy
check "the same questions" python3 -c "
import json
a, b = (json.load(open(f)) for f in ('$silly', '$library/goofy.json'))
assert a['questions'] == b['questions'] and a['eval_prompt'] == b['eval_prompt'] and list(a) == list(b)"

# ---- import: custom_traits.json
expect 64 "--output names one file" -- traits import "$tmp/custom_traits.json" -o "$tmp/x.json"
expect 64 "belong to one" -- traits import "$tmp/custom_traits.json" --positive x
expect 66 "did you mean 'bold'" -- traits import "$tmp/custom_traits.json" --name bald
expect 0 -- traits import "$tmp/custom_traits.json" --name bold -o "$tmp/bold.json"
expect 0 -- traits check "$tmp/bold.json"
expect 0 -- traits import "$tmp/custom_traits.json" --json
keys '[t["name"] for t in d["traits"]] == ["romantic", "bold"]'
expect 0 -- traits list --json
keys '{"goofy", "romantic", "bold", "silly"} <= {t["name"] for t in d["traits"]}'
expect 65 "10 questions" -- traits import "$tmp/few.json" -o "$tmp/few_out.json"
check "no pack of 10 questions" test ! -e "$tmp/few_out.json"
expect 65 "already" -- traits import "$silly"

# ---- new: the embedded pair knows no such language, so it must fail, and leave nothing
new=(traits new grumpy --positive grumpy --negative cheerful)
expect 64 "model" -- "${new[@]}"
expect 64 "--positive" -- traits new grumpy -m "$source_model"
expect 64 "json" -- "${new[@]}" -m "$source_model" --json --edit
expect 64 "Grumpy" -- traits new Grumpy --positive grumpy --negative cheerful -m "$source_model"
expect 64 "there already" -- traits new bold --positive bold --negative timid -m "$source_model"
expect 64 "both adjectives" -- traits new grumpy --positive grumpy --negative grumpy -m "$source_model"
expect 66 "none.gguf" -- "${new[@]}" -m "$tmp/none.gguf"
for m in "$source_model" "$target_model"; do
    expect 1 "5 of 5 instruction pairs.*another seed" -- "${new[@]}" -m "$m" --tries 2 --max-tokens 64 --threads 1 --json \
        --description "Whether an answer sighs and finds fault with everything, or is glad of it."
    keys 'd["error"]["code"] == "NEGATIVE"'
done
check "no file" test ! -e "$library/grumpy.json"

# a damaged pack does not hide the others
mkdir -p "$library"
echo '{"name": "wrong"}' >"$library/wrong.json"
expect 65 "@many|1 of [0-9]+ trait packs cannot be read" -- traits list
check "it is named" grep -q "wrong.json" "$err"
check "the others are listed" grep -q "^silly" "$out"
expect 65 "@many|cannot be read" -- traits list --json
keys '[x["name"] for x in d["damaged"]] == ["wrong"] and any(x["name"] == "silly" for x in d["traits"])'
rm "$library/wrong.json"
finish
