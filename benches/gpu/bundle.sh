#!/usr/bin/env bash
# Packs what measures a GPU into one folder that runs on a machine with nothing but a driver, bash and a python3 with torch.
#
#   benches/gpu/bundle.sh BUNDLE        (make gpu-bundle)
#
# TORCH names the Python environment whose torch is built against (2.9, or 2.11 by LIBTORCH_BYPASS_VERSION_CHECK); the machine's
# torch must be of the same version. PHASESWEEP_DATA names the directory that holds mnist/. KERNEL is a finished program of the
# CPU kernel, which makes the frozen tables. FEATURES names others to be built in (phasesweep/tch,phasesweep/wgpu: Vulkan as well).
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/../.."
bundle=$1
torch=${TORCH:?names a Python environment with torch}; kernel=${KERNEL:?names a finished phasesweep}
data=${PHASESWEEP_DATA:-$HOME/.cache/phasesweep/data}
export PATH=$torch/bin:$PATH LIBTORCH_USE_PYTORCH=1 LIBTORCH_BYPASS_VERSION_CHECK=1
# The program, its report, and the tests of the library; without MPI and with HDF5 inside: the machine need have neither, and the
# system's HDF5 asks for libraries of its system.
build=(--release --locked --workspace --no-default-features --features "phasesweep/static-hdf5,${FEATURES:-phasesweep/tch}")
# Cargo does not see that LibTorch has changed, and would link what was compiled against another one's headers.
version=$("$torch/bin/python" -c 'import torch; print(torch.__version__)') built=${CARGO_TARGET_DIR:-target}/torch-version
if [ "$(cat "$built" 2>/dev/null)" != "$version" ]; then
  cargo clean --release -p torch-sys
  mkdir -p "$(dirname "$built")" && echo "$version" >"$built"
fi
cargo build "${build[@]}"
tests=$(cargo test "${build[@]}" --lib --no-run --message-format=json -p phasesweep 2>/dev/null |
  sed -n 's/.*"executable":"\([^"]*phasesweep-[0-9a-f]*\)".*/\1/p' | tail -1)
bin=${CARGO_TARGET_DIR:-target}/release

rm -rf "$bundle"; mkdir -p "$bundle"/{bin,data/mnist,sweeps,peers,frozen,frozen-small}
strip -o "$bundle/bin/phasesweep" "$bin/phasesweep"
strip -o "$bundle/bin/phasesweep-report" "$bin/phasesweep-report"
strip -o "$bundle/bin/tests" "$tests"
# Does it start with this torch?
LD_LIBRARY_PATH=$("$torch/bin/python" -c 'import os, torch; print(os.path.dirname(torch.__file__))')/lib "$bundle/bin/phasesweep" --version
for file in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
  gzip -9cn "$data/mnist/$file-ubyte" >"$bundle/data/mnist/$file-ubyte.gz" 2>/dev/null ||
    cp "$data/mnist/$file-ubyte.gz" "$bundle/data/mnist/"
done
cp sweeps/{quick,inversion-mnist,overlap-mnist,local-complexity-mnist,compression-quick}.toml "$bundle/sweeps/"
cp benches/peers/{task,torch_fused}.py "$bundle/peers/"
cp benches/gpu/{run.sh,cells.sh,peak.py,compare.py} "$bundle/"
cp benches/gpu/flows{,-images}.toml "$bundle/sweeps/"
# The tests read what PyTorch computed from here.
mkdir -p "$bundle/src/train/tests" && cp src/train/tests/*.json "$bundle/src/train/tests/"
# What the CPU kernel finds of the cells that run.sh compares.
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
freeze() { # folder, name, sweep, arguments
  local folder=$1 name=$2 sweep=$3; shift 3
  PHASESWEEP_DATA=$data "$kernel" run "sweeps/$sweep" --out "$scratch/$folder-$name" --device flex --quiet "$@"
  "$(dirname "$kernel")/phasesweep-report" "$scratch/$folder-$name/results.h5" >/dev/null
  cp "$scratch/$folder-$name/report/turning_points.csv" "$bundle/$folder/$name.csv"
}
source benches/gpu/cells.sh
for folder in frozen frozen-small; do freeze $folder quick quick.toml "${quick_cells[@]}"; done
freeze frozen inversion-mnist inversion-mnist.toml "${mnist_cells[@]}"
freeze frozen-small inversion-mnist inversion-mnist.toml "${mnist_cells_small[@]}"
# A folder is sent to where the GPU is: the programs travel compressed, run.sh unpacks them, by what its Python has for sure.
"$torch/bin/python" - "$bundle"/bin/* <<'PACK'
import lzma, os, sys
for name in sys.argv[1:]:
    with open(name, "rb") as program, lzma.open(name + ".xz", "wb", preset=9 | lzma.PRESET_EXTREME) as packed:
        packed.write(program.read())
    os.remove(name)
PACK
du -sh "$bundle" | cut -f1
