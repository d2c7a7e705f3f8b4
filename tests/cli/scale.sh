#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# scale.sh - the examples of docs/scale are sound, and do what docs/SCALE.md says, with the variables of their job
# systems faked. mpirun also for real, where Open MPI is there.

. "$(dirname "$0")/_lib.sh"
need_models
need_python
few_questions 2
scale=$PERSONA_SOURCE_DIR/docs/scale
export MODEL=$source_model TRAIT=silly OPTIONS="--questions $few --max-tokens 12 --no-calibrate --judge none"
read -ra options <<<"$OPTIONS"

if command -v shellcheck >/dev/null 2>&1; then
    check "shellcheck finds nothing" shellcheck "$scale"/*.sh
else
    echo "no shellcheck: left out"
fi

expect 0 -- extract --model "$source_model" --trait silly "${options[@]}" --job none -o "$tmp/whole.gguf"

# ---- Slurm: every line of #SBATCH is an option of sbatch, the array has as many tasks as are run

check "seven tasks" grep -q '^#SBATCH --array=0-6$' "$scale/slurm.sh"
check "options have values or are known to have none" awk '/^#SBATCH/ && !/^#SBATCH --[a-z-]+=[^ ]+$/ && !/--requeue$/ { exit 1 }' "$scale/slurm.sh"
mkdir "$tmp/slurm"
for i in 0 1 2 3 4 5 6; do
    check "task $i" env WORK="$tmp/slurm" SLURM_CPUS_PER_TASK=1 SLURM_ARRAY_TASK_ID=$i SLURM_ARRAY_TASK_MIN=0 \
        SLURM_ARRAY_TASK_MAX=6 SLURM_ARRAY_TASK_COUNT=7 bash "$scale/slurm.sh"
done
check "what comes after it" env WORK="$tmp/slurm" SLURM_CPUS_PER_TASK=1 SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_MIN=0 \
    SLURM_ARRAY_TASK_MAX=0 SLURM_ARRAY_TASK_COUNT=1 bash "$scale/slurm.sh" finish
check "the array ends with the same vector" cmp "$tmp/whole.gguf" "$tmp/slurm/vector.gguf"

# ---- MPI: a stand-in for mpirun that sets what Open MPI sets

cat >"$tmp/fake-mpirun" <<'SH'
#!/bin/sh
n=$2; shift 2; i=0
while [ $i -lt "$n" ]; do
    OMPI_COMM_WORLD_RANK=$i OMPI_COMM_WORLD_SIZE=$n "$@" || exit 1
    i=$((i + 1))
done
SH
chmod +x "$tmp/fake-mpirun"
mkdir "$tmp/mpi"
check "three ranks" env WORK="$tmp/mpi" RANKS=3 THREADS=1 MPIRUN="$tmp/fake-mpirun" bash "$scale/mpirun.sh"
check "they end with the same vector" cmp "$tmp/whole.gguf" "$tmp/mpi/vector.gguf"
if command -v mpirun >/dev/null 2>&1 && mpirun --version 2>/dev/null | grep -q "Open MPI"; then
    mkdir "$tmp/open-mpi"
    run="mpirun --oversubscribe"
    [[ $(id -u) != 0 ]] || run="$run --allow-run-as-root"
    check "two ranks of Open MPI" env WORK="$tmp/open-mpi" RANKS=2 THREADS=1 MPIRUN="$run" bash "$scale/mpirun.sh"
    check "they end with the same vector" cmp "$tmp/whole.gguf" "$tmp/open-mpi/vector.gguf"
else
    echo "no Open MPI: left out"
fi

# ---- Kubernetes: a schema of what is used of batch/v1, then the containers' commands

if python3 -c 'import yaml' 2>/dev/null; then
    mkdir "$tmp/k8s"
    ln -s "$source_model" "$tmp/k8s/model.gguf"
    ln -s "$(dirname "$source_model")"/*.json "$tmp/k8s/"
    check "the Jobs are what batch/v1 knows" python3 - "$scale/kubernetes.yaml" "$tmp/k8s" <<'PY'
import json, sys, yaml

STR = lambda v: isinstance(v, str) and v
COUNT = lambda v: isinstance(v, int) and not isinstance(v, bool) and v > 0
NAME = lambda v: STR(v) and v == v.lower() and len(v) < 64
LABELS = lambda v: isinstance(v, dict) and all(STR(k) and STR(x) for k, x in v.items())
MOUNT = {"name": NAME, "mountPath": STR}
CONTAINER = {"name": NAME, "image": STR, "args": [STR], "volumeMounts": [MOUNT],
             "?resources": {"requests": {"cpu": STR, "memory": STR}}}
POD = {"restartPolicy": lambda v: v in ("Never", "OnFailure"), "containers": [CONTAINER], "?initContainers": [CONTAINER],
       "volumes": [{"name": NAME, "persistentVolumeClaim": {"claimName": NAME}}]}
JOB = {"apiVersion": lambda v: v == "batch/v1", "kind": lambda v: v == "Job", "metadata": {"name": NAME, "labels": LABELS},
       "spec": {"?completionMode": lambda v: v == "Indexed", "?completions": COUNT, "?parallelism": COUNT,
                "?backoffLimit": COUNT, "?backoffLimitPerIndex": COUNT,
                "template": {"metadata": {"labels": LABELS}, "spec": POD}}}

def look(value, schema, at):
    if isinstance(schema, dict):
        assert isinstance(value, dict), at
        known = {k.lstrip("?"): k for k in schema}
        for k in value:
            assert k in known, f"{at}: unknown {k}"
            look(value[k], schema[known[k]], f"{at}.{k}")
        for k, spelled in known.items():
            assert k in value or spelled.startswith("?"), f"{at}: no {k}"
    elif isinstance(schema, list):
        assert isinstance(value, list) and value, at
        for i, v in enumerate(value):
            look(v, schema[0], f"{at}[{i}]")
    else:
        assert schema(value), f"{at}: {value!r}"

shard, finish = list(yaml.safe_load_all(open(sys.argv[1])))
for d in (shard, finish):
    look(d, JOB, d["metadata"]["name"])
    pod = d["spec"]["template"]["spec"]
    volumes = {v["name"] for v in pod["volumes"]}
    for c in pod["containers"] + pod.get("initContainers", []):
        assert {m["name"] for m in c["volumeMounts"]} <= volumes
n = shard["spec"]["completions"]
args = shard["spec"]["template"]["spec"]["containers"][0]["args"]
assert shard["spec"]["completionMode"] == "Indexed" and args[args.index("--shard") + 1] == f"auto/{n}"
# a limit for each index wants pods that are not restarted in place
assert "backoffLimitPerIndex" not in shard["spec"] or shard["spec"]["template"]["spec"]["restartPolicy"] == "Never"
pod = finish["spec"]["template"]["spec"]
merge, last = pod["initContainers"][0]["args"], pod["containers"][0]["args"]
assert merge[3:] == [f"/shared/part-{i}.db" for i in range(n)]
for name, a in (("shard", args), ("merge", merge), ("last", last)):
    with open(f"{sys.argv[2]}/{name}.args", "w") as f:
        f.write("".join(x.replace("/shared", sys.argv[2]) + "\n" for x in a))
PY
    more=("${options[@]}" --threads 1)
    mapfile -t args <"$tmp/k8s/shard.args"
    for i in 0 1 2 3 4 5 6; do
        check "pod $i" env JOB_COMPLETION_INDEX=$i "$PERSONA" "${args[@]}" "${more[@]}"
    done
    mapfile -t args <"$tmp/k8s/merge.args"
    expect 0 -- "${args[@]}"
    mapfile -t args <"$tmp/k8s/last.args"
    expect 0 -- "${args[@]}" "${more[@]}"
    check "the Job ends with the same vector" cmp "$tmp/whole.gguf" "$tmp/k8s/vector.gguf"
else
    echo "no Python module yaml: left out"
fi

finish
