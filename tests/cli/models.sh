# SPDX-License-Identifier: MIT
# persona models list, info and rm: damaged files, models in parts, vectors, links and names that are paths.
source "$(dirname "$0")/_lib.sh"
need_models
need_python
folder=$XDG_DATA_HOME/persona/models
mkdir -p "$folder"
make_gguf=$(dirname "$0")/make_gguf.py

keys() {
    n_run=$((n_run + 1))
    python3 - "$out" "$1" <<'PY' || bad "not true: $1"
import json, sys
d = json.load(open(sys.argv[1]))
m = {x["name"]: x for x in d.get("models", []) if "/xdg/" in x["path"]}
assert eval(sys.argv[2]), json.dumps(m or d)[:900]
PY
}

# ---- list
cp "$source_model" "$folder/whole.gguf"
head -c 3000000 "$source_model" >"$folder/cut.gguf"
head -c 3000 "$source_model" >"$folder/header.gguf"
echo "<html>log in</html>" >"$folder/page.gguf"
: >"$folder/empty.gguf"
: >"$folder/half.gguf.part"
python3 "$make_gguf" vector "$folder/vector.gguf" 8 3
python3 "$make_gguf" vocab "$source_model" "$folder/vocab.gguf"
python3 "$make_gguf" split "$source_model" "$folder/split" 3
python3 "$make_gguf" split "$source_model" "$folder/lost" 3
rm "$folder/lost-00002-of-00003.gguf"
python3 "$make_gguf" split "$source_model" "$folder/tail" 2
rm "$folder/tail-00001-of-00002.gguf"

expect 0 -- models list --json
keys 'len(m) == 10'
keys 'm["whole.gguf"]["arch"] == "qwen2" and m["whole.gguf"]["quant"] == "BF16" and m["whole.gguf"]["fault"] is None'
keys 'm["whole.gguf"]["n_layer"] == 7 and m["whole.gguf"]["n_embd"] == 192 and m["whole.gguf"]["vectors"] == []'
keys '"cut off" in m["cut.gguf"]["fault"] and m["cut.gguf"]["arch"] == "qwen2" and m["cut.gguf"]["vectors"] is None'
keys '"runs over the end" in m["header.gguf"]["fault"]'
keys '"not a GGUF file" in m["page.gguf"]["fault"] and "too short" in m["empty.gguf"]["fault"]'
keys '"control vector" in m["vector.gguf"]["fault"] and "no weights" in m["vocab.gguf"]["fault"]'
keys 'm["split-00001-of-00003.gguf"]["n_parts"] == 3 and m["split-00001-of-00003.gguf"]["fault"] is None'
keys 'm["split-00001-of-00003.gguf"]["n_params"] == m["whole.gguf"]["n_params"]'
keys '"lost-00002-of-00003.gguf: no such file" in m["lost-00001-of-00003.gguf"]["fault"]'
keys '"first part is not here" in m["tail-00002-of-00002.gguf"]["fault"]'
expect 0 -- models list
check "a row each" test "$(grep -c "^[a-z0-9-]*.gguf .*$folder" "$out")" = 10
check "what is damaged is marked" test "$(grep -cE '^[a-z0-9-]+.gguf +damaged' "$out")" = 8
check "and its fault is said once" test "$(grep -c 'cut.gguf: damaged or truncated: it is cut off; fetch it again' "$out")" = 1

# ---- vectors of a model; hashes are remembered by the state of the file
sum=$(sha256sum "$source_model" | cut -c1-16)
mkdir -p "$XDG_DATA_HOME/persona/vectors/$sum"
cp "$folder/vector.gguf" "$XDG_DATA_HOME/persona/vectors/$sum/silly.gguf"
expect 0 -- models list --json
keys 'm["whole.gguf"]["vectors"] == ["silly"] and m["split-00001-of-00003.gguf"]["vectors"] == []'
check "hashes are kept" grep -q '"persona.hashes/1"' "$XDG_CACHE_HOME/persona/model-hashes.json"
expect 0 -- models info whole --json
keys 'd["vectors"] == ["silly"] and d["sha256"].startswith("'"$sum"'")'
expect 0 -- models info whole
check "info names the vectors" grep -qE "^  vectors +silly$" "$out"
echo "{broken" >"$XDG_CACHE_HOME/persona/model-hashes.json"
expect 0 -- models list --json
keys 'm["whole.gguf"]["vectors"] == ["silly"]'
cp "$target_model" "$folder/whole.gguf"
expect 0 -- models list --json
keys 'm["whole.gguf"]["vectors"] == [] and m["whole.gguf"]["arch"] == "gpt-oss"'

