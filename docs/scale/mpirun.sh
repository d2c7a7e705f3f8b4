#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# mpirun.sh - an extraction by mpirun (Open MPI), one process for each shard; no message is passed between them.
#
#   RANKS=4 MPIRUN="mpirun --hostfile hosts --map-by node" mpirun.sh
#
# WORK is a folder that all hosts see. Run again after a failure: shards go on where they were.
set -euo pipefail

work=${WORK:-$PWD}
read -ra more <<<"${OPTIONS:-}"
read -ra mpirun <<<"${MPIRUN:-mpirun}"
task=(extract --model "${MODEL:-model.gguf}" --trait "${TRAIT:-silly}" "${more[@]}" --threads "${THREADS:-8}")

"${mpirun[@]}" -n "${RANKS:-4}" "${PERSONA:-persona}" "${task[@]}" --shard auto --job "$work/part-%i.db"
"${PERSONA:-persona}" jobs merge "$work/whole.db" "$work"/part-*.db
exec "${PERSONA:-persona}" "${task[@]}" --job "$work/whole.db" -o "$work/vector.gguf"
