# phasesweep: `make demo` and `make test` are all a newcomer needs; both install what is missing first.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Built once and shared by clones: burn, polars and HDF5 take minutes to compile.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/phasesweep/target
# MNIST for the sweeps and benches that want it; see `phasesweep data list`.
READERS := $(HOME)/.cache/phasesweep/readers
WHEEL_TOOLS := $(HOME)/.cache/phasesweep/wheel-tools
WHEEL_VENV := $(HOME)/.cache/phasesweep/wheel-test
PEERS ?= $(HOME)/.cache/phasesweep/peers
BIN := $(CARGO_TARGET_DIR)/release
MPICH_TARGET ?= $(HOME)/.cache/phasesweep/target-mpich
CORES := $(shell nproc)
DEMO_RANKS ?= $(CORES)

# A container's root may start MPI only if it says so; nobody else is affected.
ifeq ($(shell id -u),0)
export OMPI_ALLOW_RUN_AS_ROOT := 1
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM := 1
endif

BUILD_PACKAGES := build-essential pkg-config clang libclang-dev libopenmpi-dev openmpi-bin libhdf5-dev
TEST_PACKAGES := $(BUILD_PACKAGES) netcdf-bin python3-venv strace r-base-core r-cran-hdf5r r-cran-ncdf4 fish zsh
GPU_PACKAGES := $(TEST_PACKAGES) libvulkan1 mesa-vulkan-drivers
WHEEL_PACKAGES := build-essential python3-venv
SLURM_PACKAGES := $(TEST_PACKAGES) slurm-wlm munge

# Where `make install` puts the programs, their completions and manual pages; DESTDIR goes before it, for packages.
PREFIX ?= /usr/local
DESTDIR ?=

# The book's tool, built once beside the other caches.
MDBOOK_VERSION := 0.5.4
TOOLS := $(HOME)/.cache/phasesweep/tools

# Only where there is none: a node of another source brings an npm of its own.
PAGE_PACKAGES = $(shell command -v chromium >/dev/null || echo chromium) $(shell command -v npm >/dev/null || echo nodejs npm)

.PHONY: help setup setup-test setup-slurm setup-mpich setup-gpu setup-wheel readers build install install-programs install-built release demo test test-python wheel test-wheel test-slurm test-mpich test-avx512 test-mixed-nodes test-wgpu gpu-bundle lint features docs book papers papers-full fuzz fuzz-build bench bench-dispatch torture setup-page page-tools page test-page

help:
	@echo 'make demo     install what is missing, build, run sweeps/quick.toml on every core, report'
	@echo 'make test     the same set-up, then every test'
	@echo 'make wheel    the Python package with both programs in it, in dist/; test-wheel installs and tests it'
	@echo 'make page     the script and style of the report’s page; make test-page its tests in a headless Chromium'
	@echo 'make test-slurm, make test-mpich   jobs on a real Slurm; the contracts with MPICH'
	@echo 'make test-avx512   the tests of the CPU loops with AVX-512, emulated where the processor lacks it'
	@echo 'make test-mixed-nodes   the same bits on a processor without AVX-512, by valgrind'
	@echo 'make test-wgpu     what trains on a GPU, on a Vulkan device: a software one where there is no other'
	@echo 'make gpu-bundle    a folder that measures a GPU on a machine with nothing but torch (benches/gpu)'
	@echo 'make lint     rustfmt, clippy and rustdoc, every warning an error'
	@echo 'make docs     the reference pages that are made from declarations, and the pictures of the tutorial'
	@echo 'make book     the documents as a book of HTML pages, in target/book'
	@echo 'make install  both programs, shell completions and manual pages into PREFIX (/usr/local)'
	@echo 'make release  archives in target/release-archive: programs, sources, checksums, a list of what was compiled in'
	@echo 'make papers   every figure of docs/papers.md at a reduced size; ROWS="NAME …" chooses; papers-full at the full one'
	@echo 'make fuzz     every reader of foreign bytes, an hour each; SECONDS and TARGETS choose'
	@echo 'make bench    speed beside the peers'
	@echo 'make torture  200 kills at random moments; KILLS and SEED choose others'

