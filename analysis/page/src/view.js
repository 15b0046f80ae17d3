// What is shown of the cells, shared by the figure, the table and the panel: which match the search and the filters, which were
// brushed, which one is pointed at, which one is open. Whoever changes it tells all who listen what changed.

import { bounds, questions } from "./query.js";

export class View {
  constructor(cells) {
    this.cells = cells;
    this.search = "";
    this.filters = new Map();
    this.matches = new Uint8Array(cells.count).fill(1);
    this.brushed = null;
    this.pointed = -1;
    this.open = -1;
    this.listeners = [];
  }

  /** Calls `listener(what)` whenever "filter", "brush", "pointed" or "open" changed. */
  listen(listener) {
    this.listeners.push(listener);
  }

  tell(what) {
    for (const listener of this.listeners) listener(what);
  }

  /** Whether a cell matches and is brushed, if any is. */
  shows(cell) {
    return this.matches[cell] === 1 && (!this.brushed || this.brushed[cell] === 1);
  }

  /** How many do. */
  shown() {
    let count = 0;
    for (let cell = 0; cell < this.cells.count; cell++) count += this.shows(cell);
    return count;
  }

  /** Sets the search. */
  ask(text) {
    this.search = text;
    this.match();
  }

  /** Filters a column: a text of bounds, or of a word that it must be; empty for none. */
  filter(column, text) {
    if (text === "") this.filters.delete(column);
    else this.filters.set(column, text);
    this.match();
  }

  match() {
    const { columns, count } = this.cells;
    const out = this.matches.fill(1);
    const keep = (test) => {
      for (let cell = 0; cell < count; cell++) if (out[cell] && !test(cell)) out[cell] = 0;
    };
    const byNumber = (column, test) => keep((cell) => test(column.values[cell]));
    // Of words the levels are asked, not the cells.
    const byLevel = (column, test) => {
      const fits = Uint8Array.from(column.words, (word) => (test(word.toLowerCase()) ? 1 : 0));
      keep((cell) => fits[column.values[cell]]);
    };
    for (const [column, text] of this.filters) {
      if (column.words) byLevel(column, (word) => word === text.toLowerCase());
      else byNumber(column, bounds(text) ?? (() => true));
    }
    const worded = columns.filter((column) => column.words);
    const given = columns.filter((column) => !column.words && column.role === "specification");
    for (const { column: place, test, text } of questions(this.search, columns.map(({ key, label }) => [key, label]))) {
      const column = columns[place];
      if (column?.words) byLevel(column, (word) => word.includes(text));
      else if (column) test ? byNumber(column, test) : keep((cell) => column.text(cell).includes(text));
      else {
        const fits = worded.map((of) => Uint8Array.from(of.words, (word) => (word.toLowerCase().includes(text) ? 1 : 0)));
        const equal = bounds(text);
        keep((cell) => worded.some((of, at) => fits[at][of.values[cell]]) || (equal && given.some((of) => equal(of.values[cell]))));
      }
    }
    this.tell("filter");
  }

  /** Sets what is brushed: 1 for each cell that is, or null for none. */
  brush(cells) {
    if (cells === this.brushed) return;
    this.brushed = cells;
    this.tell("brush");
  }

  point(cell) {
    if (cell === this.pointed) return;
    this.pointed = cell;
    this.tell("pointed");
  }

  show(cell) {
    this.open = cell;
    if (cell >= 0) this.pointed = cell;
    this.tell("open");
  }
}
