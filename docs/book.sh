#!/usr/bin/env bash
# Builds the book: docs/book.sh MDBOOK OUTPUT
#
# Pages link to files beside docs/ (the README, sweeps, sources), as readers of the repository want it. So the book is built from a
# copy of the repository's layout, in which those are there: the README is its first page, and the other pages of the repository are
# its last part. Open OUTPUT/index.html; nothing in it asks the network for anything.
set -euo pipefail
mdbook=$1
mkdir -p "$2"
output=$(cd "$2" && pwd)
cd "$(dirname "$0")/.."

source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
tar -cf - --exclude='*.npz' --exclude=target --exclude=node_modules --exclude=corpora \
    ./*.md LICENSE Makefile docs sweeps slurm benches src analysis tests packaging | tar -xf - -C "$source"
cp docs/book.toml "$source/book.toml"
{
    echo '# Summary'
    echo
    echo '[phasesweep](README.md)'
    sed -E -e 1d -e 's#\]\(([^)]+)\)#](docs/\1)#' -e 's#^\[phasesweep\]#[This book]#' docs/SUMMARY.md
    cat <<'PAGES'

# The repository

- [Design](DESIGN.md)
- [Working on phasesweep](CONTRIBUTING.md)
- [Fuzzing](tests/fuzz/README.md)
- [Job scripts](slurm/README.md)
- [Packaging](packaging/README.md)
- [Digits](src/data/sources/DIGITS.md)
- [Changes](CHANGELOG.md)
PAGES
} > "$source/SUMMARY.md"
rm -rf "${output:?}"/*
"$mdbook" build "$source" --dest-dir "$output"
# The page that a browser opens first is the README's, whose links are those of the root.
echo "$output/index.html"
