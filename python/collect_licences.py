"""Collects the licences of all that is linked into the wheel's programs, as those licences ask for.

Writes `licences/` beside this file: phasesweep's own licence, and THIRD-PARTY.txt with the texts of every crate that is
linked in and of the C libraries that crates bring (HDF5, zlib), each text once. Which crates those are, cargo says for
the features that pyproject.toml asks for. Invariant: a crate without a licence in its sources is named with its
licence's identifier, never left out.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
NAMES = ("licen[cs]e*", "LICEN[CS]E*", "COPYING*", "NOTICE*", "COPYRIGHT*")
#: C libraries in crates, by crate: where their own licences are.
BUNDLED = {"hdf5-metno-src": ["ext/hdf5/LICENSE"], "libz-sys": ["src/zlib/LICENSE"]}


def linked() -> list[dict[str, str]]:
    """The packages that are linked into the programs, as `cargo metadata` describes them, without our own.

    Macros are among them, which only the compiler runs.
    """
    wheel = tomllib.loads((HERE / "pyproject.toml").read_text())["tool"]["maturin"]
    host = next(line.split()[1] for line in _said(["rustc", "-vV"]).splitlines() if line.startswith("host:"))
    tree = ["cargo", "tree", "--locked", "--package", "phasesweep", "--edges", "normal", "--prefix", "none"]
    tree += ["--target", host, "--no-default-features", "--features", ",".join(wheel["features"]), "--format", "{p}"]
    names = {tuple(line.split()[:2]) for line in _said(tree).splitlines()}
    packages = json.loads(_said(["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]))[
        "packages"
    ]
    ours = [one for one in packages if (one["name"], f"v{one['version']}") in names and one["source"]]
    return sorted(ours, key=lambda package: (package["name"], package["version"]))


def _said(command: list[str]) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def texts(package: dict[str, str]) -> list[str]:
    """The licences in a package's sources."""
    folder = Path(package["manifest_path"]).parent
    files = {path for pattern in NAMES for path in folder.glob(pattern) if path.is_file()}
    files |= {folder / place for place in BUNDLED.get(package["name"], [])}
    return [path.read_text(encoding="utf-8", errors="replace").strip() for path in sorted(files)]


def main() -> None:
    """Writes the folder."""
    out = HERE / "licences"
    out.mkdir(exist_ok=True)
    shutil.copy(ROOT / "LICENSE", out / "LICENSE")
    owners: dict[str, list[str]] = {}
    without = []
    packages = linked()
    for package in packages:
        name = f"{package['name']} {package['version']} ({package['license'] or 'see below'})"
        found = texts(package)
        for text in found:
            owners.setdefault(text, []).append(name)
        if not found:
            without.append(f"{name}, {package['repository'] or 'no repository named'}")
    parts = ["Licences of what is linked into the programs phasesweep and phasesweep-report.\n"]
    parts += [f"{'=' * 100}\n" + "\n".join(names) + f"\n\n{text}\n" for text, names in owners.items()]
    if without:
        parts.append(f"{'=' * 100}\nNo licence text is in the sources of these:\n\n" + "\n".join(without) + "\n")
    (out / "THIRD-PARTY.txt").write_text("\n".join(parts), encoding="utf-8")
    print(f"{out}: {len(packages)} crates, {len(owners)} texts, {len(without)} without one")


if __name__ == "__main__":
    main()
