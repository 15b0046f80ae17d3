#!/usr/bin/env bash
# Gradient flows: one fused cohort, the same cells one at a time, and PyTorch one at a time, each allowed all cores.
#
#   benches/flow.sh PHASESWEEP [ROUNDS] [SEEDS]
#
# The work: the stripe of sweeps/compression-quick.toml (d = 5, p = 256, 200 neurons, both regimes, until all samples
# fit), without the tangent kernel, on the first so many seeds (4). `one` starts a run for each cell and lets it have all
# cores; `by one` is one run whose cohorts are of one cell. PyTorch trains two seeds. PEERS names the peers' Python
# environment. WIDTH and SIZE are other numbers of neurons and training samples.
set -euo pipefail
program=$1; rounds=${2:-3}; seeds=${3:-4}
here=$(dirname "$0")
peers=${PEERS:-$HOME/.cache/phasesweep/peers}
width=${WIDTH:-200}; size=${SIZE:-256}
threads=$(nproc)
cells=$((2 * seeds))
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT

ours() { # replicas of a cohort, seeds, alpha
  rm -rf "$scratch/run"
  "$program" run "$here/../sweeps/compression-quick.toml" --set "sweep.seeds=$2" --set "optimiser.alpha=$3" \
    --set "subsample.size=$size" --set "architecture.hidden=[$width]" --set 'flow.kernel=[]' --set 'flow.stages=[]' \
    --threads "$threads" --replicas "$1" --out "$scratch/run" --quiet 2>"$scratch/log" ||
    { cat "$scratch/log" >&2; exit 1; }
}
timed() { # seconds per cell of a command
  local start
  start=$(date +%s.%N)
  "${@:2}"
  echo "$start $(date +%s.%N) $1" | awk '{ print ($2 - $1) / $3 }'
}
one() {
  local seed alpha
  for ((seed = 0; seed < seeds; seed++)); do
    for alpha in 1e-4 1e3; do ours 1 "[$seed]" "$alpha"; done
  done
}
torch() {
  "$peers/bin/python" "$here/peers/torch_flow.py" --p "$size" --width "$width" --alpha 1e-4 1e3 --seeds 2 \
    --threads "$threads" | sed 's/.*"cells": \([0-9]*\).*"seconds": \([0-9.]*\).*/\2 \1/' | awk '{ print $1 / $2 }'
}

names=(fused 'by one' one)
if [ -x "$peers/bin/python" ]; then names+=(torch); fi
echo "$(date -u +%FT%TZ) $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2-), $threads threads," \
  "$("$program" --version), $cells cells, p = $size, $width neurons, load $(cut -d' ' -f1 /proc/loadavg)"
for ((round = 1; round <= rounds; round++)); do
  for name in "${names[@]}"; do
    case $name in
      fused) seconds=$(timed "$cells" ours 512 "$seeds" '[1e-4,1e3]') ;;
      'by one') seconds=$(timed "$cells" ours 1 "$seeds" '[1e-4,1e3]') ;;
      one) seconds=$(timed "$cells" one) ;;
      torch) seconds=$(torch) ;;
    esac
    echo "$seconds" >>"$scratch/$name"
    printf '%-8s round %d  %8.3f s per cell\n' "$name" "$round" "$seconds"
  done
done
median() {
  sort -g "$scratch/$1" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}
fused=$(median fused)
for name in "${names[@]}"; do
  median "$name" | awk -v name="$name" -v fused="$fused" \
    '{ printf "%-8s median %8.3f s per cell, %.2f times fused\n", name, $1, $1 / fused }'
done
