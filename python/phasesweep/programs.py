"""Calls of the programs: run a sweep, measure more afterwards, report.

Invariants: an exit code other than 0 is an exception (`errors.of_exit`); what a program writes on standard error is
shown as it comes, if asked for, and kept for the exception; an interrupt from the keyboard is passed on and waited for,
so that the run ends with a checkpoint. No program is left behind.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import tomllib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import xarray as xr

from . import opening, toml_text
from .errors import MissingProgramError, of_exit

#: Lines of standard error that an exception keeps.
_KEPT_LINES = 200

Path_ = opening.Path_


def program(name: str) -> str:
    """Where a program is: beside this Python, as `pip` installs it, else on PATH.

    Raises
    ------
    MissingProgramError
        If it is nowhere.
    """
    schemes = [sysconfig.get_path("scripts")]
    with suppress(KeyError):
        schemes.append(sysconfig.get_path("scripts", f"{os.name}_user"))
    for directory in (*schemes, os.path.dirname(sys.executable)):
        found = shutil.which(name, path=directory)
        if found:
            return found
    found = shutil.which(name)
    if found:
        return found
    raise MissingProgramError(
        f"the program `{name}` is neither beside this Python nor on PATH: install the wheel, or build the program "
        "(`cargo install --path . --features report`) and put it on PATH"
    )


def run(
    sweep: Path_ | Mapping[str, Any],
    *,
    out: Path_ | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - the name of the program's own argument
    arguments: Sequence[str] = (),
    launcher: Sequence[str] = (),
    executable: Path_ | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Train what a sweep asks for and is not there yet, and open the results.

    Called again, it trains what is missing and nothing else; so a call that was interrupted goes on.

    Parameters
    ----------
    sweep
        A sweep file, a run directory, the text of a sweep file (which has more than one line), or a dict of its tables,
        as ``{"sweep": {"name": "x", "seeds": 4}, "data": [{"source": "digits"}], …}``. Relative paths of data start
        from the file's directory, in a text or a dict from the working directory.
    out
        The run directory; ``runs/NAME`` in the working directory unless given, or the run directory that was given as
        the sweep.
    set
        Values that override those of the sweep, by key: ``{"train.epochs": 100, "optimiser.lr": [0.1, 0.2]}``.
    arguments
        Further arguments of ``phasesweep run``, as ``["--threads", "4"]``.
    launcher
        What starts the program on several ranks, as ``["mpirun", "-n", "8"]``. The program of the wheel has no MPI and
        refuses it: give `executable`, too.
    executable
        The program, instead of the one that `pip` installed or that is on PATH.
    progress
        Whether standard error of the program is shown as it comes.

    Returns
    -------
    xarray.Dataset
        As `open` gives it.

    Raises
    ------
    FailedCellsError, InputError, BugError, InterruptedRunError, ProgramError
        By the program's exit code.
    MissingProgramError
        If there is no program.

    Examples
    --------
    >>> tables = {
    ...     "sweep": {"name": "small", "seeds": 2},
    ...     "data": [{"source": "digits", "labels": "parity"}],
    ...     "subsample": [{"size": 500}],
    ...     "architecture": [{"kind": "mlp", "hidden": [10], "activation": "tanh"}],
    ...     "optimiser": [{"kind": "sgd", "lr": [0.2, 0.4]}],
    ...     "train": {"epochs": 20},
    ... }
    >>> ds = run(tables, progress=False)
    >>> ds.train_error.sizes["optimiser"], ds.train_error.sizes["seed"]
    (2, 2)
    >>> run(tables, set={"train.epoch": 30}, progress=False)
    Traceback (most recent call last):
    phasesweep.errors.InputError: phasesweep run: the input was refused
    ...
    """
    with _as_file(sweep) as path:
        directory = Path(out) if out is not None else _directory(path, set or {})
        command = [str(path), *_sets(set)]
        if directory is not None:
            command += ["--out", str(directory)]
        _call([*launcher, _executable(executable), "run", *command, *arguments], "phasesweep run", progress, directory)
    if directory is None:
        raise AssertionError("the program refuses a sweep without a name")
    return opening.open(directory)


