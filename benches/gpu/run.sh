#!/usr/bin/env bash
# Ten minutes on a GPU: is it right, and how fast is it? Made to be run from the bundle that `make gpu-bundle` packs, on a machine
# that has nothing but a driver, bash and a python3 with torch.
#
#   ./run.sh [DEVICE] [OUT]        DEVICE: tch:cuda (the default), tch, or another that the program has; OUT: out
#
# QUICK=1 takes a sixteenth of everything: for trying the bundle where there is no GPU. Each row is a line of OUT/rows.csv
# (what, value, unit) as soon as it is known, so that a job that is cut off leaves what it measured; OUT/table.txt is the table.
# A row that fails says so and the next one runs. LIMIT is the budget of the whole in seconds (600): a row is not begun after it.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
device=${1:-tch:cuda}; out=$(mkdir -p "${2:-out}" && cd "${2:-out}" && pwd)
began=$SECONDS; limit=${LIMIT:-600}
python=${PYTHON:-python3}
torch=$("$python" -c 'import os, torch; print(os.path.dirname(torch.__file__))') || { echo "no torch for $python" >&2; exit 2; }
# LibTorch's own libraries, those of CUDA that pip lays beside it, and the bundle's HDF5.
libraries=$torch/lib
for folder in "$torch"/../nvidia/*/lib; do [ -d "$folder" ] && libraries+=:$folder; done
export LD_LIBRARY_PATH=$here/lib:$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PHASESWEEP_DATA=$here/data XDG_CACHE_HOME=$out/cache HDF5_USE_FILE_LOCKING=FALSE
program=$here/bin/phasesweep
for packed in "$here"/bin/*.gz; do [ ! -e "$packed" ] || gunzip -f "$packed" || exit 2; done
small=${QUICK:+1}
source "$here/cells.sh"
[ -z "$small" ] || mnist_cells=("${mnist_cells_small[@]}")
scale() { if [ -n "$small" ]; then echo "$2"; else echo "$1"; fi; }
: >"$out/rows.csv"

row() { # what, value, unit
  printf '%s,%s,%s\n' "$1" "$2" "$3" >>"$out/rows.csv"
  printf '%-58s %12s %s\n' "$1" "$2" "$3" | tee -a "$out/table.txt"
}
# Whether there is time for another row, which is named otherwise.
time_left() {
  [ $((SECONDS - began)) -lt "$limit" ] && return
  row "$1" "" "not begun: the budget of $limit s is used up"; return 1
}
# Trains a sweep; prints the seconds of training by the results file's own account. name, sweep, arguments
train() {
  local name=$1 sweep=$2; shift 2
  rm -rf "${out:?}/$name"
  "$program" run "$here/sweeps/$sweep" --out "$out/$name" --device "$device" --quiet "$@" >"$out/$name.log" 2>&1 ||
    { tail -3 "$out/$name.log" >&2; return 1; }
}
# Wall-clock seconds of a command, training and everything around it; its failure is its own row. what, command
timed() {
  local what=$1 start; shift
  time_left "$what" || return 1
  start=$(date +%s.%N)
  if "$@"; then wall=$(awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN { printf "%.2f", b - a }')
  else row "$what" "" failed; return 1; fi
}
per() { awk -v s="$1" -v n="$2" 'BEGIN { printf "%.3f", s / n }'; }

rm -f "$out/table.txt"
{
  date -u +%FT%TZ
  "$program" --version
  "$python" -c 'import torch; print("torch", torch.__version__, torch.cuda.get_device_name(0) if torch.cuda.is_available() else "on a CPU")'
  "$program" doctor 2>&1 | sed -n '/devices/,/HDF5/p'
} | tee "$out/machine.txt"

echo "— correct?"
if time_left "device tests"; then
  (cd "$here" && PHASESWEEP_TEST_DEVICE=$device bin/tests --test-threads 1 burn:: device:: train::tests) >"$out/tests.log" 2>&1
  row "device tests that pass" "$(awk '/^test result/ { print $4 " of " ($4 + $6) }' "$out/tests.log")" ""
fi
correct() { # name, sweep, tolerance, arguments
  local name=$1 sweep=$2 tolerance=$3; shift 3
  train "$name" "$sweep" "$@" && "$here/bin/phasesweep-report" "$out/$name/results.h5" >"$out/$name.report" 2>&1 &&
    "$python" "$here/compare.py" "$here/frozen${small:+-small}/$name.csv" "$out/$name/report/turning_points.csv" "$tolerance" | tee "$out/$name.compared"
}
# A mean over 8 seeds may move by a quarter of their spread (0.0016 on MNIST) through rounding alone.
timed "quick.toml, 8 seeds: ε* as frozen" correct quick quick.toml 0.0004 "${quick_cells[@]}" &&
  row "quick.toml, 8 seeds: ε* as frozen" "$wall" "s, everything"
timed "inversion-mnist.toml, 8 seeds: ε* as frozen" correct inversion-mnist inversion-mnist.toml 0.0004 "${mnist_cells[@]}" &&
  row "inversion-mnist.toml, 8 seeds: ε* as frozen" "$wall" "s, everything"

echo "— how fast?"
timed "peak of LibTorch's products" "$python" "$here/peak.py" "$device" >"$out/peak.txt" &&
  while read -r what value; do row "peak of LibTorch's products, $what" "$value" TFLOP/s; done <"$out/peak.txt"
runs=$(scale 256 16); epochs=$(scale 500 30)
for rounded in "" --tf32; do
  name=experiment-1${rounded:+-tf32}
  # shellcheck disable=SC2086
  timed "experiment 1, $runs seeds${rounded:+, TF32}" train "$name" inversion-mnist.toml $rounded --set "sweep.seeds.count=$runs" \
    --set "train.epochs=$epochs" --set optimiser.lr=0.2 && {
    row "experiment 1, $runs seeds × $epochs epochs${rounded:+, TF32}" "$(per "$(awk -v w="$wall" 'BEGIN { print 1000 * w }')" "$runs")" "ms a run, everything"
  }
done
fused() { "$python" "$here/peers/torch_fused.py" --data "$here/data/mnist" --runs "$runs" --epochs "$epochs" --lr 0.2 \
  --device "$(case $device in *cuda*) echo cuda ;; *) echo cpu ;; esac)" >"$out/torch_fused.txt"; }
timed "torch_fused on the same device" fused &&
  row "torch_fused on the same device, $runs × $epochs" \
    "$(sed -n 's/.*"ms_per_run_epoch": \([0-9.e-]*\).*/\1/p' "$out/torch_fused.txt" | awk -v e="$epochs" '{ printf "%.3f", $1 * e }')" "ms a run, training alone"
seeds=$(scale 500 16)
timed "experiment 4, $seeds seeds" train overlap overlap-mnist.toml --set "sweep.seeds.count=$seeds" --set "train.epochs=$(scale 150 70)" &&
  row "experiment 4, $seeds seeds × 13 snapshots" "$wall" "s, everything"
timed "local-complexity-mnist.toml" train local-complexity local-complexity-mnist.toml --set "train.epochs=$(scale 1000 20)" \
  --set "sweep.seeds.count=$(scale 8 2)" && row "local-complexity-mnist.toml, $(scale 8 2) seeds × $(scale 1000 20) epochs" "$wall" "s, everything"
for flows in 1 "$(scale 64 4)"; do
  timed "$flows gradient flows" train "flows-$flows" compression-quick.toml --set "sweep.seeds=$flows" --set 'subsample.size=256' \
    --set 'optimiser.alpha=1e-4' && row "gradient flows, 256 samples: $flows together" "$wall" "s, everything"
done
row "all of it" "$((SECONDS - began))" "s"
