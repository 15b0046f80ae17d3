"""The training errors at inversion of two runs of the same cells: how far a device's are from frozen ones.

    python3 compare.py FROZEN.csv RUN/report/turning_points.csv TOLERANCE

Reads the report's table of turning points (rule: prominence). Prints, of each observable, the cells, both means, and the largest
difference of a cell's; ends with code 1 if a cell is missing, turns in one run alone, or if a mean is off by more than TOLERANCE.
"""
import csv
import sys


def read(path):
    rows = {}
    with open(path, newline="") as table:
        for row in csv.DictReader(table):
            if row["rule"] == "prominence":
                rows[row["cell_id"], row["observable"]] = float(row["epsilon_star"]) if row["status"] == "found" else None
    return rows


frozen, found = read(sys.argv[1]), read(sys.argv[2])
tolerance = float(sys.argv[3])
wrong = [f"{cell} {observable} is missing" for cell, observable in frozen.keys() - found.keys()]
for observable in sorted({observable for _, observable in frozen}):
    keys = [key for key in frozen if key[1] == observable and key in found]
    for key in keys:
        if (frozen[key] is None) != (found[key] is None):
            wrong.append(f"{key[0]} {observable}: frozen {frozen[key]}, here {found[key]}")
    pairs = [(frozen[key], found[key]) for key in keys if frozen[key] is not None and found[key] is not None]
    if not pairs:
        continue
    mean = [sum(side) / len(pairs) for side in zip(*pairs)]
    furthest = max(abs(a - b) for a, b in pairs)
    print(f"{observable}: {len(pairs)} cells, frozen {mean[0]:.5f}, here {mean[1]:.5f}, a cell's off by {furthest:.5f} at most")
    if abs(mean[0] - mean[1]) > tolerance:
        wrong.append(f"{observable}: the mean is off by {abs(mean[0] - mean[1]):.5f}")
for message in wrong:
    print(message, file=sys.stderr)
sys.exit(bool(wrong))
