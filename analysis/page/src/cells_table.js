// The table of the cells: sorted, filtered and searched, and of as many rows as fit on the screen at a time, so that a hundred
// thousand cells scroll as ten do. Its rows are those that the figure shows.

import { element, fill } from "./element.js";

const ROW = 26;
const HEIGHT = 13 * ROW;
/** Levels of a column that are offered as a menu, at most. */
const MOST_LEVELS = 60;
/** Columns of the short form, at most. */
const MOST_COLUMNS = 14;

export class CellsTable {
  constructor(view, figure) {
    this.view = view;
    this.figure = figure;
    this.sorted = { column: null, way: 1 };
    this.isWhole = false;
    this.active = -1;
    const search = element("input", { type: "search", id: "search-cells", placeholder: "adam  width=20  ε*(D)>0.07", input: (event) => view.ask(event.target.value) });
    this.count = element("span", { class: "count", role: "status" });
    this.clear = element("button", { type: "button", hidden: true, click: () => this.showAll() }, "Show all");
    this.filtersOn = element("button", { type: "button", "aria-pressed": "false", click: () => this.toggleFilters() }, "Filters");
    this.all = element("button", { type: "button", "aria-pressed": "false", click: () => this.toggleColumns() }, "All columns");
    this.head = element("thead");
    this.body = element("tbody");
    this.table = element("table", { role: "grid", "aria-label": "Cells", tabindex: "0", keydown: (event) => this.key(event), focus: () => this.table.contains(document.activeElement) && this.activate(Math.max(this.active, 0)) }, this.head, this.body);
    this.scroller = element("div", { class: "wide virtual", style: { maxHeight: `${HEIGHT}px` }, scroll: () => this.draw() }, this.table);
    this.search = search;
    this.root = element("div", { class: "cells-table" },
      element("div", { class: "tools" }, element("label", { for: "search-cells" }, "Search the cells"), search, this.filtersOn, this.all, this.count, this.clear), this.scroller);
    this.body.addEventListener("click", (event) => this.at(event, (cell) => view.show(cell)));
    this.body.addEventListener("pointerover", (event) => this.at(event, (cell) => view.point(cell)));
    this.body.addEventListener("pointerleave", () => view.point(-1));
    view.listen((what) => {
      if (what === "filter" || what === "brush") this.refresh();
      else this.mark();
    });
    this.choose();
  }

  at(event, then) {
    const row = event.target.closest("tr[data-cell]");
    if (row) then(Number(row.dataset.cell));
  }

