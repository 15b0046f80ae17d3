#!/usr/bin/env python3
"""Prints the easyconfig of a release: packaging/easybuild/easyconfig.py phasesweep-VERSION-source.tar.gz

EasyBuild downloads every crate by itself and checks it, so that the build needs no network. Crates and their SHA-256 are those of
Cargo.lock; the checksum of the sources is taken from the archive. The toolchain and the versions beside it are those of CHOICE.
"""

import hashlib
import pathlib
import sys
import tomllib

# A toolchain of EasyBuild with the first Rust that is new enough; change both together.
CHOICE = {
    "toolchain": "{'name': 'gompi', 'version': '2025b'}",
    "rust": "('Rust', '1.95.0')",
    "llvm": "('LLVM', '20.1.8')",
    "hdf5": "('HDF5', '1.14.6')",
}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    archive = pathlib.Path(sys.argv[1])
    version = archive.name.removeprefix("phasesweep-").removesuffix("-source.tar.gz")
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    root = pathlib.Path(__file__).parents[2]
    with open(root / "Cargo.lock", "rb") as lock:
        packages = [package for package in tomllib.load(lock)["package"] if "checksum" in package]
    crates = "\n".join(f"    ('{package['name']}', '{package['version']}')," for package in packages)
    checksums = "\n".join(
        f"    {{'{package['name']}-{package['version']}.tar.gz': '{package['checksum']}'}}," for package in packages
    )
    print(f"""# Made by packaging/easybuild/easyconfig.py. Put {archive.name} where EasyBuild looks for sources.

easyblock = 'Cargo'

name = 'phasesweep'
version = '{version}'

homepage = 'https://arxiv.org/abs/2303.05161'
description = "HPC sweeps of training dynamics: many networks trained as one stacked program, shared out by MPI"

toolchain = {CHOICE['toolchain']}

sources = ['{archive.name}']

builddependencies = [
    {CHOICE['rust']},
    {CHOICE['llvm']},  # libclang, for the bindings of MPI
    ('pkgconf', '2.4.3'),
]
dependencies = [
    {CHOICE['hdf5']},
]

crates = [
{crates}
]

checksums = [
    {{'{archive.name}': '{checksum}'}},
{checksums}
]

enable_tests = False
buildopts = '--workspace --locked --bins'
# Both programs, completions and manual pages come from our script; what the easyblock would run (`cargo install`) becomes words of `:`.
preinstallopts = 'packaging/install.sh target/release %(installdir)s && : '

sanity_check_paths = {{
    'files': ['bin/phasesweep', 'bin/phasesweep-report', 'share/man/man1/phasesweep.1'],
    'dirs': ['share/phasesweep/sweeps'],
}}
sanity_check_commands = [
    'phasesweep --version',
    'phasesweep plan %(installdir)s/share/phasesweep/sweeps/quick.toml',
]

moduleclass = 'ai'""")


if __name__ == "__main__":
    main()
