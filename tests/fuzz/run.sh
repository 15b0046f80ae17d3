#!/usr/bin/env bash
# Runs fuzz targets one after another at low priority: run.sh BIN CORPORA SECONDS TARGET…
# A line a target at the end: executions, edges covered, inputs that found something.
set -euo pipefail
bin=$1 corpora=$2 seconds=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)
# As a test would have it; HDF5's own locks are of no use in a folder that nobody else opens.
export HDF5_USE_FILE_LOCKING=FALSE
for target in "$@"; do
  mkdir -p "$corpora/$target" "$here/found/$target"
  log=$corpora/$target.log
  # 4 GiB, because memory that Rust code takes is bounded more tightly by the targets themselves.
  # One thread of rayon, so that the order of allocations is the same each time.
  RAYON_NUM_THREADS=1 nice -n 19 "$bin/$target" "$corpora/$target" "$here/corpora/$target" -max_total_time="$seconds" \
    -timeout=20 -rss_limit_mb=4096 -max_len=8192 -use_value_profile=1 -print_final_stats=1 \
    -artifact_prefix="$here/found/$target/" >"$log" 2>&1 &
  wait $! || true
  # Its scratch files, which bear its number: another target may be running beside this one.
  rm -rf "/dev/shm/phasesweep-readers-$!" "/dev/shm/phasesweep-results-$!"
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)
  edges=$(grep -o 'cov: [0-9]*' "$log" | tail -1 | cut -d' ' -f2)
  found=$(find "$here/found/$target" -type f | wc -l)
  echo "$target: ${executions:-?} executions, ${edges:-?} edges, $found inputs that found something (log: $log)"
done
