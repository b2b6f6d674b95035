#!/bin/bash
#SBATCH --job-name=smvae
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=08:00:00
#
# One run on the nodes of a SLURM job, from the checkout's folder:
#
#     sbatch docs/slurm.sh --protocol table2 --budget paper --yes
#
# Ray's head starts on the first node and a worker on each other one; run_all.py, on the first node, joins
# them. All nodes need this folder and its .venv (or PYTHON=...) at the same path. Change the lines
# above to your cluster; for GPUs add "#SBATCH --gpus-per-node=1" and pass --device cuda.
set -euo pipefail

python="${PYTHON:-.venv/bin/python}"
ray="$(dirname "$python")/ray"
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
port=$((20000 + SLURM_JOB_ID % 20000))
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN="$("$python" -c 'import secrets; print(secrets.token_hex(32))')"
export RAY_AUTH_TOKEN

on_node() { # NODE, then the arguments of ray start
    srun --nodes=1 --ntasks=1 --nodelist="$1" bash -c '
        folder="$(mktemp -d -t ray-XXXXXX)" # below TMPDIR, which must be short: Ray makes sockets there
        "$0" start --block --temp-dir "$folder" --num-cpus "${SLURM_CPUS_PER_TASK:-1}" "$@" &
        trap "kill $!" TERM
        wait; wait # the second one after the signal: until Ray has ended
        rm -rf "$folder"
    ' "$ray" "${@:2}" &
}

trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
on_node "${nodes[0]}" --head --port "$port" --include-dashboard false
until "$python" -c "import socket; socket.create_connection(('${nodes[0]}', $port), 2)" 2>/dev/null; do
    kill -0 "$!" 2>/dev/null || { echo "the head node of Ray has ended" >&2; exit 1; }
    sleep 1
done
for node in "${nodes[@]:1}"; do
    on_node "$node" --address "${nodes[0]}:$port"
done
# Nodes that come up later join while it runs.
"$python" run_all.py --address "${nodes[0]}:$port" "$@"
