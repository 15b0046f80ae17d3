#!/usr/bin/env bash
# Milliseconds per run and epoch: phasesweep's engines beside the peers, on the same data and the same work, in turn.
#
#   benches/training.sh PHASESWEEP [ROUNDS] [RUNS] [EPOCHS]
#
# The work: MNIST, 8192 training images, 669 live pixels → 20 tanh → 2, full batch; every epoch training error, test
# error on 10,000 images, class radii and distance. Times are of training alone, without start-up and compilation.
# PHASESWEEP_DATA names the directory that holds mnist/; PEERS the peers' Python environment; PEER_PROGRAMS their folder.
set -euo pipefail
program=$1; rounds=${2:-5}; runs=${3:-32}; epochs=${4:-100}
sweep=$(dirname "$0")/../sweeps/inversion-mnist.toml
data=${PHASESWEEP_DATA:?name the directory that holds mnist/}/mnist
peers=${PEERS:-$HOME/.cache/phasesweep/peers}
programs=${PEER_PROGRAMS:-$(dirname "$0")/../../shared/peers}
threads=$(nproc)
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT

# Training seconds over runs and epochs, from the results file's own account.
ours() {
  rm -rf "$scratch/run"
  "$program" run "$sweep" --set "sweep.seeds.count=$runs" --set "train.epochs=$epochs" --threads "$threads" \
    --kernel "$1" --out "$scratch/run" --quiet 2>"$scratch/log" || { cat "$scratch/log" >&2; exit 1; }
  ncdump -h "$scratch/run/results.h5" | awk -v n=$((runs * epochs)) '/:training_seconds/ { gsub(";", "", $3); print 1000 * $3 / n }'
}
peer() { # name, runs, epochs
  "$peers/bin/python" "$programs/$1.py" --data "$data" --runs "$2" --epochs "$3" --threads "$threads" |
    sed -n 's/.*"ms_per_run_epoch": \([0-9.e-]*\).*/\1/p'
}

names=(kernel burn)
if [ -x "$peers/bin/python" ] && [ -f "$programs/torch_loop.py" ]; then
  names+=(torch_loop torch_fused jax_vmap)
else
  echo "the peers are left out: make $peers a Python environment with their requirements.txt, and name their folder in PEER_PROGRAMS"
fi
echo "$(date -u +%FT%TZ) $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2-), $threads threads, $runs runs × $epochs epochs"
for ((round = 1; round <= rounds; round++)); do
  for name in "${names[@]}"; do
    case $name in
      kernel) ms=$(ours auto) ;;
      burn) ms=$(ours burn) ;;
      torch_loop) ms=$(peer torch_loop 2 "$epochs") ;;  # one run after another: two tell its rate
      *) ms=$(peer "$name" "$runs" "$epochs") ;;
    esac
    echo "$ms" >>"$scratch/$name"
    printf '%-12s round %d  %8.3f ms per run-epoch\n' "$name" "$round" "$ms"
  done
done
echo
for name in "${names[@]}"; do
  printf '%-12s median %8.3f ms per run-epoch\n' "$name" \
    "$(sort -g "$scratch/$name" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }')"
done
