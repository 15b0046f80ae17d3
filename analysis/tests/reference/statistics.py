"""Makes statistics.json: values of scipy and statsmodels that the analysis must reproduce.

    python3 -m venv venv && venv/bin/pip install numpy scipy statsmodels pandas
    venv/bin/python statistics.py

The inputs are written beside the outputs, so that the test needs neither Python nor the same random numbers.
"""

import json
import pathlib

import numpy as np
import pandas as pd
import scipy
import statsmodels
import statsmodels.api as sm
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

rng = np.random.default_rng(20240115)


def moments():
    values = rng.gamma(3.0, 0.03, 17)
    return {
        "values": values.tolist(),
        "mean": float(np.mean(values)),
        "sd": float(np.std(values, ddof=1)),
        "cv": float(stats.variation(values, ddof=1)),
        "quantiles": [[p, float(np.quantile(values, p))] for p in (0.0, 0.025, 0.3, 0.5, 0.9, 1.0)],
    }


def student():
    """Student's intervals of means of few and of more values."""
    out = []
    for size in (3, 8, 32, 64):
        values = rng.lognormal(-2.5, 0.8, size)
        low, high = DescrStatsW(values).tconfint_mean(alpha=0.05)
        out.append({"values": values.tolist(), "low": float(low), "high": float(high)})
    return out


def anova(frame, formula, terms):
    fit = ols(formula, frame).fit()
    table = sm.stats.anova_lm(fit, typ=2)
    error = fit.mse_resid
    total = fit.centered_tss
    # statsmodels keeps columns of missing level pairs in a nested term; the rank tells the true degrees of freedom.
    rows = {}
    for name, term in terms.items():
        squares, degrees = float(table.loc[term, "sum_sq"]), float(table.loc[term, "df"])
        rows[name] = {
            "sum_of_squares": squares,
            "degrees": degrees,
            "f": float(table.loc[term, "F"]),
            "omega_squared": (squares - degrees * error) / (total + error),
        }
    return {
        "columns": {c: (frame[c].tolist() if c == "y" else pd.factorize(frame[c])[0].tolist()) for c in frame},
        "terms": rows,
        "residual": float(fit.ssr),
        "residual_degrees": float(fit.df_resid),
        "total": float(total),
    }


def crossed():
    """Three crossed factors, unbalanced: a fifth of the cells censored."""
    rows = [
        (a, b, s, 0.09 + 0.01 * a + 0.002 * b * (1 + a) + 0.001 * np.sin(s) + 0.002 * rng.normal())
        for a in range(2)
        for b in range(3)
        for s in range(8)
        if rng.random() > 0.2
    ]
    frame = pd.DataFrame(rows, columns=["a", "b", "seed", "y"])
    terms = {"a": "C(a)", "b": "C(b)", "seed": "C(seed)"}
    return anova(frame, "y ~ C(a) + C(b) + C(seed)", terms)


def nested():
    """A subsample nested in its data source, beside a crossed optimiser; unbalanced."""
    rows = [
        (d, d * 3 + s, o, 0.07 + 0.02 * d + 0.003 * s + 0.001 * o + 0.001 * rng.normal())
        for d in range(2)
        for s in range(3)
        for o in range(3)
        for _ in range(4)
        if rng.random() > 0.15
    ]
    frame = pd.DataFrame(rows, columns=["data", "subsample", "optimiser", "y"])
    # Type II by its definition, model against model: each line is one F test's numerator.
    full = ols("y ~ C(subsample) + C(optimiser)", frame).fit()
    without_optimiser = ols("y ~ C(subsample)", frame).fit()
    data_only = ols("y ~ C(data) + C(optimiser)", frame).fit()
    neither = ols("y ~ C(optimiser)", frame).fit()
    residual, total = full.mse_resid, full.centered_tss
    of_subsample = (data_only.ssr - full.ssr) / (data_only.df_resid - full.df_resid)
    # A data source is held against its subsamples, all else against the residual.
    tests = {
        "data": (neither, data_only, of_subsample),
        "subsample": (data_only, full, residual),
        "optimiser": (without_optimiser, full, residual),
    }
    rows = {}
    for name, (less, more, error) in tests.items():
        squares, degrees = less.ssr - more.ssr, less.df_resid - more.df_resid
        rows[name] = {
            "sum_of_squares": float(squares),
            "degrees": float(degrees),
            "f": float(squares / degrees / error),
            "omega_squared": float((squares - degrees * error) / (total + residual)),
        }
    return {
        "columns": {c: (frame[c].tolist() if c == "y" else pd.factorize(frame[c])[0].tolist()) for c in frame},
        "terms": rows,
        "residual": float(full.ssr),
        "residual_degrees": float(full.df_resid),
        "total": float(total),
    }


