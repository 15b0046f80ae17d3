#!/bin/sh
# rustc for the fuzz targets (RUSTC_WRAPPER): the crates that read foreign bytes get counters at every edge and comparison,
# all others are compiled as they are, and so are shared with the ordinary build. The flags are those of cargo-fuzz.
rustc=$1
shift
case " $* " in
  *" --crate-name phasesweep "* | *" --crate-name phasesweep_analysis "* | *" --crate-name phasesweep_results "* | \
  *" --crate-name phasesweep_fuzz "*) instrument=yes ;;
  # The targets themselves, without the half gigabyte of lines that each would repeat.
  *" targets/"*) instrument=yes; set -- "$@" -C strip=debuginfo ;;
  *) instrument=no ;;
esac
if [ $instrument = yes ]; then
  exec "$rustc" "$@" --cfg fuzzing -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4 \
    -C llvm-args=-sanitizer-coverage-inline-8bit-counters -C llvm-args=-sanitizer-coverage-pc-table \
    -C llvm-args=-sanitizer-coverage-trace-compares
fi
exec "$rustc" "$@"
