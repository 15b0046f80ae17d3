#!/usr/bin/env python3
"""The phases of local complexity of several runs as one table: which were found, and at which steps.

    phases.py RUN… > phases.csv

Reads `report/lc_phases.csv` of each run directory (one row per cell, points, radius and layer) and writes one row per run, data,
subsample, architecture, optimiser, points and radius, summed over the layers: cells, in how many of them each phase was found,
and the medians over those of the steps at which the descent ends, the ascent ends and the final descent begins.
"""

import csv
import statistics
import sys
from pathlib import Path

GROUP = ["data", "subsample", "architecture", "optimiser", "init_scale", "points", "radius"]
# Each phase, the column of the step that goes with it, and what that step is.
PHASES = [
    ("descent", "trough_step", "descent_ends"),
    ("ascent", "peak_step", "ascent_ends"),
    ("final_descent", "final_step", "final_descent_begins"),
]


def median(values):
    """The median as text; empty where there is none."""
    return f"{statistics.median(values):.0f}" if values else ""


def rows(run):
    """The rows of the table that one run gives."""
    with open(Path(run) / "report" / "lc_phases.csv", newline="") as file:
        cells = [row for row in csv.DictReader(file) if row["layer"] == "total"]
    groups = {}
    for cell in cells:
        groups.setdefault(tuple(cell[name] for name in GROUP), []).append(cell)
    for key, members in groups.items():
        row = {"run": Path(run).name, **dict(zip(GROUP, key)), "cells": len(members)}
        for phase, step, name in PHASES:
            row[phase] = sum(member[phase] == "found" for member in members)
            row[name] = median([float(member[step]) for member in members if member[step]])
        row["still_ascending"] = sum(member["ascent"] == "edge" for member in members)
        yield row


def main():
    table = [row for run in sys.argv[1:] for row in rows(run)]
    if not table:
        sys.exit("phases.py: no run was named, or none measured local complexity")
    writer = csv.DictWriter(sys.stdout, fieldnames=list(table[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)


if __name__ == "__main__":
    main()
