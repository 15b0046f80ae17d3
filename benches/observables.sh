#!/usr/bin/env bash
# What each observable costs: seconds of a run of sweeps/inversion-mnist.toml with it at its default schedule, beside the
# same run without any, in turn.
#
#   benches/observables.sh PHASESWEEP [ROUNDS] >raw.csv
#
# Every measurement is a line of standard output, `observable,round,without,with`; the medians of the difference, in
# milliseconds a cell and as a share of the training, come on standard error. OBSERVABLES chooses some; SEEDS cells are
# trained (8). Keys that have no default are given below. PHASESWEEP_DATA and THREADS as in training.sh.
set -euo pipefail
source "$(dirname "$0")/rounds.sh"
seeds=${SEEDS:-8}

# Settings of the observables that need some.
settings() {
  case $1 in
    local_complexity) echo 'radii = [0.05]' ;;
    robustness) echo 'epsilon = [0.05]' ;;
    noise_robustness) echo 'sigma = [1.0]' ;;
  esac
}
seconds() {
  rm -rf "$scratch/run"
  "$program" run sweeps/inversion-mnist.toml --set "sweep.seeds.count=$seeds" --threads "$threads" --out "$scratch/run" \
    --quiet "$@" 2>"$scratch/log" || { cat "$scratch/log" >&2; exit 1; }
  told_seconds
}

# That sweep's network is smooth and has no linear regions.
mapfile -t names < <("$program" keys | awk '/^[a-z_]+ = \{ … \}/ && $1 != "neighbourhood" { print $1 }')
[ -z "${OBSERVABLES:-}" ] || read -ra names <<<"$OBSERVABLES"
echo "observable,round,without,with"
for ((round = 1; round <= rounds; round++)); do
  for name in "${names[@]}"; do
    without=$(seconds)
    with=$(seconds --set "observe.$name={ $(settings "$name") }")
    echo "$name,$round,$without,$with"
    echo "$without $with" >>"$scratch/$name.pairs"
  done
done
{
  echo "$(date -u +%FT%TZ) $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2-), $threads threads, $("$program" --version), $seeds cells"
  for name in "${names[@]}"; do
    awk '{ print $2 - $1 }' "$scratch/$name.pairs" >"$scratch/$name.more"
    awk '{ print $1 }' "$scratch/$name.pairs" >"$scratch/$name.base"
    awk -v name="$name" -v more="$(median "$name.more")" -v base="$(median "$name.base")" -v cells="$seeds" \
      'BEGIN { printf "%-20s %10.1f ms a cell, %7.1f%% of training\n", name, 1000 * more / cells, 100 * more / base }'
  done
} >&2
