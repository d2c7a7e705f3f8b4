#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# slurm.sh - an extraction as a Slurm array of seven tasks, and what comes after it:
#
#   id=$(sbatch --parsable slurm.sh)
#   sbatch --dependency="afterok:$id" --array=0 slurm.sh finish
#
# WORK is a folder that all nodes see. A task that was stopped goes on where it was: scontrol requeue ID_3.
#SBATCH --job-name=persona
#SBATCH --array=0-6
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --time=08:00:00
#SBATCH --requeue
#SBATCH --output=persona-%A-%a.log
set -euo pipefail

work=${WORK:-$PWD}
read -ra more <<<"${OPTIONS:-}"
task=(extract --model "${MODEL:-model.gguf}" --trait "${TRAIT:-silly}" "${more[@]}" --threads "${SLURM_CPUS_PER_TASK:-8}")

if [[ ${1:-shard} == shard ]]; then
    exec "${PERSONA:-persona}" "${task[@]}" --shard auto --job "$work/part-%i.db"
fi
"${PERSONA:-persona}" jobs merge "$work/whole.db" "$work"/part-*.db
exec "${PERSONA:-persona}" "${task[@]}" --job "$work/whole.db" -o "$work/vector.gguf"
