#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# recipe.sh - what the two models of a pair trained apart may not share (models/recipe/README.md): wordings of a
# character, first questions, answers that show a character, persona instructions of our own.
source "$(dirname "$0")/_lib.sh"
need_python
: >"$err"

cat >"$tmp/apart.py" <<'PY'
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1] + "/models/recipe")
import corpus, style

def told(half):
    return {t for slots in half.values() for phrases in slots.values() for p in phrases for t in p}

def every():
    return {t for slots in style.LEXICON.values() for phrases in slots.values() for p in phrases for t in style.spellings(p)}

packs = corpus.load_packs(sys.argv[1] + "/traits")
shown, asked, named = [], [], []
for side, seed in (0, 30261), (1, 40277):
    samples = [corpus.conversation(seed, i, packs, side, clear) for clear in (False, True) for i in range(1500)]
    shown.append({t[2] for c in samples if any(c.z) for t in c.turns})
    asked.append({c.turns[0][0] for c in samples})
    named.append({c.system for c in samples if any(c.z) and c.system} - set(corpus.NEUTRAL_SYSTEM))
packed = {t for pairs in packs.values() for p in pairs for t in p}

condition = {
    "no wording is dealt twice": not told(style.HALVES[0]) & told(style.HALVES[1]),
    "every wording is dealt": told(style.HALVES[0]) | told(style.HALVES[1]) == every(),
    "both can fill every place": all(h[p][s] for h in style.HALVES for p in style.LEXICON for s in style.SLOTS),
    "no question is asked of both": len(asked[0]) > 200 and not asked[0] & asked[1],
    "no answer that shows a character is in both": len(shown[0]) > 1000 and not shown[0] & shown[1],
    "instructions in both are a pack's": all(any(t in s for t in packed) for s in named[0] & named[1]),
}
sys.exit("; ".join(k for k, good in condition.items() if not good) or 0)
PY
n_run=$((n_run + 1))
python3 "$tmp/apart.py" "$PERSONA_SOURCE_DIR" >"$out" 2>"$err" || bad "the two sides of the corpus"
finish
