#!/bin/bash
# What a run of many cells costs to look at, resume, collect and report. Prints, for each command, seconds, peak memory and
# bytes read, and what had to be read. Usage: benches/million.sh [PHASESWEEP] [SEEDS]: ten cells for each seed; REPLICAS of them are a
# part. DIR names a run directory to be used again, or made.
set -eu -o pipefail
PHASESWEEP=$(realpath "$(command -v "${1:-phasesweep}")")
SEEDS=${2:-100000}
REPLICAS=${REPLICAS:-100}
COST=$(realpath "$(dirname "$0")/cost_of.py")
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/phasesweep-million.XXXXXX")
trap 'rm -rf "$SCRATCH"' EXIT
cd "$SCRATCH"

cat >million.toml <<TOML
[sweep]
name = "million"
seeds = { count = $SEEDS }
[[data]]
source = "digits"
labels = "parity"
[[subsample]]
size = 64
[[architecture]]
kind = "mlp"
hidden = [4]
[[optimiser]]
kind = "sgd"
lr = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
[train]
epochs = 20
loss = "cross-entropy"
batch = "full"
[observe]
manifold = { every = 1 }
TOML

mebibytes() { awk '{ sum += $1 } END { printf "%.0f MiB\n", sum / 1048576 }'; }
cost() { python3 "$COST" "$@" 2>>log; }

# Parts and nothing else: what is measured below was made by an earlier command, as after a walltime.
DIR=${DIR:-$SCRATCH/run}
[ -d "$DIR/parts" ] || "$PHASESWEEP" run million.toml --replicas "$REPLICAS" --threads 1 --out "$DIR" --no-collect --quiet 2>log
parts=$(find "$DIR/parts" -name '*.h5' -printf x | wc -c)
whole=$(find "$DIR/parts" -name '*.h5' -printf '%s\n' | mebibytes)
echo "$parts parts, $whole; their first pages: $((parts * 4096 / 1048576)) MiB"
echo "status:  $(cost "$PHASESWEEP" status "$DIR")"
echo "resume:  $(cost "$PHASESWEEP" run "$DIR" --threads 1 --no-collect --quiet)"
echo "collect: $(cost "$PHASESWEEP" collect "$DIR")"
echo "results.h5: $(stat -c %s "$DIR/results.h5" | mebibytes)"
echo "report:  $(cost "$PHASESWEEP" report "$DIR")"
