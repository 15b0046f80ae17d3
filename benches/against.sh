#!/usr/bin/env bash
# Two builds of phasesweep side by side: seconds of training of the same work, in turn, and the ratio of their medians.
#
#   benches/against.sh OLD NEW [ROUNDS] >>raw.csv
#
# The rows are those of training.sh, minibatch.sh and flow.sh, of our engines alone. Every measurement is a line of
# standard output, `row,round,build,seconds`, to be kept beside what is said of it; the medians and the ratio of the new
# build's to the old one's come on standard error. A machine's clock drifts, so the two builds run one after the other, and
# which of them begins changes from round to round. ROWS chooses rows; PHASESWEEP_DATA and THREADS as in training.sh.
set -euo pipefail
old=$1; new=$2
set -- "$1" "${3:-5}"
source "$(dirname "$0")/rounds.sh"

one() {
  case $1 in
    sparse) training_seconds sweeps/inversion-mnist.toml 32 100 auto ;;
    dense) training_seconds sweeps/inversion-mnist.toml 32 50 dense ;;
    burn) training_seconds sweeps/inversion-mnist.toml 32 5 burn ;;
    two_layers) training_seconds benches/two-layers.toml 8 20 auto ;;
    mlp) training_seconds benches/minibatch.toml 8 41 auto ;;
    mlp_burn) training_seconds benches/minibatch.toml 8 5 burn ;;
    cnn) training_seconds benches/cnn.toml 8 11 auto ;;
    cnn_burn) training_seconds benches/cnn.toml 8 4 burn ;;
    flow)
      rm -rf "$scratch/run"
      "$program" run sweeps/compression-quick.toml --set 'sweep.seeds=4' --set 'optimiser.alpha=[1e-4,1e3]' \
        --set 'flow.kernel=[]' --set 'flow.stages=[]' --threads "$threads" --out "$scratch/run" --quiet \
        2>"$scratch/log" || { cat "$scratch/log" >&2; exit 1; }
      told_seconds
      ;;
  esac
}

names=(sparse dense burn two_layers mlp mlp_burn cnn cnn_burn flow)
[ -z "${ROWS:-}" ] || read -ra names <<<"$ROWS"
echo "row,round,build,seconds"
for ((round = 1; round <= rounds; round++)); do
  for name in "${names[@]}"; do
    builds=(old new)
    [ $((round % 2)) = 1 ] || builds=(new old)
    for build in "${builds[@]}"; do
      program=${!build}
      value=$(one "$name")
      echo "$name,$round,$build,$value"
      echo "$value" >>"$scratch/$name.$build"
    done
  done
done
{
  echo "$(date -u +%FT%TZ) $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2-), $threads threads"
  echo "old: $("$old" --version), new: $("$new" --version)"
  for name in "${names[@]}"; do
    awk -v name="$name" -v a="$(median "$name.old")" -v b="$(median "$name.new")" \
      'BEGIN { printf "%-12s old %8.3f s, new %8.3f s, new / old %.3f\n", name, a, b, b / a }'
  done
} >&2
