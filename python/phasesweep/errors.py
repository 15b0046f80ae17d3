"""What can go wrong, by type. Every error of this package is a `PhasesweepError`.

Those that a program ended with are told apart by its exit code, as job scripts do, and hold what it wrote on standard
error.
"""

from __future__ import annotations

from pathlib import Path


class PhasesweepError(Exception):
    """Any error of this package."""


class ResultsError(PhasesweepError):
    """A results file, a run directory or a dataset is not what was asked for; the message says what to do."""


class MissingProgramError(PhasesweepError):
    """A program of phasesweep was not found beside this Python nor on PATH."""


class ProgramError(PhasesweepError):
    """A program ended otherwise than it should.

    Parameters
    ----------
    message
        What happened.
    code
        Exit code of the program; negative, the signal that ended it.
    said
        What it wrote on standard error.
    directory
        Run directory, where one is known.

    Attributes
    ----------
    code, said, directory
        As above.
    """

    def __init__(self, message: str, code: int, said: str = "", directory: Path | None = None) -> None:
        super().__init__(f"{message}\n{said.strip()}" if said.strip() else message)
        self.code = code
        self.said = said
        self.directory = directory


class FailedCellsError(ProgramError):
    """The run is over, but cells failed (exit code 1). `open` of `directory` reads the others."""


class InputError(ProgramError, ValueError):
    """The sweep, the data, the directory or the device that was named is wrong (exit code 2)."""


class BugError(ProgramError):
    """A fault of phasesweep (exit code 70)."""


class InterruptedRunError(ProgramError):
    """The run was interrupted (exit code 75); the same call goes on where it stopped."""


def of_exit(program: str, code: int, said: str, directory: Path | None = None) -> ProgramError:
    """The error that an exit code other than 0 stands for."""
    by_code: dict[int, tuple[type[ProgramError], str]] = {
        1: (FailedCellsError, "cells failed; the others are complete"),
        2: (InputError, "the input was refused"),
        70: (BugError, "a bug in phasesweep"),
        75: (InterruptedRunError, "interrupted; the same call goes on where it stopped"),
        130: (InterruptedRunError, "interrupted at once; the same call goes on from the last checkpoint"),
    }
    if code < 0:
        message = f"ended by signal {-code}; the same call goes on from what is on disk"
        return ProgramError(f"{program}: {message}", code, said, directory)
    kind, message = by_code.get(code, (ProgramError, f"ended with code {code}"))
    return kind(f"{program}: {message}", code, said, directory)