def one_way():
    """Four architectures, unequal numbers of seeds and unequal spreads: the one-way analysis of variance, and Welch's
    intervals of all differences."""
    rows = [
        (a, 100 * a + s, 0.07 + 0.004 * a + (0.001 + 0.001 * a) * rng.normal())
        for a, size in enumerate((3, 8, 5, 12))
        for s in range(size)
    ]
    frame = pd.DataFrame(rows, columns=["architecture", "seed", "y"])
    fit = ols("y ~ C(architecture)", frame).fit()
    row = sm.stats.anova_lm(fit).loc["C(architecture)"]
    n, squares, degrees, error = len(frame), row["sum_sq"], row["df"], fit.mse_resid
    groups = [g["y"].to_numpy() for _, g in frame.groupby("architecture")]
    k0 = (n - sum(len(g) ** 2 for g in groups) / n) / (len(groups) - 1)
    pairs = [(i, j) for i in range(4) for j in range(i)]
    compare = lambda i, j: CompareMeans(DescrStatsW(groups[i]), DescrStatsW(groups[j]))
    each = 1 - (1 - 0.025) ** (1 / len(pairs))
    lows, highs = [], []
    for i, j in pairs:
        estimate = abs(groups[i].mean() - groups[j].mean())
        # The half-widths of two-sided intervals: at 95% for the upper bound, at Šidák's level for the lower one.
        half = lambda alpha: np.ptp(compare(i, j).tconfint_diff(alpha=alpha, usevar="unequal")) / 2
        highs.append(estimate + half(0.05))
        lows.append(estimate - half(each))
    return {
        "columns": {"architecture": frame["architecture"].tolist(), "seed": frame["seed"].tolist(), "y": frame["y"].tolist()},
        "sum_of_squares": float(squares),
        "degrees": float(degrees),
        "error_degrees": float(fit.df_resid),
        "f": float(row["F"]),
        "p": float(row["PR(>F)"]),
        "omega_squared": float((squares - degrees * error) / (fit.centered_tss + error)),
        "rms_shift": float(np.sqrt((squares - degrees * error) / n)),
        "icc": float((row["F"] - 1) / (row["F"] + k0 - 1)),
        "largest": max(abs(groups[i].mean() - groups[j].mean()) for i, j in pairs),
        "largest_low": max(0.0, max(lows)),
        "largest_high": max(highs),
    }


def paired():
    """Two optimisers from the same initial weights: the paired t interval."""
    both = rng.normal(0.08, 0.004, 9)
    a, b = both + rng.normal(0.001, 0.0005, 9), both + rng.normal(0.0, 0.001, 9)
    low, high = DescrStatsW(a - b).tconfint_mean(alpha=0.05)
    return {"a": a.tolist(), "b": b.tolist(), "low": float(low), "high": float(high)}


def icc():
    """ICC(1) from the F of scipy's one-way analysis: (F − 1)/(F + k₀ − 1)."""
    out = []
    for sizes in ([6, 6, 6, 6], [3, 9, 5, 7, 2]):
        groups = [rng.normal(0.09 + 0.002 * g, 0.0015, n) for g, n in enumerate(sizes)]
        f = stats.f_oneway(*groups).statistic
        n = sum(sizes)
        k0 = (n - sum(s * s for s in sizes) / n) / (len(sizes) - 1)
        out.append({"groups": [g.tolist() for g in groups], "icc": float((f - 1) / (f + k0 - 1))})
    return out


def overlap():
    """z of overlaps, pair by pair, with scipy's hypergeometric moments."""
    samples, runs = 70, 9
    sets = [rng.random(samples) < rng.uniform(0.2, 0.4) * np.linspace(1.6, 0.4, samples) for _ in range(runs)]
    overlaps, means, variances = [], [], []
    for i in range(runs):
        for j in range(i):
            law = stats.hypergeom(samples, int(sets[i].sum()), int(sets[j].sum()))
            overlaps.append(int((sets[i] & sets[j]).sum()))
            means.append(law.mean())
            variances.append(law.var())
    above = np.mean(overlaps) - np.mean(means)
    return {
        "samples": samples,
        "sets": [np.flatnonzero(s).tolist() for s in sets],
        "mean": float(np.mean(overlaps)),
        "expectation": float(np.mean(means)),
        "deviation": float(np.std(overlaps, ddof=1)),
        "z": float(above / np.std(overlaps, ddof=1)),
        "z_hypergeometric": float(above / np.sqrt(np.mean(variances))),
    }


values = {
    "made_with": {"numpy": np.__version__, "scipy": scipy.__version__, "statsmodels": statsmodels.__version__},
    "moments": moments(),
    "student": student(),
    "crossed": crossed(),
    "nested": nested(),
    "one_way": one_way(),
    "paired": paired(),
    "icc": icc(),
    "overlap": overlap(),
}
path = pathlib.Path(__file__).with_name("statistics.json")
path.write_text(json.dumps(values, indent=1) + "\n")
