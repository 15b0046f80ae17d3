"""Python values as TOML, for sweeps that are written as dicts and for ``--set``.

Invariant: `tomllib` reads the values back. There is no null in TOML: a value None is refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def key(name: str) -> str:
    """A key, in quotes where it needs them."""
    return name if _BARE_KEY.fullmatch(name) else _text(name)


def value(item: Any) -> str:
    """A value on one line: truth values, numbers (NumPy's too), texts, sequences and mappings.

    Raises
    ------
    TypeError
        If TOML has no such value.
    """
    if hasattr(item, "tolist"):  # NumPy's scalars and arrays
        item = item.tolist()
    match item:
        case bool():
            return "true" if item else "false"
        case int():
            return str(item)
        case float():
            return repr(item) if math.isfinite(item) else {"inf": "inf", "-inf": "-inf"}.get(str(item), "nan")
        case str():
            return _text(item)
        case Mapping():
            return "{" + ", ".join(f"{key(name)} = {value(inner)}" for name, inner in item.items()) + "}"
        case list() | tuple() | range():
            return "[" + ", ".join(value(inner) for inner in item) + "]"
        case _ if hasattr(item, "__fspath__"):
            return _text(item.__fspath__())
    raise TypeError(f"TOML has no value like {item!r}: leave the key out, or write a number, a text, a list or a dict")


def document(tables: Mapping[str, Any]) -> str:
    """A sweep file: a table for each mapping, an array of tables for each list of mappings."""
    parts = []
    for name, table in tables.items():
        if isinstance(table, Mapping):
            parts.append(_table(f"[{key(name)}]", table))
        elif isinstance(table, list | tuple) and table and all(isinstance(entry, Mapping) for entry in table):
            parts.extend(_table(f"[[{key(name)}]]", entry) for entry in table)
        else:
            # Keys outside of tables come first in TOML.
            parts.insert(0, f"{key(name)} = {value(table)}\n")
    return "\n".join(parts)


def _table(head: str, entries: Mapping[str, Any]) -> str:
    return "".join([f"{head}\n", *(f"{key(name)} = {value(entry)}\n" for name, entry in entries.items())])


def _text(text: str) -> str:
    # JSON's escapes are TOML's, except that JSON leaves DEL as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
