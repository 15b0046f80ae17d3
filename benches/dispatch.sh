#!/bin/bash
# Scale of the dispatcher and the store, with cells that only pretend to train. Prints one line per figure: its name, the
# median of RUNS runs, and all of them. Usage: benches/dispatch.sh [PHASESWEEP]; PYTHON names one with mpi4py.
set -eu -o pipefail
cd "$(dirname "$0")/.."
PHASESWEEP=${1:-phasesweep}
PYTHON=${PYTHON:-$HOME/.cache/phasesweep/mpi4py/bin/python}
RUNS=${RUNS:-3}
CELLS=${CELLS:-1000000}
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/phasesweep-dispatch.XXXXXX")
trap 'rm -rf "$SCRATCH"' EXIT
export OMPI_MCA_rmaps_base_oversubscribe=1

# $1 cells, one for each seed.
sweep() {
    cat >"$SCRATCH/$1.toml" <<TOML
[sweep]
name = "scale"
seeds = { count = $1 }
[[data]]
source = "digits"
labels = "parity"
[[subsample]]
size = 64
[[architecture]]
kind = "mlp"
hidden = [4]
[[optimiser]]
kind = "sgd"
lr = 0.1
[train]
epochs = 3
loss = "cross-entropy"
batch = "full"
TOML
    echo "$SCRATCH/$1.toml"
}

now() { date +%s.%N; }
median() { printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"; }
# $1 name, the rest the figures of each run
figure() {
    local name=$1
    shift
    printf '%-52s %12s   (%s)\n' "$name" "$(median "$@")" "$*"
}
# Seconds from the moment the run has its directory to its last word: without the start of MPI, with every durable write.
elapsed() { awk -v a="$(stat -c %.Y "$1/sweep.toml")" -v b="$(stat -c %.Y "$1/status.json")" 'BEGIN { printf "%.3f", b - a }'; }

echo "load before: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) cores"

# 64 ranks on these cores, 50 ms a cell: the wall time that cells alone would take, as a share of the one it takes.
cells=$((64 * 600)) ideal=30 shares=()
for _ in $(seq "$RUNS"); do
    rm -rf "$SCRATCH/wide"
    mpirun -n 64 "$PHASESWEEP" run "$(sweep $cells)" --out "$SCRATCH/wide" --simulate 0.05 --no-collect --quiet --threads 1
    shares+=("$(awk -v ideal=$ideal -v took="$(elapsed "$SCRATCH/wide")" 'BEGIN { printf "%.4f", ideal / took }')")
done
figure 'share of ideal wall time, 64 ranks, 50 ms cells' "${shares[@]}"

# No-op cells through one coordinator, with durable parts of 64 cells.
rates=()
for _ in $(seq "$RUNS"); do
    rm -rf "$SCRATCH/noop"
    mpirun -n 2 "$PHASESWEEP" run "$(sweep 200000)" --out "$SCRATCH/noop" --simulate 0 --replicas 64 --no-collect --quiet --threads 1
    rates+=("$(awk -v took="$(elapsed "$SCRATCH/noop")" 'BEGIN { printf "%.0f", 200000 / took }')")
done
figure 'no-op cells/s, cohorts of 64, parts on disk' "${rates[@]}"

# The same without a disk: what the coordinator and its messages cost.
rates=()
for _ in $(seq "$RUNS"); do
    rates+=("$(mpirun -n 2 "$PHASESWEEP" bench dispatch | grep -o '[0-9]* cells/s' | cut -d' ' -f1)")
done
figure 'no-op cells/s, cohorts of 64, nothing written' "${rates[@]}"

if [ -x "$PYTHON" ]; then
    for chunk in 1 64; do
        rates=()
        for _ in $(seq "$RUNS"); do
            rates+=("$(mpirun -n 2 "$PYTHON" -m mpi4py.futures benches/peers/mpi4py_noop.py 50000 $chunk | grep -o '"tasks_per_second": [0-9]*' | cut -d' ' -f2)")
        done
        figure "MPIPoolExecutor no-op tasks/s, chunks of $chunk" "${rates[@]}"
    done
else
    echo "no mpi4py: python3 -m venv ~/.cache/phasesweep/mpi4py && ~/.cache/phasesweep/mpi4py/bin/pip install mpi4py"
fi

# A run with so many cells done, and 64 that are not: what a relaunch and a look at it cost.
file=$(sweep "$CELLS")
"$PHASESWEEP" run "$file" --out "$SCRATCH/big" --simulate 0 --replicas 64 --no-collect --quiet
first=() looks=() memory=()
for _ in $(seq "$RUNS"); do
    ls "$SCRATCH"/big/parts/*.h5 2>/dev/null | head -1 | xargs rm -f || true
    begun=$(now)
    mpirun -n 2 /usr/bin/env bash -c 'exec "$@"' - "$PHASESWEEP" run "$file" --out "$SCRATCH/big" --simulate 1 --replicas 64 --no-collect --quiet --threads 1 &
    job=$!
    until [ -n "$(ls -A "$SCRATCH/big/running" 2>/dev/null)" ]; do
        sleep 0.02
        kill -0 $job 2>/dev/null || break
    done
    first+=("$(awk -v a="$begun" -v b="$(now)" 'BEGIN { printf "%.2f", b - a }')")
    peak=0
    for pid in $(pgrep -x "$(basename "$PHASESWEEP")"); do
        size=$(awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$pid/status" 2>/dev/null || echo 0)
        [ "$size" -le "$peak" ] || peak=$size
    done
    memory+=("$peak")
    kill -TERM $job
    wait $job || true
    begun=$(now)
    "$PHASESWEEP" status "$SCRATCH/big" >/dev/null
    looks+=("$(awk -v a="$begun" -v b="$(now)" 'BEGIN { printf "%.2f", b - a }')")
done
figure "seconds to the first work, $CELLS cells done" "${first[@]}"
figure 'peak memory of the largest rank, MiB' "${memory[@]}"
figure 'seconds of status' "${looks[@]}"
echo "load after: $(cut -d' ' -f1-3 /proc/loadavg)"
