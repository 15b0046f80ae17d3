"""Running, measuring more, and failing, by the real programs; exit codes that need a broken machine, by stand-ins."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

import phasesweep
from phasesweep import toml_text

SMALL = {
    "sweep": {"name": "small", "seeds": 2},
    "data": [{"source": "digits", "labels": "parity"}],
    "subsample": [{"size": 200}],
    "architecture": [{"kind": "mlp", "hidden": [10], "activation": "tanh"}],
    "optimiser": [{"kind": "sgd", "lr": [0.2, 0.4]}],
    "train": {"epochs": 20},
}


def test_a_file_a_text_and_a_dict_are_the_same_run(workplace: Path) -> None:
    text = toml_text.document(SMALL)
    Path("small.toml").write_text(text)
    runs = [
        phasesweep.run(sweep, out=f"runs/{number}", progress=False)
        for number, sweep in enumerate([Path("small.toml"), "small.toml", text, SMALL])
    ]
    for ds in runs:
        np.testing.assert_array_equal(ds.cell_id.values, runs[0].cell_id.values)
        np.testing.assert_array_equal(ds.train_loss.values, runs[0].train_loss.values)
    assert sorted(path.name for path in workplace.iterdir()) == ["runs", "small.toml"], "no file is left behind"


def test_a_run_goes_into_a_directory_of_its_name_and_grows(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first = phasesweep.run(SMALL, progress=False)
    assert first.attrs["results_file"] == str(workplace / "runs" / "small" / "results.h5")
    assert capfd.readouterr() == ("", ""), "a quiet run says nothing"
    more = phasesweep.run(SMALL, set={"sweep.seeds": 3})
    assert "4 done before" in capfd.readouterr().err
    assert more.sizes["seed"] == 3
    np.testing.assert_array_equal(more.train_loss.sel(seed=[0, 1]).values, first.train_loss.values)
    assert phasesweep.run("runs/small", progress=False).sizes["seed"] == 3


def test_paths_of_a_dict_start_from_the_working_directory(workplace: Path) -> None:
    np.savez("own.npz", x=np.random.default_rng(0).normal(size=(300, 4)).astype("f4"), y=np.arange(300) % 2)
    sweep = SMALL | {"data": [{"source": "arrays", "path": "own.npz", "test_share": 0.2}], "subsample": [{"size": 200}]}
    assert phasesweep.run(sweep, progress=False).attrs["measured_cells"] == 4


def test_more_is_measured_afterwards(quick: Path) -> None:
    ds = phasesweep.observe(quick, {"weight_norm": {"at": [0, 100]}}, progress=False)
    kept = phasesweep.kept_weights(quick)
    assert len(kept) == 16 * 3 and {file.at for file in kept} == {0, 50, 100}
    # The norms of the layers' weights, by NumPy from the files.
    cells = phasesweep.open(quick, by="cell").set_xindex("cell_id")
    for file in (file for file in kept if file.at != 50):
        tree = phasesweep.weights(quick, file.cell_id, epoch=int(file.at))
        norms = [np.linalg.norm(tree[f"layers.{layer}.weight"].astype("f8")) for layer in (0, 1)]
        measured = cells.weight_norm.sel(cell_id=file.cell_id, weight_norm_epoch=int(file.at)).values
        np.testing.assert_allclose(measured[: len(norms)], norms, rtol=1e-6)  # recorded as float32
    assert ds.weight_norm.attrs["measured_afterwards"]
    with pytest.raises(phasesweep.InputError, match="--replace"):
        phasesweep.observe(quick, {"weight_norm": {"at": [50]}}, progress=False)
    replaced = phasesweep.observe(quick, {"weight_norm": {"at": [50]}}, replace=True, progress=False)
    assert replaced.weight_norm_epoch.values.tolist() == [50]


def test_weights_are_told_by_cell_and_moment(quick: Path) -> None:
    cell = phasesweep.kept_weights(quick)[0].cell_id
    last, first = (phasesweep.weights(quick, cell, epoch=epoch) for epoch in (100, 0))
    assert all((last[name] == array).all() for name, array in phasesweep.weights(quick, cell[:10]).items())
    assert not (last["layers.0.weight"] == first["layers.0.weight"]).all()
    with pytest.raises(phasesweep.ResultsError, match="epoch 0, epoch 50, epoch 100"):
        phasesweep.weights(quick, cell, epoch=7)
    with pytest.raises(phasesweep.ResultsError, match="0 cells"):
        phasesweep.weights(quick, "no such cell")


@pytest.mark.parametrize("framework", ["jax", "torch"])
def test_weights_are_trees_of_a_framework(quick: Path, framework: str) -> None:
    pytest.importorskip(framework)
    cell = phasesweep.kept_weights(quick)[0].cell_id
    tree = phasesweep.weights(quick, cell, framework=framework)  # type: ignore[arg-type]
    assert type(tree["layers.0.bias"]).__module__.partition(".")[0].startswith(framework)
    for name, array in phasesweep.weights(quick, cell).items():
        np.testing.assert_array_equal(np.asarray(tree[name]), array)


def test_what_is_wrong_is_an_input_error_with_the_programs_words() -> None:
    with pytest.raises(phasesweep.InputError, match="epoch") as caught:
        phasesweep.run(SMALL, set={"train.epoch": 3}, progress=False)
    assert caught.value.code == 2 and "epochs" in caught.value.said and isinstance(caught.value, ValueError)
    with pytest.raises(phasesweep.InputError):
        phasesweep.run("nowhere.toml", progress=False)
    with pytest.raises(phasesweep.InputError):
        phasesweep.run("[sweep]\nname = \n", progress=False)


def test_an_interrupted_run_says_so_and_goes_on(workplace: Path) -> None:
    long = SMALL | {"train": {"epochs": 80_000}}  # several times the allocation of a second, on a fast machine too
    with pytest.raises(phasesweep.InterruptedRunError) as caught:
        phasesweep.run(long, arguments=["--walltime", "2", "--margin", "1"], progress=False)
    assert caught.value.code == 75 and caught.value.directory == Path("runs/small")
    assert phasesweep.run(long, progress=False).attrs["measured_cells"] == 4


def test_an_interrupt_of_python_alone_ends_the_program_too(workplace: Path) -> None:
    """As a notebook interrupts its kernel: the signal reaches Python and no other process."""
    script = f"import phasesweep; phasesweep.run({SMALL | {'train': {'epochs': 500_000}}!r}, set={{'sweep.seeds': 8}})"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        while "cells" not in process.stderr.readline():  # the program says how many there are when it begins
            assert process.poll() is None
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(60) != 0 and "KeyboardInterrupt" in said
    assert list((workplace / "runs" / "small" / "checkpoints").iterdir()), "it ended in order, with a checkpoint"


@pytest.mark.parametrize(
    ("script", "error", "code"),
    [
        ("exit 1", phasesweep.FailedCellsError, 1),
        ("exit 70", phasesweep.BugError, 70),
        ("exit 3", phasesweep.ProgramError, 3),
        ("kill -KILL $$", phasesweep.ProgramError, -9),
    ],
)
def test_exit_codes_are_types(workplace: Path, script: str, error: type[phasesweep.ProgramError], code: int) -> None:
    stand_in = workplace / "stand-in"
    stand_in.write_text(f"#!/bin/sh\necho what it says >&2\n{script}\n")
    stand_in.chmod(0o755)
    with pytest.raises(phasesweep.ProgramError, match="what it says") as caught:
        phasesweep.run(SMALL, executable=stand_in, progress=False)
    assert type(caught.value) is error and caught.value.code == code
    with pytest.raises(phasesweep.MissingProgramError):
        phasesweep.run(SMALL, executable="nowhere/phasesweep", progress=False)


def test_a_program_that_is_nowhere_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from phasesweep import programs

    with pytest.raises(phasesweep.MissingProgramError, match="install the wheel"):
        programs.program("phasesweep-of-nobody")


def test_values_are_toml_that_reads_back() -> None:
    random = np.random.default_rng(11)

    def some(depth: int) -> object:
        match int(random.integers(7 if depth else 5)):
            case 0:
                return bool(random.integers(2))
            case 1:
                return int(random.integers(-(2**60), 2**60))
            case 2:
                return float(random.choice([0.0, -0.5, 1e-300, 3.14, float("inf"), 1e22]))
            case 3:
                return "".join(chr(c) for c in random.choice([9, 10, 34, 39, 92, 127, 97, 233, 0x1F600], 6))
            case 4:
                return f"plain {random.integers(9)}"
            case 5:
                return [some(depth - 1) for _ in range(random.integers(4))]
            case _:
                return {f"key {i}": some(depth - 1) for i in range(random.integers(4))}

    for _ in range(300):
        item = some(3)
        assert tomllib.loads(f"x = {toml_text.value(item)}")["x"] == item
    assert tomllib.loads(toml_text.document({**SMALL, "top": 1})) == {**SMALL, "top": 1}
    assert toml_text.value(np.float64(0.5)) == "0.5" and toml_text.value(np.arange(3)) == "[0, 1, 2]"
    assert toml_text.value(Path("a/b")) == '"a/b"'
    with pytest.raises(TypeError, match="TOML has no value like None"):
        toml_text.value({"x": None})
