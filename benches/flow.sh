#!/usr/bin/env bash
# Seconds per cell of a gradient flow: a fused cohort, the same cells in cohorts of one, and PyTorch one after another.
#
#   benches/flow.sh PHASESWEEP [ROUNDS] [SEEDS]
#
# The work: sweeps/compression-quick.toml's stripe (d = 5, p = 256, 200 neurons, both regimes, until all samples fit),
# without the tangent kernel, on all cores. PEERS names the peers' Python environment.
set -euo pipefail
program=$1; rounds=${2:-3}; seeds=${3:-8}
here=$(dirname "$0")
peers=${PEERS:-$HOME/.cache/phasesweep/peers}
threads=$(nproc)
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT

ours() { # replicas of a cohort
  rm -rf "$scratch/run"
  local start end
  start=$(date +%s.%N)
  "$program" run "$here/../sweeps/compression-quick.toml" --set "sweep.seeds=$seeds" --set subsample.size=256 \
    --set 'flow.kernel=[]' --set 'flow.stages=[]' --threads "$threads" --replicas "$1" --out "$scratch/run" --quiet \
    2>"$scratch/log" || { cat "$scratch/log" >&2; exit 1; }
  end=$(date +%s.%N)
  echo "$start $end $((2 * seeds))" | awk '{ print ($2 - $1) / $3 }'
}
torch() {
  "$peers/bin/python" "$here/peers/torch_flow.py" --p 256 --alpha 1e-4 1e3 --seeds 2 --threads "$threads" |
    sed 's/.*"cells": \([0-9]*\).*"seconds": \([0-9.]*\).*/\2 \1/' | awk '{ print $1 / $2 }'
}

names=(fused alone)
if [ -x "$peers/bin/python" ]; then names+=(torch); fi
echo "$(date -u +%FT%TZ) $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2-), $threads threads, $((2 * seeds)) cells"
for ((round = 1; round <= rounds; round++)); do
  for name in "${names[@]}"; do
    case $name in
      fused) seconds=$(ours 512) ;;
      alone) seconds=$(ours 1) ;;
      torch) seconds=$(torch) ;;
    esac
    echo "$seconds" >>"$scratch/$name"
    printf '%-8s round %d  %8.3f s per cell\n' "$name" "$round" "$seconds"
  done
done
for name in "${names[@]}"; do
  printf '%-8s median %8.3f s per cell\n' "$name" \
    "$(sort -g "$scratch/$name" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }')"
done
