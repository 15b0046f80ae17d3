// The panel of one cell: its specification, where it came to, its turning points, its trajectories and its stragglers. Opened by
// the figure or the table, closed by Escape; what had the focus before has it again.

import { block } from "./blocks.js";
import { element, fill } from "./element.js";
import { chart, readTrajectories } from "./trajectories.js";

/** Samples that are listed before a person asks for all. */
const FIRST = 60;

export class Panel {
  constructor(view, table) {
    Object.assign(this, { view, table, along: "log" });
    this.title = element("h2", { id: "panel-title" });
    this.content = element("div", { class: "panel-content" });
    const step = (by, label, sign) => element("button", { type: "button", "aria-label": label, click: () => this.step(by) }, sign);
    this.root = element("div", { class: "panel", role: "dialog", "aria-labelledby": "panel-title", tabindex: "-1", hidden: true, keydown: (event) => this.key(event) },
      element("div", { class: "panel-head" }, this.title, step(-1, "Cell before", "‹"), step(1, "Next cell", "›"),
        element("button", { type: "button", "aria-label": "Close", click: () => view.show(-1) }, "×")),
      this.content);
    this.trajectories = null;
    this.charts = [];
    view.listen((what) => what === "open" && this.show());
    document.addEventListener("theme", () => !this.root.hidden && this.draw());
  }

  step(by) {
    this.view.show(this.table.neighbour(this.view.open, by));
  }

  key(event) {
    if (event.key === "Escape") this.view.show(-1);
    else if (event.target.tagName !== "SELECT" && event.key === "ArrowRight") this.step(1);
    else if (event.target.tagName !== "SELECT" && event.key === "ArrowLeft") this.step(-1);
    else return;
    event.preventDefault();
  }

  show() {
    const { open } = this.view;
    document.documentElement.classList.toggle("has-panel", open >= 0);
    if (open < 0) {
      if (!this.root.hidden) this.before?.focus({ preventScroll: true });
      this.root.hidden = true;
      return;
    }
    if (this.root.hidden) this.before = document.activeElement;
    this.root.hidden = false;
    this.root.focus({ preventScroll: true });
    this.draw();
  }

  /** Unpacks what panels need, once. */
  async unpack() {
    this.unpacked ??= Promise.all([readTrajectories(), readStragglers()]);
    [this.trajectories, this.stragglers] = await this.unpacked;
  }

