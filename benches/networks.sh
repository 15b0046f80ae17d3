#!/usr/bin/env bash
# Milliseconds of a processor per run and step of networks with branches: a cohort of 16 beside 16 runs one by one, and beside PyTorch as a
# loop over modules and stacked by `torch.func`, on the same data and the same work, in turn.
#
#   benches/networks.sh PHASESWEEP [ROUNDS] >raw.csv
#
# dense: residual networks of three blocks of 64 units, full batches of 1500 MNIST images (benches/residual.toml); resnet:
# 8 layers of convolutions with batch normalisation in batches of 100 of 500 images of noughts and ones (benches/resnet.toml);
# both by the CPU kernel, and by burn as well.
# Every measurement is a line of standard output, `row,round,ms`, to be kept beside what is said of it; medians and ratios come
# on standard error. A row's figure is the processor time that further epochs take, so that preparation and the measurements of the
# first and last epoch do not count, and neither does who else is on the machine. One thread each. PHASESWEEP_DATA and PEERS as
# in training.sh.
set -euo pipefail
source "$(dirname "$0")/rounds.sh"
threads=1
TIMEFORMAT="%U %S"

# Sweep, runs in a cohort, epochs; all sixteen seeds. `kernel` is the engine, or auto.
ours() {
  rm -rf "$scratch/run"
  {
    time RAYON_NUM_THREADS=$threads "$program" run "benches/$1.toml" --set "train.epochs=$3" --threads "$threads" \
      --kernel "${kernel:-auto}" --replicas "$2" --out "$scratch/run" --quiet >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; exit 1; }
  } 2>"$scratch/time"
  awk 'END { print $1 + $2 }' "$scratch/time"
}
peer() { # network, how, epochs; sixteen runs stacked, two in a loop, whose rate does not depend on their number
  local runs=16
  [ "$2" = vmap ] || runs=2
  "$peers/bin/python" benches/peers/torch_networks.py --data "$data" --net "$1" --how "$2" --runs "$runs" \
    --epochs "$3" --threads "$threads" | sed -n 's/.*"processor_seconds": \([0-9.e-]*\).*/\1/p'
}
# Function, its two arguments, runs, steps of an epoch, short and long epochs.
step() {
  local less more
  less=$("$1" "$2" "$3" "$6"); more=$("$1" "$2" "$3" "$7")
  awk -v a="$less" -v b="$more" -v n=$(($4 * $5 * ($7 - $6))) 'BEGIN { print 1000 * (b - a) / n }'
}
one() {
  case $1 in
    dense_cohort) step ours residual 16 16 1 1 21 ;;
    dense_alone) step ours residual 1 16 1 1 21 ;;
    dense_burn) kernel=burn step ours residual 16 16 1 1 21 ;;
    dense_loop) step peer dense loop 2 1 1 21 ;;
    dense_vmap) step peer dense vmap 16 1 1 11 ;;
    resnet_cohort) step ours resnet 16 16 5 1 3 ;;
    resnet_alone) step ours resnet 1 16 5 1 3 ;;
    resnet_burn) kernel=burn step ours resnet 16 16 5 1 3 ;;
    resnet_loop) step peer resnet loop 2 5 1 4 ;;
    resnet_vmap) step peer resnet vmap 16 5 1 2 ;;
  esac
}

names=(dense_cohort dense_alone dense_burn resnet_cohort resnet_alone resnet_burn)
have_peers >&2 && names=(dense_cohort dense_alone dense_burn dense_loop dense_vmap resnet_cohort resnet_alone resnet_burn resnet_loop resnet_vmap)
[ -z "${ROWS:-}" ] || read -ra names <<<"$ROWS"
echo "row,round,ms"
for ((round = 1; round <= rounds; round++)); do
  for name in "${names[@]}"; do
    value=$(one "$name")
    echo "$name,$round,$value"
    echo "$value" >>"$scratch/$name"
  done
done
{
  echo "$(date -u +%FT%TZ) $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2-), one thread each, $("$program" --version), load $(cut -d' ' -f1 /proc/loadavg)"
  for name in "${names[@]}"; do printf '%-14s median %9.3f ms of a processor per run and step\n' "$name" "$(median "$name")"; done
  for net in dense resnet; do
    for other in alone burn loop vmap; do
      [ -s "$scratch/${net}_$other" ] && [ -s "$scratch/${net}_cohort" ] || continue
      awk -v net="$net" -v other="$other" -v c="$(median "${net}_cohort")" -v o="$(median "${net}_$other")" \
        'BEGIN { printf "%s: a cohort of 16 takes 1/%.2f of the processor time of %s\n", net, o / c, other }'
    done
  done
} >&2
