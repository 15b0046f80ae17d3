#!/usr/bin/env bash
# Milliseconds per run and step of minibatch training: phasesweep beside PyTorch, on the same data and the same work, in turn.
#
#   benches/minibatch.sh PHASESWEEP [ROUNDS]
#
# The work: 1000 MNIST images in batches of 200, every run in an order of its own, AdamW, 8 runs, test errors at the end.
# mlp: four rectified layers of 200 units (benches/minibatch.toml); cnn: two convolutions (benches/cnn.toml); both by the
# CPU kernel. cnn_alone: one run; mlp_dense: no use made of sparse inputs; mlp_burn, cnn_burn: by burn. Peers
# (benches/peers/torch_minibatch.py): all runs stacked in one program (baddbmm over runs; grouped convolutions), and one
# module after another, timed by two runs. PHASESWEEP_DATA and PEERS as in training.sh; THREADS, all processors by
# default; ROWS, the rows to measure, all by default.
set -euo pipefail
source "$(dirname "$0")/rounds.sh"

# Sweep, runs, kernel, epochs.
ours() { training_seconds "$1" "$2" "$4" "$3"; }
peer() { # network, runs, how, epochs
  "$peers/bin/python" benches/peers/torch_minibatch.py --data "$data" --size 1000 --net "$1" --how "$3" --runs "$2" \
    --epochs "$4" --threads "$threads" | sed -n 's/.*"seconds": \([0-9.e-]*\).*/\1/p'
}
# What further epochs take, so that preparation and the measurements of the first and last epoch do not count: a short
# run's seconds from a long one's. The short one is of several epochs where PyTorch's first ones vary by as much as a second.
# Function and its arguments but for the epochs, then short and long.
step() {
  local short=$5 long=$6 less more
  less=$("$1" "$2" "$3" "$4" "$short")
  more=$("$1" "$2" "$3" "$4" "$long")
  awk -v a="$less" -v b="$more" -v n=$(($3 * (long - short) * 5)) 'BEGIN { print 1000 * (b - a) / n }'
}
one() {
  case $1 in
    mlp) step ours benches/minibatch.toml 8 auto 5 85 ;;
    mlp_dense) step ours benches/minibatch.toml 8 dense 5 45 ;;
    mlp_burn) step ours benches/minibatch.toml 8 burn 1 9 ;;
    mlp_stacked) step peer mlp 8 stacked 5 45 ;;
    mlp_loop) step peer mlp 2 loop 5 85 ;;
    cnn) step ours benches/cnn.toml 8 auto 1 21 ;;
    cnn_alone) step ours benches/cnn.toml 1 auto 1 41 ;;
    cnn_burn) step ours benches/cnn.toml 8 burn 1 6 ;;
    cnn_stacked) step peer cnn 8 stacked 1 6 ;;
    cnn_loop) step peer cnn 2 loop 1 11 ;;
  esac
}

names=(mlp mlp_dense mlp_burn cnn cnn_alone cnn_burn)
if have_peers; then
  names=(mlp mlp_dense mlp_burn mlp_stacked mlp_loop cnn cnn_alone cnn_burn cnn_stacked cnn_loop)
fi
[ -z "${ROWS:-}" ] || read -ra names <<<"$ROWS"
measure
for name in "${names[@]}"; do printf '%-12s median %9.3f ms per run and step\n' "$name" "$(median "$name")"; done
has() { for name in "$@"; do [ -s "$scratch/$name" ] || return 1; done; }
if has mlp mlp_stacked mlp_loop; then
  awk -v m="$(median mlp)" -v s="$(median mlp_stacked)" -v l="$(median mlp_loop)" \
    'BEGIN { printf "mlp: %.2f times PyTorch stacked, %.2f times its loop\n", s / m, l / m }'
fi
if has cnn cnn_alone cnn_stacked cnn_loop; then
  awk -v c="$(median cnn)" -v a="$(median cnn_alone)" -v s="$(median cnn_stacked)" -v l="$(median cnn_loop)" \
    'BEGIN { printf "cnn: %.2f times PyTorch stacked, %.2f times its loop, %.2f times a run alone\n", s / c, l / c, a / c }'
fi
