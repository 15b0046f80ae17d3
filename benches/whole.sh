#!/usr/bin/env bash
# A whole sweep, start to results.h5, against its training; and two ranks of one thread against one rank of two. Packing
# efficiency is the share of the ranks' time, from start to end, in which they train.
#
#   benches/whole.sh PHASESWEEP [ROUNDS] [SWEEP]
#
# PHASESWEEP_DATA as in training.sh.
set -euo pipefail
source "$(dirname "$0")/rounds.sh"
rounds=${2:-3}; sweep=${3:-sweeps/inversion-mnist.toml}
export OMPI_MCA_rmaps_base_oversubscribe=1

# Name, ranks, threads of each: wall seconds of the command, and training seconds (of all ranks) shared out.
timed() {
  local launcher=() begun ended training
  rm -rf "$scratch/run"
  [ "$2" -eq 1 ] || launcher=(mpirun --bind-to none -n "$2")
  begun=$(date +%s.%N)
  "${launcher[@]}" "$program" run "$sweep" --threads "$3" --out "$scratch/run" --quiet 2>"$scratch/log" ||
    { cat "$scratch/log" >&2; exit 1; }
  ended=$(date +%s.%N)
  training=$(told_seconds)
  awk -v name="$1" -v wall="$(awk -v a="$begun" -v b="$ended" 'BEGIN { print b - a }')" -v training="$training" -v ranks="$2" \
    'BEGIN { printf "%-20s whole %7.2f s, training %7.2f s, ratio %.3f, packing efficiency %.1f%%\n", name, wall, training / ranks, wall * ranks / training, 100 * training / (wall * ranks) }'
}
echo "$(date -u +%FT%TZ) $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2-), $("$program" --version), load $(cut -d' ' -f1 /proc/loadavg)"
for ((round = 1; round <= rounds; round++)); do
  timed '1 rank × 2 threads' 1 2
  timed '2 ranks × 1 thread' 2 1
done
