"""What a run costs: each sweep below from start to results.h5 on this machine, beside the same trained by plain PyTorch.

    python3 benches/costs.py PHASESWEEP RAW.csv [SWEEP ...]

phasesweep's figure is the wall clock of the whole command, all of the sweep's cells with all that it observes. PyTorch's is the milliseconds that an
epoch of one module takes (benches/peers/torch_plain.py, median of three, in turn with ours), times the sweep's epochs and cells: one
after another, as a loop over seeds does. PyTorch measures errors, radii and distances where the sweep measures those at every epoch, and
nothing else that the sweep observes. Prints a table in Markdown and writes raw numbers to RAW.csv.

PHASESWEEP_DATA as in training.sh; PEERS, the peers' Python environment; THREADS, all processors unless told.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
THREADS = os.environ.get("THREADS", str(os.cpu_count()))
PEERS = os.environ.get("PEERS", str(Path.home() / ".cache/phasesweep/peers"))
DIGITS = ["--train", "1500", "--test", "297", "--inputs", "61", "--hidden", "20"]
MNIST = ["--train", "8192", "--test", "10000", "--inputs", "669", "--hidden", "20"]

# Sweep: fewer epochs than its file says, for time's sake, and the same for PyTorch.
SWEEPS = {
    "quick": (None, DIGITS),
    "init-scale-digits": (None, DIGITS),
    "schedules-digits": (None, DIGITS),
    "turning-points-digits": (None, DIGITS),
    "inversion-mnist": (None, MNIST),
    "stability": (None, ["--train", "4096", "--test", "10000", "--inputs", "654", "--hidden", "20"]),
    "overlap-mnist": (None, MNIST),
    "collapse-mnist": (
        1000,
        "--train 1000 --test 10000 --inputs 500 --classes 10 --hidden 100 100 --activation relu --measure none".split(),
    ),
    "local-complexity-mnist": (
        2000,
        "--train 1000 --test 10000 --inputs 784 --classes 10 --hidden 200 200 200 200 --activation relu "
        "--optimiser adamw --batch 200 --measure none".split(),
    ),
}


def ours(program, path, settings, out):
    """Seconds of the whole command, and how many cells it trained."""
    command = [program, "run", path, "--out", out, "--threads", THREADS, "--quiet", *settings]
    began = time.monotonic()
    said = subprocess.run(command, capture_output=True, text=True)
    seconds = time.monotonic() - began
    if said.returncode != 0:
        sys.exit(f"{path} ended with code {said.returncode}:\n{said.stderr}")
    cells = json.loads(subprocess.run([program, "status", out, "--json"], capture_output=True, text=True, check=True).stdout)
    return seconds, cells["complete"]


def plain(arguments):
    """Milliseconds of an epoch of one module."""
    command = [f"{PEERS}/bin/python", HERE / "peers/torch_plain.py", "--threads", THREADS, *arguments]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["ms_per_epoch"]


def amount(seconds):
    """Seconds as people say them."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def main(program, raw, *chosen):
    with open(raw, "w", newline="") as file, tempfile.TemporaryDirectory() as scratch:
        out = csv.writer(file)
        out.writerow(["sweep", "cells", "epochs", "seconds", "torch_ms_per_epoch"])
        print("| sweep | cells × epochs | phasesweep | plain PyTorch, one after another | |\n| --- | --- | --- | --- | --- |")
        for sweep, (fewer, arguments) in SWEEPS.items():
            if chosen and sweep not in chosen:
                continue
            path = HERE.parent / "sweeps" / f"{sweep}.toml"
            epochs = fewer or tomllib.loads(path.read_text())["train"]["epochs"]
            settings = ["--set", f"train.epochs={fewer}"] if fewer else []
            rates = [plain(arguments) for _ in range(2)]
            seconds, cells = ours(program, path, settings, f"{scratch}/{sweep}")
            rates.append(plain(arguments))
            out.writerow([sweep, cells, epochs, f"{seconds:.3f}", f"{median(rates):.4f}"])
            file.flush()
            theirs = cells * epochs * median(rates) / 1000
            note = f" (`{' '.join(settings)}`)" if settings else ""
            print(
                f"| `{sweep}.toml`{note} | {cells} × {epochs} | {amount(seconds)} | {amount(theirs)} "
                f"| {float(f'{theirs / seconds:.2g}'):g} × |",
                flush=True,
            )


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
