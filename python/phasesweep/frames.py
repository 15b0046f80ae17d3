"""Columns as a frame of pandas or of polars. Texts that repeat are categories in both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import polars as pl

Frame = Literal["pandas", "polars"]

Array = np.ndarray[Any, Any]


class Repeated(NamedTuple):
    """A column of few distinct values: entry i is ``values[codes[i]]``."""

    values: Array
    codes: Array


def frame(columns: Mapping[str, Array | Repeated], kind: Frame) -> pd.DataFrame | pl.DataFrame:
    """The columns, in their order.

    Raises
    ------
    ValueError
        If `kind` is neither.
    ImportError
        If polars is asked for and not installed.
    """
    if kind == "pandas":
        return pd.DataFrame({name: _of_pandas(column) for name, column in columns.items()})
    check(kind)
    import polars as pl

    return pl.DataFrame([_of_polars(name, column) for name, column in columns.items()])


def check(kind: str) -> None:
    """Refuses what is no kind of frame."""
    if kind not in ("pandas", "polars"):
        raise ValueError(f'frame={kind!r}: it is "pandas" or "polars"')


def _of_pandas(column: Array | Repeated) -> Any:
    if isinstance(column, Repeated):
        if _is_text(column.values):
            return pd.Categorical.from_codes(column.codes, categories=pd.Index([str(v) for v in column.values]))
        return column.values[column.codes]
    return column.astype(object) if _is_text(column) else column


def _of_polars(name: str, column: Array | Repeated) -> pl.Series:
    import polars as pl

    if isinstance(column, Repeated):
        values = _of_polars(name, column.values)
        if _is_text(column.values):
            values = values.cast(pl.Enum([str(v) for v in column.values]))
        return values.gather(pl.Series(column.codes))
    if _is_text(column):
        return pl.Series(name, [str(v) for v in column], dtype=pl.String)
    # Missing is null in polars, whose statistics pass over nulls and not over NaN.
    return pl.Series(name, column).fill_nan(None) if column.dtype.kind == "f" else pl.Series(name, column)


def _is_text(values: Array) -> bool:
    return values.dtype.kind in "OUT"
