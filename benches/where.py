"""Where the time of training goes: the operations of the CPU kernel by their share of the processor time, row by row of the benches.

    python3 benches/where.py PHASESWEEP [ROW ...]

Each row is a run under `perf record` (Debian's linux-perf), whose samples are told apart by the line tables of the program: an operation
of the kernel is one function for each instruction set, into which everything that it does is inlined. Prints a table in Markdown:
products are those of samples and weights, forward and back; what takes less than 2% is left out. PHASESWEEP_DATA as in training.sh;
THREADS, two unless told.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
THREADS = os.environ.get("THREADS", "2")

# Row: sweep and settings, as many epochs as a profile wants.
ROWS = {
    "sparse": ["sweeps/inversion-mnist.toml", "train.epochs=150"],
    "dense": ["sweeps/inversion-mnist.toml", "train.epochs=60", "--kernel", "dense"],
    "two_layers": ["benches/two-layers.toml", "sweep.seeds.count=8", "train.epochs=60"],
    "mlp": ["benches/minibatch.toml", "sweep.seeds.count=8", "train.epochs=150"],
    "cnn": ["benches/cnn.toml", "sweep.seeds.count=8", "train.epochs=80"],
    "residual": ["benches/residual.toml", "train.epochs=60"],
}
PRODUCTS = {"FirstLayer", "FirstGradient", "Sums", "WeightGradient", "Predict", "Measure"}
LEAST = 0.02


def said(command):
    """What a command prints; its complaint where it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command[0]} ended with code {done.returncode}:\n{done.stderr}")
    return done.stdout


def file_addresses(program, record):
    """A function that makes an address in the program's file of one in memory; `None` for one elsewhere."""
    loaded = []
    for line in said(["perf", "script", "-i", record, "--show-mmap-events"]).splitlines():
        place = re.search(r"PERF_RECORD_MMAP2 .*: \[0x([0-9a-f]+)\(0x([0-9a-f]+)\) @ (?:0x)?([0-9a-f]+) .*: r-xp .*/(.+)$", line)
        if place and place[4] == program.name:
            loaded.append([int(place[at], 16) for at in (1, 2, 3)])
    segments = [
        (int(segment[1], 16), int(segment[2], 16))
        for line in said(["readelf", "-lW", program]).splitlines()
        if (segment := re.match(r"\s*LOAD\s+0x([0-9a-f]+) 0x([0-9a-f]+)", line))
    ]

    def of(address):
        offset = next((address - start + at for start, length, at in loaded if start <= address < start + length), None)
        if offset is None:
            return None
        begins, stands = max(segment for segment in segments if segment[0] <= offset)
        return stands + offset - begins

    return of


def operations(program, record):
    """Samples by operation: of the kernel its name, which the hottest instruction of a function tells, else the function or the library."""
    of_file = file_addresses(program, record)
    out, functions = Counter(), {}
    for line in said(["perf", "script", "-i", record, "-F", "ip,sym,symoff,dso"]).splitlines():
        if not (sample := re.match(r"\s*([0-9a-f]+) (.*?)(?:\+0x([0-9a-f]+))? \((.+)\)$", line)):
            continue
        address = int(sample[1], 16)
        if (place := of_file(address)) is None:
            out[Path(sample[4]).name.strip("[]")] += 1
        else:
            begins = address - int(sample[3] or "0", 16)
            functions.setdefault((begins, sample[2]), Counter())[place] += 1
    for (_, symbol), counts in functions.items():
        name = operation_at(program, counts.most_common(1)[0][0])
        out[name or re.sub(r"<.*|::h[0-9a-f]{16}$", "", symbol).split("::")[-1]] += sum(counts.values())
    return out


def operation_at(program, place):
    """The operation of the kernel to whose function an address belongs: `Sums` of `zmm<phasesweep_kernel::dense::Sums, 1>`."""
    chain = said(["addr2line", "-ifCe", program, hex(place)]).split("\n")[::2]
    found = (re.search(r"^\w+<phasesweep_kernel::[\w:]+::(\w+)(?:<.*>)?, \d+>$", name) for name in reversed(chain))
    return next((operation[1] for operation in found if operation), None)


def main(program, *chosen):
    program = Path(shutil.which(program) or program).resolve()
    print("| row | products | of which | the rest |\n| --- | ---: | --- | --- |")
    for row in chosen or ROWS:
        sweep, *settings = ROWS[row]
        arguments = [part for value in settings for part in (["--set", value] if "=" in value else [value])]
        with tempfile.TemporaryDirectory() as scratch:
            record = f"{scratch}/perf.data"
            run = [program, "run", ROOT / sweep, *arguments, "--threads", THREADS, "--out", f"{scratch}/run", "--quiet"]
            said(["perf", "record", "-F", "499", "-o", record, "--", *run])
            shares = operations(program, record)
        total = sum(shares.values())
        listed = [(name, count / total) for name, count in shares.most_common() if count / total >= LEAST]
        tell = lambda of: ", ".join(f"{name} {100 * share:.0f}%" for name, share in of) or "–"
        products = sum(count for name, count in shares.items() if name in PRODUCTS) / total
        print(
            f"| {row} | {100 * products:.0f}% | {tell([of for of in listed if of[0] in PRODUCTS])} |"
            f" {tell([of for of in listed if of[0] not in PRODUCTS])} |",
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
