# What the training benches share, to be sourced by them: arguments PHASESWEEP [ROUNDS] as $program and $rounds, where the
# data and the peers are, a scratch directory, and how a row is timed, told and summed up. Who calls `measure` defines
# `one`, which prints a row's figure, and sets `names`, the rows.
# A run that fails ends the bench, from within substitutions too: what was not measured has no figure.
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
program=$1; rounds=${2:-5}
export PHASESWEEP_DATA=${PHASESWEEP_DATA:-$HOME/.cache/phasesweep/data}
data=$PHASESWEEP_DATA/mnist
peers=${PEERS:-$HOME/.cache/phasesweep/peers}
threads=${THREADS:-$(nproc)}
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT

# Seconds of training, from the results file's own account: sweep, runs, epochs, kernel.
training_seconds() {
  rm -rf "$scratch/run"
  "$program" run "$1" --set "sweep.seeds.count=$2" --set "train.epochs=$3" --threads "$threads" \
    --kernel "$4" --out "$scratch/run" --quiet 2>"$scratch/log" || { cat "$scratch/log" >&2; exit 1; }
  told_seconds
}
# The same of the run that lies in the scratch directory.
told_seconds() { ncdump -h "$scratch/run/results.h5" | awk '$1 == ":training_seconds" { gsub(";", "", $3); print $3 }'; }
have_peers() {
  [ -x "$peers/bin/python" ] && return
  echo "the peers are left out: make $peers a Python environment with benches/peers/requirements.txt"
  return 1
}
median() { sort -g "$scratch/$1" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# Every row in turn, as many times as there are rounds.
measure() {
  local round name value
  echo "$(date -u +%FT%TZ) $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2-), $threads threads, $("$program" --version), load $(cut -d' ' -f1 /proc/loadavg)"
  for ((round = 1; round <= rounds; round++)); do
    for name in "${names[@]}"; do
      value=$(one "$name")
      echo "$value" >>"$scratch/$name"
      printf '%-15s round %d  %9.3f\n' "$name" "$round" "$value"
    done
  done
  echo
}
