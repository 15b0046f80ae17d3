#!/usr/bin/env bash
# Every figure of docs/papers.md, one sweep after another: trains, reports, and copies the figures and tables that the page shows.
#
#   sweeps/papers/all.sh PHASESWEEP REPORT reduced|full [NAME…]
#
# `reduced` is meant for an hour or two of two cores and needs MNIST and Fashion-MNIST (`phasesweep data fetch`); `full` takes the papers' own
# sizes and some days of two cores. With names, only those rows. A sweep that is done is not trained again, and one that was
# interrupted goes on: runs lie in runs/papers/SIZE. What each took, in seconds and in seconds of processor time, training and report
# together, is added to runs/papers/SIZE/costs.csv. FIGURES is where figures and tables go (docs/papers); RANKS runs them under mpirun.
set -euo pipefail
program=$1; reporter=$2; size=$3; shift 3
wanted=" $* "
here=$(cd "$(dirname "$0")" && pwd)
sweeps=$(dirname "$here")
runs=${RUNS:-runs/papers/$size}
figures=${FIGURES:-$(dirname "$sweeps")/docs/papers}
mkdir -p "$runs" "$figures"
[ -e "$runs/costs.csv" ] || echo 'sweep,seconds,processor_seconds' >"$runs/costs.csv"
failed=()

# Sets `taken` to the processor seconds of all children that have ended (of this shell: a pipe or $(…) would be another one).
processor() {
  times >"$runs/.times"
  taken=$(awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, part, /[ms]/); sum += 60 * part[1] + part[2] } print sum }' "$runs/.times")
}

# row NAME SWEEP [SETTING…]: the settings behind `reduced:` or `full:` are those of that size alone.
row() {
  local name=$1 sweep=$2 began before; shift 2
  case $wanted in *[![:space:]]*) case $wanted in *" $name "*) ;; *) return 0 ;; esac ;; esac
  local settings=() setting
  for setting in "$@"; do
    case $setting in
      "$size":*) settings+=(--set "${setting#*:}") ;;
      reduced:* | full:*) ;;
      *) settings+=(--set "$setting") ;;
    esac
  done
  echo "== $name: phasesweep run ${sweep#"$(dirname "$sweeps")"/} ${settings[*]-}"
  began=$(date +%s.%N)
  processor; before=$taken
  local command=("$program" run "$sweep" --out "$runs/$name" ${settings[@]+"${settings[@]}"})
  [ -z "${RANKS:-}" ] || command=(mpirun -n "$RANKS" "${command[@]}")
  if ! "${command[@]}"; then
    failed+=("$name"); echo "$name did not come to its end; its figures are left as they are." >&2; return 0
  fi
  if ! "$reporter" "$runs/$name" >"$runs/$name.txt"; then
    failed+=("$name"); echo "$name has no report; see $runs/$name.txt." >&2; return 0
  fi
  processor
  awk -v b="$began" -v e="$(date +%s.%N)" -v p="$before" -v q="$taken" -v n="$name" \
    'BEGIN { printf "%s,%.0f,%.0f\n", n, e - b, q - p }' >>"$runs/costs.csv"
}

# shown NAME FIGURE AS: a figure or table of the report, under the name that the page shows it by.
shown() {
  case $wanted in *[![:space:]]*) case $wanted in *" $1 "*) ;; *) return 0 ;; esac ;; esac
  case " ${failed[*]-} " in *" $1 "*) return 0 ;; esac
  cp "$runs/$1/report/$2" "$figures/$3"
}