def observe(
    directory: Path_,
    observables: Mapping[str, Any] | None = None,
    *,
    replace: bool = False,
    arguments: Sequence[str] = (),
    launcher: Sequence[str] = (),
    executable: Path_ | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Measure more on the weights that a run kept, and open the results. Nothing is trained.

    Parameters
    ----------
    directory
        The run directory.
    observables
        By name, the keys of the observable's table in ``[observe]``: ``{"sharpness": {"at": {"every": 50}}, "collapse":
        {}}``. Without a schedule every epoch is measured whose weights were kept. Unless given, what was asked for
        before goes on.
    replace
        Measure anew what was asked for before with other settings.
    arguments, launcher, executable, progress
        As of `run`.

    Returns
    -------
    xarray.Dataset
        As `open` gives it.

    Raises
    ------
    FailedCellsError, InputError, BugError, InterruptedRunError, ProgramError
        By the program's exit code.

    Examples
    --------
    >>> ds = observe("runs/quick", {"weight_norm": {}}, progress=False)
    >>> ds.weight_norm.dims
    ('architecture', 'optimiser', 'seed', 'weight_layer', 'weight_norm_epoch')
    """
    command = [_executable(executable), "observe", str(directory)]
    for name, keys in (observables or {}).items():
        command += ["--set", f"{name}={toml_text.value(keys)}"]
    if replace:
        command.append("--replace")
    _call([*launcher, *command, *arguments], "phasesweep observe", progress, Path(directory))
    return opening.open(directory)


def report(
    source: Path_ | xr.Dataset, *, out: Path_ | None = None, arguments: Sequence[str] = (), progress: bool = True
) -> Path:
    """Make the report: tables, figures and a page.

    Parameters
    ----------
    source
        A run directory, a results file, or a dataset of `open`; the report is of all its cells.
    out
        Where it goes; ``report`` beside the results file unless given.
    arguments
        Further arguments of ``phasesweep report``, as ``["--group-by", "width,lr"]``.
    progress
        Whether what the program says is shown.

    Returns
    -------
    pathlib.Path
        The page, ``index.html`` in the report's folder.

    Raises
    ------
    InputError, ProgramError
        By the program's exit code.

    Examples
    --------
    >>> report("runs/quick", progress=False).name
    'index.html'
    """
    file = opening.results_file(source.attrs["results_file"] if isinstance(source, xr.Dataset) else source)
    folder = Path(out) if out is not None else file.parent / "report"
    command = [program("phasesweep-report"), str(file), "--out", str(folder), *arguments]
    _call(command, "phasesweep-report", progress, file.parent, show_output=progress)
    return folder / "index.html"


def _executable(given: Path_ | None) -> str:
    return program("phasesweep") if given is None else os.fspath(given)


def _sets(overrides: Mapping[str, Any] | None) -> list[str]:
    return [word for name, item in (overrides or {}).items() for word in ("--set", f"{name}={toml_text.value(item)}")]


@contextmanager
def _as_file(sweep: Path_ | Mapping[str, Any]) -> Iterator[Path]:
    """The sweep as a path: a text or dict as a file in the working directory, where its relative paths start from."""
    if isinstance(sweep, Mapping):
        text = toml_text.document(sweep)
    elif isinstance(sweep, str) and "\n" in sweep:
        text = sweep
    else:
        yield Path(sweep)
        return
    with tempfile.NamedTemporaryFile("w", dir=".", prefix=".sweep-", suffix=".toml", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        yield Path(file.name)


def _directory(path: Path, overrides: Mapping[str, Any]) -> Path | None:
    """The run directory that the program would choose; None where the sweep does not say, which the program refuses."""
    if path.is_dir():
        return path
    if (path.parent / "run.json").is_file():
        return path.parent
    try:
        name = tomllib.loads(path.read_text(encoding="utf-8"))["sweep"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        name = None
    name = overrides.get("sweep.name", name)
    return Path("runs") / name if isinstance(name, str) and name else None


def _call(
    command: Sequence[str], name: str, show: bool, directory: Path | None = None, show_output: bool = False
) -> None:
    """Runs a program to its end.

    Raises
    ------
    ProgramError
        If it ended with a code other than 0.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise MissingProgramError(f"{command[0]} cannot be started: {error}") from error
    kept: deque[str] = deque(maxlen=_KEPT_LINES)
    readers = [
        threading.Thread(target=_forward, args=(process.stderr, sys.stderr if show else None, kept), daemon=True),
        threading.Thread(
            target=_forward, args=(process.stdout, sys.stdout if show_output else None, None), daemon=True
        ),
    ]
    for reader in readers:
        reader.start()
    try:
        code = process.wait()
    except BaseException:
        # The keyboard's interrupt reaches the program by itself only in a terminal; a second one would end it at once.
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        process.wait()
        raise
    finally:
        for reader in readers:
            reader.join()
    if code != 0:
        raise of_exit(name, code, "".join(kept), directory)


def _forward(stream: IO[str] | None, to: Any, kept: deque[str] | None) -> None:
    for line in stream or ():
        if kept is not None:
            kept.append(line)
        if to is not None:
            to.write(line)
            to.flush()
    if stream is not None:
        stream.close()