# Installs Debian packages that are absent, with sudo unless already root; waits up to ten minutes for another package
# manager to finish. Nothing else is downloaded.
define install_packages
	missing=$$(for package in $(1); do dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'install ok installed' || echo $$package; done); \
	if [ -n "$$missing" ]; then \
	  echo "installing:" $$missing; \
	  sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  apt() { \
	    for attempt in $$(seq 60); do \
	      said=$$($$sudo env DEBIAN_FRONTEND=noninteractive apt-get "$$@" 2>&1 >/dev/null) && return 0; \
	      case "$$said" in *lock*) echo "another package manager is at work; waiting"; sleep 10 ;; *) break ;; esac; \
	    done; \
	    echo "$$said" >&2; return 1; \
	  }; \
	  apt -qq update && apt -qq -y --no-install-recommends install $$missing; \
	fi; \
	command -v cargo >/dev/null || { echo 'Rust is missing: install it from https://rustup.rs and run make again.'; exit 2; }
endef

setup:
	@$(call install_packages,$(BUILD_PACKAGES))

setup-test:
	@$(call install_packages,$(TEST_PACKAGES))

setup-page:
	@$(call install_packages,$(TEST_PACKAGES) $(PAGE_PACKAGES))

setup-slurm:
	@$(call install_packages,$(SLURM_PACKAGES))

setup-gpu:
	@$(call install_packages,$(GPU_PACKAGES))

setup-mpich:
	@$(call install_packages,$(TEST_PACKAGES) mpich libmpich-dev)

setup-wheel:
	@$(call install_packages,$(WHEEL_PACKAGES))

# The readers that users open results with, and what the Python package is tested with; the tests run them for real.
readers: $(READERS)/ready
$(READERS)/ready: python/tests/requirements.txt
	python3 -m venv $(READERS)
	$(READERS)/bin/pip install --quiet -r python/tests/requirements.txt
	touch $@

build: setup
	@[ -x $(BIN)/phasesweep ] || echo "The first build compiles burn, polars and some 360 crates: 11 minutes were measured on two cores."
	cargo build --release --workspace --locked

# Both programs, completions, manual pages. `install-programs` asks no package manager for anything.
install: build install-built
install-programs:
	cargo build --release --workspace --locked $(FEATURES)
	$(MAKE) install-built
install-built:
	packaging/install.sh $(BIN) $(DESTDIR)$(PREFIX)

# An archive that is the same to the byte whoever builds it from these sources with the same compiler: see packaging/release.sh.
release: setup
	packaging/release.sh $(FEATURES)

demo: build
	rm -rf runs/quick
	mpirun --oversubscribe -n $(DEMO_RANKS) $(BIN)/phasesweep run sweeps/quick.toml --out runs/quick
	$(BIN)/phasesweep report runs/quick

# What builds the report's page and tests it in a browser, in the versions of analysis/page/package-lock.json.
page-tools: setup-page analysis/page/node_modules/.package-lock.json
analysis/page/node_modules/.package-lock.json: analysis/page/package-lock.json
	cd analysis/page && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

# dist/ is checked in, so that a build needs no node; a test holds it against src/.
page: page-tools
	cd analysis/page && npm run --silent build

test-page: page-tools
	cargo test --release --workspace --locked --test page

test: setup-test page-tools readers
	PHASESWEEP_READERS=$(READERS)/bin/python cargo test --release --workspace --locked
	$(MAKE) test-python

# The Python package from its sources, with the programs that were built before.
test-python: readers
	cd python && $(READERS)/bin/mypy
	cd python && PATH=$(BIN):$$PATH PYTHONPATH=$(CURDIR)/python $(READERS)/bin/python -m pytest -p no:cacheprovider -q

# The Python package: both programs without MPI and with HDF5 inside, and the modules. CMake comes from PyPI, since HDF5 asks for
# a newer one than Debian's.
$(WHEEL_TOOLS)/ready: python/tools.txt
	python3 -m venv $(WHEEL_TOOLS)
	$(WHEEL_TOOLS)/bin/pip install --quiet -r python/tools.txt
	touch $@

