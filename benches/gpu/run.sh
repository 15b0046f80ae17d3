#!/usr/bin/env bash
# Ten minutes on a GPU: is it right, and how fast is it? Made to be run from the bundle that `make gpu-bundle` packs, on a machine
# that has nothing but a driver, bash and a python3 with torch.
#
#   ./run.sh [DEVICE] [OUT]        DEVICE: tch:cuda (the default), tch, or another that the program has; OUT: out
#
# QUICK=1 takes a sixteenth of everything: for trying the bundle where there is no GPU. Each row is a line of OUT/rows.csv
# (what, value, unit) as soon as it is known, so that a job that is cut off leaves what it measured; OUT/table.txt is the table.
# A row that fails says so and the next one runs. LIMIT is the budget of the whole in seconds (600): a row is not begun after it.
# ROW_LIMIT is that of a row (150), ONLY=correct leaves out how fast it is.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
device=${1:-tch:cuda}; out=$(mkdir -p "${2:-out}" && cd "${2:-out}" && pwd)
began=$SECONDS; limit=${LIMIT:-600}
python=${PYTHON:-python3}
torch=$("$python" -c 'import os, torch; print(os.path.dirname(torch.__file__))') || { echo "no torch for $python" >&2; exit 2; }
# LibTorch's own libraries, and those of CUDA that pip lays beside it.
libraries=$torch/lib
for folder in "$torch"/../nvidia/*/lib; do [ -d "$folder" ] && libraries+=:$folder; done
export LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PHASESWEEP_DATA=$here/data XDG_CACHE_HOME=$out/cache HDF5_USE_FILE_LOCKING=FALSE
program=$here/bin/phasesweep
"$python" - "$here"/bin/*.xz <<'UNPACK' || exit 2
import lzma, os, shutil, sys
for name in filter(os.path.exists, sys.argv[1:]):
    with lzma.open(name) as packed, open(name.removesuffix(".xz"), "wb") as program:
        shutil.copyfileobj(packed, program)
    os.chmod(name.removesuffix(".xz"), 0o755)
    os.remove(name)
UNPACK
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
# Trains a sweep on $on, or on the device. name, sweep, arguments
train() {
  local name=$1 sweep=$2; shift 2
  rm -rf "${out:?}/$name"
  timeout "${ROW_LIMIT:-150}" "$program" run "$here/sweeps/$sweep" --out "$out/$name" --device "${on:-$device}" "$@" >"$out/$name.log" 2>&1 ||
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
# Seconds from the first cohort to the results, by the log of a row: without the start of the program, the data and trials.
trained() {
  sed -n 's/^[0-9-]*T\([0-9:.]*\)Z *INFO .*\( cohorts on \| complete, \).*/\1/p' "$out/$1.log" | tr ':' ' ' |
    awk '{ at = 3600 * $1 + 60 * $2 + $3; if (NR == 1) first = at } END { printf "%.3f", at - first }'
}

rm -f "$out/table.txt"
{
  date -u +%FT%TZ
  "$program" --version
  "$python" -c 'import torch; print("torch", torch.__version__, torch.cuda.get_device_name(0) if torch.cuda.is_available() else "on a CPU")'
  "$program" doctor 2>&1 | sed -n '/devices/,/HDF5/p'
} | tee "$out/machine.txt"

echo "— correct?"
# Some of the tests, one after the other. A run forbids cuDNN to round to TF32, a test does not; and LibTorch's own threads would get in
# each other's way where the device is the CPU.
some_tests() {
  (cd "$here" && PHASESWEEP_TEST_DEVICE=$device NVIDIA_TF32_OVERRIDE=0 OMP_NUM_THREADS=1 \
    timeout "${ROW_LIMIT:-150}" bin/tests --test-threads 1 --exact "$@")
}
# All of them in as many processes as there are cores to start operations from, for which a GPU waits most of the time.
device_tests() {
  local shard shards=$(($(nproc) < 8 ? $(nproc) : 8)) names
  mapfile -t names < <(cd "$here" && bin/tests --list burn:: device:: train::tests | sed -n 's/: test$//p')
  for ((shard = 0; shard < shards; shard++)); do
    local part=()
    for ((test = shard; test < ${#names[@]}; test += shards)); do part+=("${names[test]}"); done
    [ ${#part[@]} = 0 ] || some_tests "${part[@]}" >"$out/tests-$shard.log" 2>&1 &
  done
  wait
  awk -v all=${#names[@]} '/(^|\.\.\. )ok$/ { passed++ } END { print passed + 0 " of " all }' "$out"/tests-*.log
}
if time_left "device tests that pass"; then row "device tests that pass" "$(device_tests)" ""; fi
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

[ "${ONLY:-}" = correct ] && exit
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
    row "experiment 1${rounded:+, TF32}, of which cohorts" "$(per "$(awk -v w="$(trained "$name")" 'BEGIN { print 1000 * w }')" "$runs")" "ms a run"
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
# Small flows stay on the host, wide ones are followed on the device; there and on the host.
timed "small gradient flows" train flows-small compression-quick.toml --set "sweep.seeds=$(scale 64 4)" --set 'subsample.size=256' \
  --set 'optimiser.alpha=1e-4' && row "$(scale 64 4) gradient flows of 256 samples, 200 units" "$wall" "s, everything"
for on in "$device" flex; do
  timed "wide gradient flows on $on" train "flows-$on" flows.toml --set "sweep.seeds=$(scale 8 1)" --set "train.epochs=$(scale 150 10)" &&
    row "$(scale 8 1) flows of 1024 samples, 1000 units: cohorts on $on" "$(trained "flows-$on")" s
  timed "convolutional gradient flows on $on" train "flows-images-$on" flows-images.toml --set "sweep.seeds=$(scale 8 1)" \
    --set "train.epochs=$(scale 60 5)" && row "$(scale 8 1) flows of 256 images, 2 × 32 channels: cohorts on $on" "$(trained "flows-images-$on")" s
done
on=
# Of a product with the Hessian: 1.6 thousand million operations of each network, in double precision.
timed "sharpness on $device" train sharpness inversion-mnist.toml --set "sweep.seeds.count=$(scale 8 2)" --set "train.epochs=$(scale 100 10)" \
  --set optimiser.lr=0.2 --set 'observe.sharpness={at={every=50}}' &&
  row "sharpness, $(scale 8 2) seeds, 8192 samples: cohorts on $device" "$(trained sharpness)" s
timed "gradient noise on $device" train noise inversion-mnist.toml --set "sweep.seeds.count=$(scale 8 2)" --set "train.epochs=$(scale 100 10)" \
  --set optimiser.lr=0.2 --set 'observe.gradient_noise={at={every=50},probes=5}' &&
  row "gradient noise, $(scale 8 2) seeds, 8192 samples: cohorts on $device" "$(trained noise)" s
row "all of it" "$((SECONDS - began))" "s"