  /** Takes the columns that are shown: what was varied, what the figure shows, and how cells ended; or all. */
  choose() {
    const { columns } = this.view.cells;
    const { x, y, colour } = this.figure.chosen;
    const rank = (column) => {
      if (column.key === "cell") return 0;
      if (column.key === "group") return 9;
      if ([y, x, colour].includes(column)) return column.role === "specification" ? 1 : 2;
      return { specification: 3, epsilon: 4, end: 5, turn: 7, other: column.key === "status" ? 4 : 8 }[column.role];
    };
    const ranked = columns.map((column, place) => [rank(column), place, column]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const kept = this.isWhole ? ranked : ranked.filter(([of]) => of < 7).slice(0, MOST_COLUMNS);
    this.shown = kept.map(([, , column]) => column);
    this.drawHead();
    this.refresh();
  }

  drawHead() {
    const { count } = this.view.cells;
    const sortedBy = (column) => (this.sorted.column === column ? (this.sorted.way > 0 ? "ascending" : "descending") : "none");
    const heads = this.shown.map((column) =>
      element("th", { scope: "col", class: column.words ? null : "n", "aria-sort": sortedBy(column) },
        element("button", { type: "button", class: "sort", click: () => this.sortBy(column) }, column.label)));
    const filters = this.shown.map((column) => element("td", {}, this.filterOf(column)));
    fill(this.head, element("tr", { "aria-rowindex": "1" }, heads), this.hasFilters && element("tr", { class: "filters", "aria-rowindex": "2" }, filters));
    this.table.setAttribute("aria-colcount", this.shown.length);
    this.table.setAttribute("aria-rowcount", count + 1);
  }

  filterOf(column) {
    const value = this.view.filters.get(column) ?? "";
    const label = `Only where ${column.label} is`;
    if (column.words && column.words.length <= MOST_LEVELS) {
      const options = column.words.map((word) => element("option", { value: word, selected: word === value }, word));
      return element("select", { "aria-label": label, change: (event) => this.view.filter(column, event.target.value) }, element("option", { value: "" }, "any"), options);
    }
    if (column.words) return "";
    return element("input", { "aria-label": label, placeholder: "> …", value, size: "6", input: (event) => this.view.filter(column, event.target.value) });
  }

  toggleFilters() {
    this.hasFilters = !this.hasFilters;
    this.filtersOn.setAttribute("aria-pressed", String(this.hasFilters));
    this.drawHead();
  }

  toggleColumns() {
    this.isWhole = !this.isWhole;
    this.all.setAttribute("aria-pressed", String(this.isWhole));
    this.choose();
  }

  /** Lets go of search, filters and brush. */
  showAll() {
    this.search.value = "";
    this.view.filters.clear();
    this.view.brushed = null;
    this.view.ask("");
    this.drawHead();
  }

  sortBy(column) {
    this.sorted = { column, way: this.sorted.column === column ? -this.sorted.way : 1 };
    this.drawHead();
    this.refresh();
    this.head.querySelector(`[aria-sort$=scending] button`)?.focus();
  }

  /** Takes the rows anew. */
  refresh() {
    const { cells } = this.view;
    const rows = [];
    for (let cell = 0; cell < cells.count; cell++) if (this.view.shows(cell)) rows.push(cell);
    const { column, way } = this.sorted;
    if (column?.words) {
      const names = column.words.map((word, at) => [word, at]).sort((a, b) => a[0].localeCompare(b[0], "en", { numeric: true }));
      const rank = new Uint32Array(names.length);
      names.forEach(([, at], place) => (rank[at] = place));
      rows.sort((a, b) => way * (rank[column.values[a]] - rank[column.values[b]]) || a - b);
    } else if (column) {
      const { values } = column;
      // What is missing stands last, either way.
      rows.sort((a, b) => {
        const [missingA, missingB] = [Number.isNaN(values[a]), Number.isNaN(values[b])];
        return missingA || missingB ? missingA - missingB || a - b : way * (values[a] - values[b]) || a - b;
      });
    }
    this.rows = rows;
    const isAll = rows.length === cells.count;
    this.count.textContent = isAll ? `${cells.count} cells` : `${rows.length} of ${cells.count} cells`;
    this.clear.hidden = isAll && !this.view.search && !this.view.filters.size;
    this.active = Math.min(this.active, rows.length - 1);
    this.first = -1;
    this.scroller.scrollTop = 0;
    this.draw();
  }

  /** Draws the rows that are in sight. */
  draw() {
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW) - 6);
    const last = Math.min(this.rows.length, first + Math.ceil(HEIGHT / ROW) + 12);
    if (first === this.first && last === this.last && this.drawn === this.rows) return;
    Object.assign(this, { first, last, drawn: this.rows });
    const gap = (rows) => element("tr", { class: "gap", "aria-hidden": "true", style: { height: `${rows * ROW}px` } }, element("td", { colspan: this.shown.length }));
    const row = (cell, at) =>
      element("tr", { "data-cell": cell, id: `cell-row-${at}`, "aria-rowindex": at + 2 }, this.shown.map((column) => element("td", { class: column.words ? null : "n", role: "gridcell" }, column.text(cell))));
    fill(this.body, first > 0 && gap(first), this.rows.slice(first, last).map((cell, at) => row(cell, first + at)), last < this.rows.length && gap(this.rows.length - last));
    if (!this.rows.length) fill(this.body, element("tr", {}, element("td", { colspan: this.shown.length }, "No cell matches.")));
    this.mark();
  }

  mark() {
    for (const row of this.body.querySelectorAll("tr[data-cell]")) {
      const cell = Number(row.dataset.cell);
      row.classList.toggle("pointed", cell === this.view.pointed);
      row.classList.toggle("open", cell === this.view.open);
      row.classList.toggle("active", cell === this.rows[this.active] && document.activeElement === this.table);
    }
  }

  activate(at) {
    if (!this.rows.length) return;
    this.active = Math.min(Math.max(at, 0), this.rows.length - 1);
    const head = this.head.offsetHeight;
    const [top, { scrollTop }] = [this.active * ROW, this.scroller];
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + ROW + head > scrollTop + this.scroller.clientHeight) this.scroller.scrollTop = top + ROW + head - this.scroller.clientHeight;
    this.draw();
    this.table.setAttribute("aria-activedescendant", `cell-row-${this.active}`);
    this.view.point(this.rows[this.active]);
    this.mark();
  }

  key(event) {
    if (event.target !== this.table) return;
    const page = Math.floor(HEIGHT / ROW) - 2;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) this.activate(this.active + steps[event.key]);
    else if (event.key === "Enter" || event.key === " ") this.view.show(this.rows[Math.max(this.active, 0)] ?? -1);
    else if (event.key === "Escape") this.view.show(-1);
    else return;
    event.preventDefault();
  }

  /** The row before or after a cell's, for the panel. */
  neighbour(cell, step) {
    const at = this.rows.indexOf(cell);
    return this.rows[at < 0 ? 0 : Math.min(Math.max(at + step, 0), this.rows.length - 1)] ?? -1;
  }
}
