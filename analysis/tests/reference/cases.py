"""Makes cases.json: ε* of the distance (rule prominence), cell by cell, of three sweeps on digits, as the program trained
them. The test of the verdict reads these numbers instead of training.

    for case in init-scales one-way seeds-alone; do phasesweep run $case.toml --out $case; phasesweep report $case; done
    python3 cases.py init-scales one-way seeds-alone

All three: 1500 digits by parity, one hidden layer of tanh units, gradient descent on the whole block, 900 epochs.
init-scales: width 20, init_scale = [0.25, 2], lr = [0.1, 0.3], 8 seeds; one-way: widths 2, 4, 20 and 80, lr = 0.3, 8 seeds;
seeds-alone: width 20, lr = 0.3, 256 seeds.
"""

import csv
import json
import pathlib
import sys


def case(folder):
    with open(pathlib.Path(folder) / "report" / "turning_points.csv") as file:
        rows = [row for row in csv.DictReader(file) if (row["observable"], row["rule"]) == ("distance", "prominence")]
    star = lambda row: float(row["epsilon_star"]) if row["status"] == "found" else None
    return [[row["architecture"], row["optimiser"], int(row["seed"]), star(row)] for row in rows]


cases = {pathlib.Path(folder).name: case(folder) for folder in sys.argv[1:]}
lines = [f' "{name}": [\n' + ",\n".join("  " + json.dumps(cell, ensure_ascii=False) for cell in cells) + "\n ]" for name, cells in cases.items()]
path = pathlib.Path(__file__).with_name("cases.json")
path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