  async draw() {
    const cell = this.view.open;
    const { cells } = this.view;
    this.title.textContent = `Cell ${cells.name(cell)}`;
    const row = (column) => [element("dt", {}, column.label), element("dd", {}, column.text(cell))];
    const list = (columns) => element("dl", {}, columns.map(row));
    const of = (...roles) => cells.columns.filter((column) => roles.includes(column.role) && column.key !== "cell");
    const turns = cells.turns.map((turn) => {
      const text = (place) => cells.columns[place].text(cell);
      return element("tr", {}, element("th", { scope: "row" }, turn.symbol), element("td", {}, text(turn.status)), [turn.epsilon, turn.epoch, turn.value].map((place) => element("td", { class: "n" }, text(place))));
    });
    const constants = cells.constants.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
    const [drawn, stragglers] = [element("div"), element("div")];
    fill(this.content,
      element("h3", {}, "Specification"), list(of("specification")),
      constants.length > 0 && element("details", {}, element("summary", {}, "The same in every cell"), element("dl", {}, constants)),
      turns.length > 0 && [element("h3", {}, "Turning points"),
        element("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "Turning points of the cell" }, element("table", {}, element("thead", {}, element("tr", {}, ["observable", "found?", "ε*", "t*", "value"].map((name, at) => element("th", { scope: "col", class: at > 1 ? "n" : null }, name)))), element("tbody", {}, turns)))],
      element("h3", {}, "Where it came to"), list(of("end", "other").filter((column) => column.text(cell) !== "")),
      drawn, stragglers,
      element("p", { class: "note" }, "In a terminal: ", element("code", {}, `phasesweep show RUN_DIRECTORY ${cells.name(cell)}`)));
    await this.unpack();
    if (this.view.open !== cell) return;
    this.drawCharts(drawn, cell);
    this.drawStragglers(stragglers, cell);
  }

  drawCharts(place, cell) {
    this.charts.forEach((one) => one.destroy());
    this.charts = [];
    if (!this.trajectories) return;
    const { cells } = this.view;
    const charts = this.trajectories.charts(cell);
    if (!charts.size) {
      const note = this.trajectories.place.has(cell) ? "Nothing was measured along its training." : "The page does not hold its trajectories; phasesweep show does.";
      fill(place, element("h3", {}, "Trajectories"), element("p", { class: "note" }, note));
      return;
    }
    const errorLine = this.trajectories.lines.find((line) => line.is_error);
    const errors = errorLine ? new Map(this.trajectories.values(errorLine, cell).map ? Array.from(this.trajectories.values(errorLine, cell), (value, at) => [errorLine.moments[at], value]) : []) : null;
    const select = element("select", { id: "along", change: (event) => ((this.along = event.target.value), this.drawCharts(place, cell)) },
      [["log", "epoch, logarithmic"], ["linear", "epoch"], errors && ["error", "training error"]].filter(Boolean).map(([value, label]) => element("option", { value, selected: value === this.along }, label)));
    const width = Math.max(220, Math.min(this.content.clientWidth - 40, 460));
    fill(place, element("h3", {}, "Trajectories"), element("p", { class: "choices" }, element("span", { class: "choice" }, element("label", { for: "along" }, "Against"), select)),
      Array.from(charts, ([title, lines]) => {
        const turns = lines.flatMap(({ line }, at) => {
          const turn = cells.turns[line.turn];
          const value = (column) => cells.columns[column].values[cell];
          return turn && Number.isFinite(value(turn.epoch)) ? [{ moment: value(turn.epoch), value: value(turn.value), error: value(turn.epsilon), place: at }] : [];
        });
        const made = chart(title, lines, this.along, errors, turns, width);
        this.charts.push(made);
        return made;
      }),
      element("p", { class: "note" }, "Discs: turning points by prominence. Lines are thinned for drawing; the numbers above are of all that was measured."));
  }

  drawStragglers(place, cell) {
    const samples = this.stragglers?.of(cell);
    if (!this.stragglers) return;
    const count = this.view.cells.byKey.get("stragglers").values[cell];
    const epoch = this.view.cells.byKey.get("stragglers_epoch").values[cell];
    const heading = element("h3", {}, "Stragglers");
    if (Number.isNaN(count)) return void fill(place, heading, element("p", { class: "note" }, "None are known: the cell has no inversion, or was pruned."));
    const listed = (of) => element("p", { class: "samples" }, of.join(", "));
    fill(place, heading,
      element("p", {}, `${count} of ${this.stragglers.samples} training samples were misclassified at epoch ${epoch}, the measured one nearest to the inversion${samples ? "; their places in the block:" : "."}`),
      samples && listed(samples.slice(0, FIRST)),
      samples && samples.length > FIRST && element("details", {}, element("summary", {}, `${samples.length - FIRST} more`), listed(samples.slice(FIRST))),
      this.stragglers.note && element("p", { class: "note" }, this.stragglers.note));
  }
}

/** Which samples are stragglers of which cells; null where the page holds none. */
async function readStragglers() {
  const read = await block("stragglers-block");
  if (!read) return null;
  const { bytes, count, cells, bits, samples, note } = read.header;
  const place = new Map(Array.from(read.whole(cells[0], cells[1], count), (cell, at) => [cell, at]));
  const of = (cell) => {
    const at = place.get(cell);
    if (at === undefined) return null;
    const set = read.bytes(bits + at * bytes, bytes);
    const out = [];
    for (let sample = 0; sample < 8 * bytes; sample++) if (set[sample >> 3] & (0x80 >> (sample & 7))) out.push(sample);
    return out;
  };
  return { of, samples, note };
}
