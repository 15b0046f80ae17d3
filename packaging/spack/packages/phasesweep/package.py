"""Builds phasesweep from its sources with Spack's MPI and HDF5, or with neither.

From a clone, without a release: `spack repo add packaging/spack`, then `spack dev-build phasesweep@main` in the clone's root. A release
is an archive that `make release` makes (`phasesweep-VERSION-source.tar.gz`): put it into a mirror, and give its version here with the
SHA-256 that stands beside it.
"""

import os

from spack.package import *
from spack_repo.builtin.build_systems.cargo import CargoPackage


class Phasesweep(CargoPackage):
    """HPC sweeps of training dynamics: many networks trained as one stacked program, shared out by MPI."""

    manual_download = True

    license("MIT", checked_by="phasesweep")

    version("main")

    variant("mpi", default=True, description="Share cells out over MPI ranks")
    variant("static_hdf5", default=False, description="Compile HDF5 into the programs")

    depends_on("rust@1.95:", type="build")
    depends_on("c", type="build")
    depends_on("cxx", type="build", when="+static_hdf5")
    depends_on("cmake", type="build", when="+static_hdf5")
    # The bindings of MPI are made by libclang.
    depends_on("llvm+clang", type="build", when="+mpi")
    depends_on("pkgconfig", type="build")
    depends_on("mpi", when="+mpi")
    depends_on("hdf5@1.10:+hl~mpi+threadsafe", when="~static_hdf5")

    def url_for_version(self, version):
        return f"file://{os.getcwd()}/phasesweep-{version}-source.tar.gz"

    def setup_build_environment(self, env):
        env.set("CARGO_TARGET_DIR", join_path(self.stage.path, "build"))
        if self.spec.satisfies("~static_hdf5"):
            env.set("HDF5_DIR", self.spec["hdf5"].prefix)
        if self.spec.satisfies("+mpi"):
            env.set("MPICC", self.spec["mpi"].mpicc)
            env.set("LIBCLANG_PATH", self.spec["llvm"].prefix.lib)

    @property
    def features(self):
        named = [name for name, variant in (("mpi", "+mpi"), ("static-hdf5", "+static_hdf5")) if self.spec.satisfies(variant)]
        return ["--no-default-features"] + (["--features", ",".join(named)] if named else [])

    def build(self, spec, prefix):
        cargo("build", "--release", "--workspace", "--locked", "--bins", *self.features)

    def install(self, spec, prefix):
        Executable("packaging/install.sh")(join_path(self.stage.path, "build", "release"), prefix)

    @run_after("install")
    @on_package_attributes(run_tests=True)
    def check_programs(self):
        Executable(self.prefix.bin.phasesweep)("plan", join_path(self.prefix.share, "phasesweep", "sweeps", "quick.toml"))
