#!/usr/bin/env bash
# A cohort that does not fit a device is split, and every cell is trained: on Mesa's software device, whose memory is kept short.
#
#   tests/wgpu/out_of_memory.sh PHASESWEEP        (make test-wgpu)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=$1
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-$scratch}
cc -O2 -shared -fPIC -o "$scratch/limited.so" "$here/limited.c" -ldl -lpthread
# Hidden layers of 8 × 1500 × 2000 numbers are 92 MiB; eight cells take 420 MiB of such pieces, four of them 234.
LIMIT_MIB=300 LD_PRELOAD=$scratch/limited.so "$program" run "$here/../../sweeps/quick.toml" --device wgpu \
  --set sweep.seeds=8 --set 'architecture.hidden=[[2000]]' --set optimiser.lr=0.1 --set train.epochs=2 \
  --set 'observe.record={ every = 2 }' --replicas 8 --out "$scratch/run" 2>&1 | tee "$scratch/log" | cut -c1-200 | grep -v 'skipped'
grep -q 'is split into 2 of 8 cells in all' "$scratch/log" || { echo 'no cohort was split' >&2; exit 1; }
grep -q '8 cells complete, 0 diverged, 0 failed' "$scratch/log" || { echo 'not every cell was trained' >&2; exit 1; }
echo 'a cohort that did not fit was split, and its cells trained'
