#!/usr/bin/env bash
# Installs built programs: packaging/install.sh PROGRAMS PREFIX
#
# Both programs, completions for bash, zsh and fish, a manual page for each command, the sweeps and the job scripts. Completions and
# manual pages are printed by the programs themselves. Files have fixed modes, so that an archive of the tree depends on its contents alone.
set -euo pipefail
programs=$1 prefix=$2
cd "$(dirname "$0")/.."
for program in phasesweep phasesweep-report; do
    [ -x "$programs/$program" ] || { echo "error: $programs/$program is not there: run make build first" >&2; exit 2; }
done

install -d -m 755 "$prefix"/bin "$prefix"/share/{bash-completion/completions,zsh/site-functions,fish/vendor_completions.d,man/man1}
install -m 755 "$programs/phasesweep" "$programs/phasesweep-report" "$prefix/bin/"

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
mkdir "$made/man"
for program in phasesweep phasesweep-report; do
    "$programs/$program" complete bash > "$made/bash"
    "$programs/$program" complete zsh > "$made/zsh"
    "$programs/$program" complete fish > "$made/fish"
    "$programs/$program" complete man --into "$made/man"
    install -m 644 "$made/bash" "$prefix/share/bash-completion/completions/$program"
    install -m 644 "$made/zsh" "$prefix/share/zsh/site-functions/_$program"
    install -m 644 "$made/fish" "$prefix/share/fish/vendor_completions.d/$program.fish"
done
install -m 644 "$made"/man/*.1 "$prefix/share/man/man1/"

share=$prefix/share/phasesweep
install -d -m 755 "$share"/{sweeps,sweeps/papers,slurm} "$prefix/share/doc/phasesweep"
install -m 644 sweeps/*.toml "$share/sweeps/"
install -m 644 sweeps/papers/*.toml "$share/sweeps/papers/"
install -m 644 slurm/*.sbatch "$share/slurm/"
install -m 644 docs/sweep-file.schema.json "$share/"
install -m 644 README.md CHANGELOG.md LICENSE "$prefix/share/doc/phasesweep/"
echo "installed into $prefix: bin/phasesweep, bin/phasesweep-report, completions, manual pages"
