#!/usr/bin/env bash
# Milliseconds per run and epoch: phasesweep's engines beside the peers, on the same data and the same work, in turn.
#
#   benches/training.sh PHASESWEEP [ROUNDS]
#
# The work: MNIST, 8192 training images, 669 live pixels → 20 tanh → 2, full batch; every epoch training error, test
# error on 10,000 images, class radii and distance; 32 runs. Below the line the same with two layers of 100 and Adam,
# 8 runs. Ours are of training with its preparation of the inputs; peers' without start-up and compilation.
# An epoch of ours grows cheaper as fewer test samples are in doubt, so the sparse row runs as long as the sweep does, 500
# epochs; SPARSE and DENSE set other lengths. Peers' epochs are all alike.
# PHASESWEEP_DATA names the directory that holds mnist/; PEERS the peers' Python environment; what is not there is left out.
set -euo pipefail
source "$(dirname "$0")/rounds.sh"

# Training seconds over runs and epochs: sweep, runs, epochs, kernel.
ours() {
  PHASESWEEP_LOG=phasesweep=debug training_seconds "$@" | awk -v n=$(($2 * $3)) '{ print 1000 * $1 / n }'
  # Of the test samples, those that were computed.
  awk '/of the (verdicts|predictions) on test samples/ { sub("%.*", ""); sum += $NF; n++ } END { print n ? sum / n / 100 : 1 }' \
    "$scratch/log" >>"$scratch/computed_$4"
}
peer() { # name, runs, epochs, further arguments
  local name=$1 runs=$2 epochs=$3; shift 3
  "$peers/bin/python" "benches/peers/$name.py" --data "$data" --runs "$runs" --epochs "$epochs" --threads "$threads" "$@" |
    sed -n 's/.*"ms_per_run_epoch": \([0-9.e-]*\).*/\1/p'
}
one() {
  case $1 in
    peak) "$program" bench peak --threads "$threads" | cut -d' ' -f1 ;;
    sparse) ours sweeps/inversion-mnist.toml 32 "${SPARSE:-500}" auto ;;
    dense) ours sweeps/inversion-mnist.toml 32 "${DENSE:-200}" dense ;;
    burn) ours sweeps/inversion-mnist.toml 32 15 burn ;;
    torch_loop) peer torch_loop 1 100 ;; # one run after another: one tells its rate
    torch_fused) peer torch_fused 32 15 ;;
    jax_vmap) peer jax_vmap 32 15 ;;
    two_layers) ours benches/two-layers.toml 8 20 auto ;;
    two_layers_jax) peer jax_vmap_two_layers 8 6 --width 100 --lr 0.001 ;;
  esac
}

names=(peak sparse dense burn two_layers)
if have_peers; then
  names=(peak sparse dense burn torch_loop torch_fused jax_vmap two_layers two_layers_jax)
fi
measure
printf '%-15s median %9.3f GFLOP/s\n' peak "$(median peak)"
for name in "${names[@]:1}"; do printf '%-15s median %9.3f ms per run-epoch\n' "$name" "$(median "$name")"; done
# Multiply-adds of a run-epoch: forward and gradient of 8192 samples, forward of the test samples that were computed,
# second layer's backward.
dense_gflop=$(awk -v share="$(median computed_dense)" 'BEGIN {
  w = 669 * 20 + 20 * 2; print 2 * (w * (2 * 8192 + share * 10000) + 20 * 2 * 8192) / 1e9 }')
awk -v g="$dense_gflop" -v ms="$(median dense)" -v peak="$(median peak)" -v share="$(median computed_dense)" 'BEGIN {
  printf "dense: %.0f%% of the test samples computed, %.1f GFLOP/s, %.0f%% of the peak\n",
    100 * share, g / ms * 1000, 100 * g / ms * 1000 / peak }'
if [ ${#names[@]} -gt 5 ]; then
  awk -v s="$(median sparse)" -v d="$(median dense)" -v b="$(median burn)" -v l="$(median torch_loop)" -v f="$(median torch_fused)" \
    -v j="$(median jax_vmap)" -v t="$(median two_layers)" -v tj="$(median two_layers_jax)" 'BEGIN {
      best = f < j ? f : j
      printf "sparse: %.1f times torch_loop, %.2f times the faster of torch_fused and jax_vmap\n", l / s, best / s
      printf "dense: %.2f times the faster of torch_fused and jax_vmap\n", best / d
      printf "burn: %.2f of torch_fused'"'"'s time\n", b / f
      printf "two layers of 100, Adam: %.2f times jax_vmap\n", tj / t }'
fi
