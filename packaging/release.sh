#!/usr/bin/env bash
# Makes a release: packaging/release.sh [--programs DIR] [--output DIR] [CARGO'S FEATURE OPTIONS]
#
#     phasesweep-VERSION-TARGET.tar.gz       both programs, completions, manual pages, sweeps, job scripts
#     phasesweep-VERSION-TARGET.spdx.json    what was compiled in: names, versions, licences, checksums
#     phasesweep-VERSION-source.tar.gz       the sources of the commit, in a clone
#     phasesweep-VERSION-gompi-2025b.eb      an easyconfig with the checksums of these sources and of every crate
#     SHA256SUMS                             checksums of these
#
# into target/release-archive. The same commit, compiler, C compiler and libraries give the same bytes: names of this machine's directories are
# replaced in what compilers write, times are those of the commit (or SOURCE_DATE_EPOCH), the archive's entries are sorted and belong to
# nobody. `--programs DIR` packs programs that are built already. Features as cargo takes them: `--no-default-features
# --features static-hdf5` makes an archive that needs neither MPI nor HDF5.
set -euo pipefail
cd "$(dirname "$0")/.."
programs='' output=target/release-archive
features=()
while [ $# -gt 0 ]; do
    case $1 in
    --programs) programs=$2; shift 2 ;;
    --output) output=$2; shift 2 ;;
    *) features+=("$1"); shift ;;
    esac
done

if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null) || {
        echo 'error: this is no clone: set SOURCE_DATE_EPOCH to the seconds since 1970 of the release' >&2
        exit 2
    }
fi
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC
# What is built now, whatever is committed until it is: a build takes minutes.
commit=$(git rev-parse --verify --quiet HEAD) || commit=''
if [ -n "$commit" ] && [ -n "$(git status --porcelain --untracked-files=no)" ]; then
    echo "warning: there are changes that are not committed: the programs have them, the archive of the sources does not" >&2
fi
umask 022

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
target=$(rustc -vV | sed -n 's/^host: //p')
name=phasesweep-$version-$target

if [ -z "$programs" ]; then
    cargo_home=${CARGO_HOME:-$HOME/.cargo}
    # Paths of this machine appear in messages of panics and in line tables.
    remap="--remap-path-prefix=$PWD=/phasesweep --remap-path-prefix=$cargo_home=/cargo --remap-path-prefix=$(rustc --print sysroot)=/rust"
    build=${RELEASE_TARGET_DIR:-$PWD/target/release-build}
    RUSTFLAGS="${RUSTFLAGS:-} $remap" \
        CFLAGS="${CFLAGS:-} -ffile-prefix-map=$cargo_home=/cargo -ffile-prefix-map=$build=/build" \
        CXXFLAGS="${CXXFLAGS:-} -ffile-prefix-map=$cargo_home=/cargo -ffile-prefix-map=$build=/build" \
        CARGO_TARGET_DIR=$build CARGO_INCREMENTAL=0 \
        cargo build --release --workspace --locked --bins --config 'profile.release.strip="symbols"' \
        --config 'profile.release.debug=false' ${features[@]+"${features[@]}"}
    programs=$build/release
fi

mkdir -p "$output"
output=$(cd "$output" && pwd)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
packaging/install.sh "$programs" "$stage/$name" > /dev/null
python3 packaging/sbom.py ${features[@]+"${features[@]}"} > "$output/$name.spdx.json"
install -m 644 "$output/$name.spdx.json" "$stage/$name/share/doc/phasesweep/phasesweep.spdx.json"
tar -C "$stage" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=gnu \
    -cf - "$name" | gzip -9 --no-name > "$output/$name.tar.gz"
files=("$name.tar.gz" "$name.spdx.json")
if [ -n "$commit" ]; then
    sources=phasesweep-$version-source.tar.gz easyconfig=phasesweep-$version-gompi-2025b.eb
    git archive --format=tar --prefix="phasesweep-$version/" "$commit" | gzip -9 --no-name > "$output/$sources"
    packaging/easybuild/easyconfig.py "$output/$sources" > "$output/$easyconfig"
    files+=("$sources" "$easyconfig")
fi
(cd "$output" && sha256sum "${files[@]}" > SHA256SUMS)
echo "$output/$name.tar.gz"
