# SPDX-License-Identifier: MIT
# Options are records: every one of them is described, checked against its type and range, and completed.
source "$(dirname "$0")/_lib.sh"
need_python

expect 0 -- __spec json
cp "$out" "$tmp/spec"
n_run=$((n_run + 1))
python3 - "$tmp/spec" >"$tmp/wrong" <<'PY' || bad "the records contradict themselves"
import json, sys
for c in json.load(open(sys.argv[1]))["commands"]:
    seen, short = set(), set()
    for o in c["options"]:
        where = (c["name"], o["name"])
        assert o["name"] not in seen and (not o["short"] or o["short"] not in short), where
        seen.add(o["name"]), short.add(o["short"])
        assert o["help"] or o["hidden"], where
        assert (o["argument"] is None) == (o["type"] == "flag"), where
        assert not (o["required"] and o["default"]), where
        if o["type"] == "number" or o["type"] == "count" or o["type"] == "integer" and "min" in o:
            assert o["min"] < o["max"], where
        if "words" in o:
            assert o["default"] in o["words"] + [None, "by the extension", "0 for CSV, 50 for JSON lines"], where
        if "min" in o or "words" in o or o["name"] == "seed":
            print(c["name"], "--" + o["name"], o["hidden"])
PY
check "options with a range were found" test "$(wc -l <"$tmp/wrong")" -gt 60
while read -r command option hidden; do
    expect 64 "^persona: $option wants .*, not 'x y'" -- "$command" "$option=x y"
    [[ $hidden == True ]] || check "$command --help says $option" grep -q -- "$option=" <("$PERSONA" "$command" --help)
done <"$tmp/wrong"

expect 64 "^persona: --method wants ridge, lowrank, procrustes, paired or anchors, not 'rigde'; did you mean 'ridge'\?" \
    -- transfer --method rigde
expect 64 "^persona: -n wants a whole number from 1 to 1048576, not '0'" -- generate -n 0
expect 64 "^persona: --max-tokens wants a whole number" -- generate --max-tok 0
expect 64 "^persona: --gpu-layers wants a whole number from 0 to 100000 or 'all', not 'some'" -- demo --gpu-layers some
expect 64 "device: no 'NoSuch' here" -- generate --model models/persona-qwen2.gguf --device NoSuch --prompt x
expect 64 "^persona: --seed does not go with list: it belongs to new" -- traits list --seed 1
expect 64 "^persona: --seed wants" -- traits new --seed -1
expect 64 "^persona: what to do: fit or show\?" -- map
expect 64 "^persona: list takes no name \('x'\); did you mean 'show'\?" -- jobs list x
expect 64 "^persona: more than 64 times --texts" -- transfer $(for i in {1..65}; do echo --texts f; done)
expect 64 "unknown command 'x'" -- __spec man x

# Completions, as bash asks for them.
expect 0 -- __spec bash
cp "$out" "$tmp/persona.bash"
complete_as() ( # WORD... : what the last word may become
    source "$tmp/persona.bash"
    COMP_WORDS=(persona "$@") COMP_CWORD=$#
    _persona
    echo "${COMPREPLY[*]}"
)
check "commands" test "$(complete_as tr)" = "transfer traits"
check "actions" test "$(complete_as vector co)" = "compare convert combine"
check "options" test "$(complete_as extract --min-)" = "--min-trait --min-coherence"
check "words" test "$(complete_as extract --method l)" = logistic
check "no file where a number is wanted" test -z "$(cd "$tmp" && complete_as extract --rollouts '')"
expect 0 -- __spec fish
check "fish" grep -q "from transfer' -l pairing -x -a 'response chunk'" "$out"
expect 0 -- __spec zsh
check "zsh" grep -q -- "'--pairing=\[.*\]:WHAT:(response chunk)'" "$out"

# Manual pages say what --help says; groff finds nothing to complain about where there is one.
for command in '' demo doctor extract generate jobs judge map models traits transfer vector; do
    expect 0 -- __spec man $command
    if command -v groff >/dev/null; then
        check "groff persona-$command.1" test -z "$(groff -man -Tutf8 -ww -z "$out" 2>&1)"
    fi
done

# every group that commands share is in the reference
"$PERSONA" __spec markdown >"$tmp/options.md"
grep -h "^Shared options: " "$tmp/options.md" | sed 's/^Shared options: //; s/\.$//; s/, /\n/g' | sort -u >"$tmp/groups"
while read -r group; do
    check "the reference has the shared options $group" grep -qx "## $group" "$tmp/options.md"
done <"$tmp/groups"
finish