# phases NAME…: the phases of local complexity of those runs that are there, as one table.
phases() {
  local there=() name
  for name in "$@"; do [ ! -e "$runs/$name/report/lc_phases.csv" ] || there+=("$runs/$name"); done
  [ ${#there[@]} = 0 ] || python3 "$here/phases.py" "${there[@]}" >"$figures/regions-phases.csv"
}

# Inversion of class manifolds (Ciceri et al. 2024).
row inversion-mnist "$sweeps/inversion-mnist.toml" reduced:sweep.seeds=16
row stragglers-mnist "$sweeps/stragglers-mnist.toml" reduced:sweep.seeds=8
row pruning-mnist "$sweeps/pruning-mnist.toml" train.epochs=500 reduced:sweep.seeds=2
shown pruning-mnist figures/pruning.svg pruning-mnist.svg
row pruning-noise "$here/pruning-noise.toml"
shown pruning-noise figures/pruning.svg pruning-noise.svg
row overlap-mnist "$sweeps/overlap-mnist.toml" reduced:sweep.seeds=48
row stability "$sweeps/stability.toml" reduced:sweep.seeds=3
row inversion-samples "$here/inversion-samples.toml" reduced:sweep.seeds=2
shown inversion-samples figures/epsilon_along_samples.svg inversion-samples.svg
row inversion-depth "$here/inversion-depth.toml"
shown inversion-depth figures/epsilon_along_depth.svg inversion-depth.svg
row inversion-convolutions "$here/inversion-convolutions.toml" reduced:sweep.seeds=1 reduced:train.epochs=200
row inversion-labels "$here/inversion-labels.toml"
shown inversion-labels figures/epsilon_along_data.svg inversion-labels.svg
row inversion-nulls "$here/inversion-nulls.toml" reduced:sweep.seeds=2 full:data.source=mnist full:subsample.size=2048 full:optimiser.1.lr=0.001 full:train.epochs=500
shown inversion-nulls figures/events.svg inversion-nulls.svg

# Geometric compression and the tangent kernel (Paccolat et al. 2021).
row compression-stripe "$sweeps/compression-stripe.toml" sweep.seeds=2 'full:subsample.draw={start=0,count=8}' 'full:subsample.size=[64,128,256,512,1024,2048]' full:flow.kernel_flow=10000 'reduced:subsample.draw={start=0,count=4}' 'reduced:subsample.size=[64,128,256]'
row compression-cylinder "$sweeps/compression-cylinder.toml" 'full:subsample.draw={start=0,count=8}' reduced:sweep.seeds=2 'reduced:subsample.size=[64,128,256]'
row compression-drift "$here/compression-drift.toml" 'reduced:subsample.draw={start=0,count=8}' 'reduced:subsample.size=[64,128,256,512,1024,2048,4096]'
shown compression-drift figures/flow_drift.svg compression-drift.svg
row compression-neurons "$here/compression-neurons.toml"
shown compression-neurons figures/flow_neurons.svg compression-neurons.svg
shown compression-neurons figures/flow_profile.svg compression-profile.svg
row compression-machines "$here/compression-machines.toml" full:sweep.seeds=5 'full:subsample.size=[64,128,256,512,1024,2048]'
shown compression-machines figures/flow_kernel.svg compression-machines.svg
row compression-mnist-deep "$here/compression-mnist-deep.toml" reduced:sweep.seeds=2 'reduced:subsample.size=[32,64,128]'

# Linear regions (Humayun et al. 2023, 2024).
row local-complexity-mnist "$sweeps/local-complexity-mnist.toml" reduced:sweep.seeds=1 reduced:train.epochs=2000
row grokking-mnist "$sweeps/grokking-mnist.toml" reduced:sweep.seeds=1 reduced:train.epochs=2000
row regions-network "$here/regions-network.toml" reduced:sweep.seeds=2
row regions-normalisation "$here/regions-normalisation.toml" reduced:train.epochs=4000
shown regions-normalisation figures/lc_along.svg regions-normalisation.svg
row regions-decay "$here/regions-decay.toml"
shown regions-decay figures/lc_along.svg regions-decay.svg
row regions-data "$here/regions-data.toml" reduced:sweep.seeds=2
phases regions-network regions-normalisation regions-decay regions-data
row regions-colour "$here/regions-colour.toml" full:sweep.seeds=4 full:data.train=50000 full:subsample.size=50000 full:train.epochs=100
shown regions-colour figures/lc_along.svg regions-colour.svg
row regions-proxy "$here/regions-proxy.toml"
shown regions-proxy figures/neighbourhood_regions.svg regions-proxy.svg
shown regions-proxy figures/neighbourhood_directions.svg regions-proxy-directions.svg
row regions-first-steps "$here/regions-first-steps.toml" full:sweep.seeds=8
shown regions-first-steps figures/lc_along.svg regions-first-steps.svg

if ((${#failed[@]})); then echo "Not made: ${failed[*]}" >&2; exit 1; fi