# ---- rm
cp "$source_model" "$tmp/outside.gguf"
ln -s "$tmp/outside.gguf" "$folder/link.gguf"
mkdir "$folder/folder.gguf"
for name in ../outside "$tmp/outside.gguf" models/whole . .. "" .hidden -x whole/ "a/../whole" $'a\nb'; do
    expect 64 "is no name of a model" -- models rm --yes -- "$name"
done
expect 66 "no such model" -- models rm none --yes
expect 66 "no such model" -- models rm persona-qwen2 --yes
expect 65 "is a link or no file" -- models rm link --yes
expect 65 "is a link or no file" -- models rm folder --yes
check "links are left alone" test -L "$folder/link.gguf" -a -s "$tmp/outside.gguf" -a -d "$folder/folder.gguf"
expect 64 "say --yes" -- models rm whole
check "nobody to ask: it stays" test -s "$folder/whole.gguf"
# asked PATTERN ANSWER CODE ARGUMENT...: on a terminal of its own
asked() {
    n_run=$((n_run + 1))
    python3 - "$PERSONA" "$@" <<'PY' || bad "asked on a terminal: $*"
import os, pty, re, select, sys
program, pattern, answer, code, *rest = sys.argv[1:]
pid, fd = pty.fork()
if pid == 0:
    os.execv(program, [program, *rest])
seen = ""
while select.select([fd], [], [], 10)[0]:
    try:
        got = os.read(fd, 4096)
    except OSError:
        break
    if not got:
        break
    seen += got.decode(errors="replace")
    if "[y/N]" in seen and answer:
        os.write(fd, (answer + "\n").encode())
        answer = ""
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
assert status == int(code) and re.search(pattern, seen), (status, seen)
PY
}
asked "remove from $folder, 6.7 MB\?(.|\n)*nothing was removed" n 130 models rm whole
check "no: it stays" test -s "$folder/whole.gguf"
cp "$folder/whole.gguf" "$folder/other.gguf"
asked "1 removed" y 0 models rm other
check "yes: it goes" test ! -e "$folder/other.gguf"
expect 0 "1 removed, 6.7 MB" -- models rm whole.gguf --yes
check "it is gone" test ! -e "$folder/whole.gguf"
expect 0 -- models rm split-00002-of-00003 --yes --json
keys 'd["removed"] == [f"split-0000{i}-of-00003.gguf" for i in (1, 2, 3)] and d["n_bytes"] > 6000000'
check "all parts are gone" test -z "$(ls "$folder" | grep split)"
expect 0 -- models rm lost-00001-of-00003 --yes
expect 0 -- models rm tail-00002-of-00002 --yes
echo '{}' >"$folder/half.gguf.part.json"
exec 9<>"$folder/half.gguf.part"
python3 - "$folder/half.gguf.part" "$PERSONA" "$err" <<'PY' || bad "a download at work stops rm"
import fcntl, os, struct, subprocess, sys
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(fd, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLK
p = subprocess.run([sys.argv[2], "models", "rm", "half", "--yes"], stderr=open(sys.argv[3], "w"), stdin=subprocess.DEVNULL)
assert p.returncode == 69 and os.path.exists(sys.argv[1]), p
assert "by another process" in open(sys.argv[3]).read()
PY
expect 0 -- models rm half --yes --json
keys 'd["removed"] == ["half.gguf.part", "half.gguf.part.json"]'
check "what a download left is gone" test -z "$(ls "$folder" | grep half)"
finish