# Its programs, which are without MPI, take the place of those with it, where a build had left some: they are put back.
wheel: setup-wheel $(WHEEL_TOOLS)/ready
	$(WHEEL_TOOLS)/bin/python python/collect_licences.py
	with_mpi=; ! ldd $(BIN)/phasesweep 2>/dev/null | grep -q libmpi || with_mpi=1; \
	(cd python && PATH=$(WHEEL_TOOLS)/bin:$$PATH maturin build --out $(CURDIR)/dist) || exit 1; \
	[ -z "$$with_mpi" ] || cargo build --release --workspace --locked
	@ls -l dist/*.whl

# As a user has it: in an environment of its own, away from the sources. PYTHON chooses the version.
PYTHON ?= python3
test-wheel: wheel
	rm -rf $(WHEEL_VENV)
	$(PYTHON) -m venv $(WHEEL_VENV)
	$(WHEEL_VENV)/bin/pip install --quiet "$$(ls -t dist/*.whl | head -1)[plot,polars]" pytest
	cd python/tests && $(WHEEL_VENV)/bin/python -P -m pytest -p no:cacheprovider -q

# A real Slurm of two nodes on this machine, started and ended by each test.
test-slurm: setup-slurm
	cargo test --release --workspace --locked --test slurm -- --ignored --test-threads=2

# The contracts and a short campaign of kills once more with MPICH, in a target directory of its own.
test-mpich: setup-mpich readers
	MPICC=mpicc.mpich PHASESWEEP_MPIRUN=mpirun.mpich CARGO_TARGET_DIR=$(MPICH_TARGET) \
	  PHASESWEEP_READERS=$(READERS)/bin/python cargo test --release --workspace --locked --test contracts --test torture

# The tests of the kernel and of the passes with AVX-512: natively where the processor has it, else (or with EMULATE=1) in an
# emulator, which is slow; FILTERS are parts of tests' names.
EMULATOR_PACKAGES := bochs bochs-term busybox-static cpio isolinux syslinux-common xorriso bsdutils

test-avx512: setup
	@if [ -n '$(EMULATE)' ] || ! grep -qw avx512dq /proc/cpuinfo; then \
	  ( $(call install_packages,$(EMULATOR_PACKAGES)) ) || echo 'The emulator could not be installed.'; \
	fi
	EMULATE=$(EMULATE) tests/avx512/run.sh $(FILTERS)

# That a cluster's nodes may be of different kinds: the bits of cells and of their observables on this processor, and on one with
# AVX2 and no more, which valgrind stands in for.
test-mixed-nodes:
	@$(call install_packages,$(TEST_PACKAGES) valgrind)
	cargo test --release --workspace --locked --test contracts nodes_of_different_kinds -- --ignored --nocapture

# What trains on a GPU, for real, wherever there is a Vulkan driver: Debian's mesa-vulkan-drivers has one in software (lavapipe).
# The numerical suite of the burn path against its f64 reference and against PyTorch, and the contracts of a device. In a
# target directory of its own: the feature chooses other dependencies.
WGPU_TARGET ?= $(HOME)/.cache/phasesweep/target-wgpu
TEST_DEVICE ?= wgpu

test-wgpu: setup-gpu
	CARGO_TARGET_DIR=$(WGPU_TARGET) PHASESWEEP_TEST_DEVICE=$(TEST_DEVICE) cargo test --release --workspace --locked \
	  --features wgpu --lib --test contracts -- burn:: device:: train::tests::
	CARGO_TARGET_DIR=$(WGPU_TARGET) cargo build --release --workspace --locked --features wgpu --bin phasesweep
	tests/wgpu/out_of_memory.sh $(WGPU_TARGET)/release/phasesweep

# TORCH names a Python environment with torch 2.9 or 2.11, the one that the GPU's machine has; see benches/gpu/bundle.sh.
GPU_BUNDLE ?= $(HOME)/.cache/phasesweep/gpu-bundle
TCH_TARGET ?= $(HOME)/.cache/phasesweep/target-tch

gpu-bundle: build setup-wheel $(WHEEL_TOOLS)/ready
	PATH=$(WHEEL_TOOLS)/bin:$$PATH CARGO_TARGET_DIR=$(TCH_TARGET) KERNEL=$(BIN)/phasesweep TORCH=$(TORCH) benches/gpu/bundle.sh $(GPU_BUNDLE)

# The release profile, so that the dependencies are checked once for all three, and build scripts are those of the build.
lint: setup
	cargo fmt --all --check
	cargo fmt --manifest-path tests/fuzz/Cargo.toml --check
	cargo clippy --release --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --release --workspace --no-deps --document-private-items --locked

# What the default build does not compile: without MPI and with HDF5 inside, and for CUDA by CubeCL, whose build script would
# fetch compilers.
# LibTorch (`--features tch`) needs a torch 2.9 to be checked, and is not.
features: setup setup-wheel $(WHEEL_TOOLS)/ready
	PATH=$(WHEEL_TOOLS)/bin:$$PATH cargo check --release --workspace --all-targets --no-default-features --features static-hdf5,report --locked
	DOCS_RS=1 cargo check --release --features cuda --locked

# Reference pages that are made from what the code declares and the programs print, and the tutorial's pictures; tests hold them
# against it.
docs: build
	PHASESWEEP_REGENERATE=1 cargo test --release --workspace --locked --test docs
	PHASESWEEP_REGENERATE=1 cargo test --release --workspace --locked --lib the_page_and_the_schema
	[ ! -x $(READERS)/bin/python ] || PHASESWEEP_REGENERATE=1 PHASESWEEP_READERS=$(READERS)/bin/python \
	  cargo test --release --workspace --locked --test book the_tutorial

$(TOOLS)/bin/mdbook:
	cargo install mdbook --version $(MDBOOK_VERSION) --locked --root $(TOOLS)

book: $(TOOLS)/bin/mdbook
	docs/book.sh $(TOOLS)/bin/mdbook target/book

# The figures of docs/papers.md: at a reduced size, or at the papers' own, which take days of two cores.
papers: build
	sweeps/papers/all.sh $(BIN)/phasesweep $(BIN)/phasesweep-report reduced $(ROWS)

papers-full: build
	sweeps/papers/all.sh $(BIN)/phasesweep $(BIN)/phasesweep-report full $(ROWS)

# Coverage-guided fuzzing of every reader of foreign bytes (tests/fuzz/README.md), one target after another. Inputs that
# find something are left in tests/fuzz/found; what is new to coverage in $(FUZZED), between runs.
FUZZ_TARGETS := sweep idx cifar weights part checkpoint state messages results
FUZZED ?= $(HOME)/.cache/phasesweep/fuzzed
TARGETS ?= $(FUZZ_TARGETS)
SECONDS ?= 3600

fuzz-build: setup
	RUSTC_WRAPPER=$(CURDIR)/tests/fuzz/rustc.sh cargo build --release --locked --manifest-path tests/fuzz/Cargo.toml

fuzz: fuzz-build
	tests/fuzz/run.sh $(BIN) $(FUZZED) $(SECONDS) $(TARGETS)

# Training speed beside the peers, in turn, then a whole sweep; see the scripts for what they need.
bench: build
	PEERS=$(PEERS) benches/training.sh $(BIN)/phasesweep
	PEERS=$(PEERS) benches/minibatch.sh $(BIN)/phasesweep
	PEERS=$(PEERS) benches/networks.sh $(BIN)/phasesweep
	benches/whole.sh $(BIN)/phasesweep

# Kills, relaunches, comparisons: the n-th kill of a seed is always the same.
torture: setup-test
	PHASESWEEP_KILLS=$(or $(KILLS),200) PHASESWEEP_SEED=$(or $(SEED),1) \
	  cargo test --release --workspace --locked --test torture -- --nocapture killed_runs

# mpi4py is the peer of the dispatcher; without it the peer's lines are left out.
bench-dispatch: build
	[ -x $(HOME)/.cache/phasesweep/mpi4py/bin/python ] || { python3 -m venv $(HOME)/.cache/phasesweep/mpi4py && $(HOME)/.cache/phasesweep/mpi4py/bin/pip install --quiet mpi4py; }
	benches/dispatch.sh $(BIN)/phasesweep
