// The cells and their columns, as the program has put them into the page. Invariant: every column has one value a cell; a missing
// number is NaN.

import { block } from "./blocks.js";
import { exact, written } from "./numbers.js";

/** One column. `words` are the levels of a column of words, else null; `values` are numbers, or places of levels. */
export class Column {
  constructor(described, values) {
    Object.assign(this, described);
    this.words = described.levels ?? null;
    this.values = values;
  }

  /** The value of a cell as a person reads it. */
  text(cell) {
    if (this.words) return this.words[this.values[cell]];
    const value = this.values[cell];
    return this.role === "specification" ? exact(value) : written(value, this.decimals);
  }

  /** Distinct numbers, ascending, or null where there are more than `most`. */
  distinct(most) {
    const seen = new Set();
    for (const value of this.values) {
      if (!Number.isNaN(value)) seen.add(value);
      if (seen.size > most) return null;
    }
    return Float64Array.from(seen).sort();
  }
}

/** All cells. */
export class Cells {
  constructor(header, columns) {
    Object.assign(this, { count: header.cells, columns, constants: header.constants });
    Object.assign(this, { turns: header.turns, start: header.start, notes: header.notes });
    this.byKey = new Map(columns.map((column) => [column.key, column]));
  }

  /** The short name of a cell: the beginning of its id. */
  name(cell) {
    return this.byKey.get("cell").text(cell);
  }
}

/** Reads them; null where the page holds none. */
export async function readCells() {
  const read = await block("cells-block");
  if (!read) return null;
  const count = read.header.cells;
  const values = ({ kind, at }) =>
    kind.startsWith("f") ? read.floats(at, Number(kind.slice(1)) / 8, count) : read.whole(at, Number(kind.slice(1)) / 8, count);
  return new Cells(read.header, read.header.columns.map((described) => new Column(described, values(described))));
}
