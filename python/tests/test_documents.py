"""The examples of the documentation, executed: every block of docs/python.md in its order, and every docstring."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import phasesweep

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"^(<!-- not executed: [^\n]+ -->\n)?```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_block_of_the_page_runs(workplace: Path) -> None:
    shutil.copytree(PAGE.parents[1] / "sweeps", workplace / "sweeps")
    names: dict[str, object] = {}
    executed = set()
    programs_are_in = Path(phasesweep.programs.program("phasesweep")).parent
    environment = os.environ | {"PATH": f"{programs_are_in}{os.pathsep}{os.environ['PATH']}"}
    for reason, language, code in BLOCK.findall(PAGE.read_text()):
        if reason:
            continue
        if language == "python":
            exec(compile(code, f"{PAGE.name}:\n{code}", "exec"), names)
        elif language == "sh":
            subprocess.run(["bash", "-euo", "pipefail", "-c", code], check=True, env=environment)
        elif language == "r":
            if shutil.which("Rscript") is None or subprocess.run(["Rscript", "-e", "library(hdf5r)"]).returncode:
                continue
            subprocess.run(["Rscript", "-e", code], check=True)
        else:
            pytest.fail(f"a block of {language} is neither executed nor marked with a reason")
        executed.add(language)
    assert "python" in executed


def test_the_readme_runs(workplace: Path) -> None:
    shutil.copy(PAGE.parents[1] / "sweeps" / "quick.toml", workplace / "sweep.toml")
    ((_, _, code),) = BLOCK.findall(README.read_text())
    small = code.replace('"sweep.toml"', '"sweep.toml", set={"sweep.seeds": 2, "train.epochs": 100}')
    assert small != code
    exec(compile(small, f"{README.name}:\n{small}", "exec"), {})


MODULES = ["phasesweep", *(f"phasesweep.{module.name}" for module in pkgutil.iter_modules(phasesweep.__path__))]


@pytest.mark.parametrize("module", MODULES)
def test_examples_of_docstrings(module: str, quick: Path) -> None:
    loaded = importlib.import_module(module)
    outcome = doctest.testmod(loaded, optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL)
    assert outcome.failed == 0


def test_every_public_function_has_a_numpy_docstring_with_an_example() -> None:
    functions = [getattr(phasesweep, name) for name in phasesweep.__all__ if callable(getattr(phasesweep, name))]
    figures = vars(phasesweep.plot).items()
    functions += [f for name, f in figures if name[0] != "_" and getattr(f, "__module__", "") == "phasesweep.plot"]
    for function in functions:
        documentation = function.__doc__ or ""
        if isinstance(function, type):
            assert documentation
            continue
        for section in ("Parameters\n", "Returns\n", "Examples\n", ">>> "):
            assert section in documentation, f"{function.__name__} lacks {section.strip()}"
