// The explorer's figure: a point a cell, along two columns and coloured by a third. A point tells its cell when it is pointed at,
// by mouse, finger or arrow keys, and opens it; a rectangle that is drawn brushes the cells in it. Drawn on a canvas by uPlot;
// what can be read of it by eye is said to a reader of the screen too, and stands in the table.

import uPlot from "uplot";

import { axisOf } from "./axis.js";
import { colouring, style } from "./colours.js";
import { element, fill } from "./element.js";
import { written } from "./numbers.js";

/** Farthest that a pointer may be from a point that it points at, in pixels. */
const NEAR = { mouse: 14, touch: 28 };
/** Words of the legend, at most. */
const MOST_WORDS = 12;
const FONT = "12px system-ui, 'Segoe UI', Arial, sans-serif";

/** Names of the roles, as parts of the menus. */
const PARTS = [["specification", "Specification"], ["epsilon", "Training error at a turning point"], ["turn", "Turning points"], ["end", "Ends"], ["other", "Other"]];

export class Figure {
  constructor(view) {
    this.view = view;
    const { columns, start } = view.cells;
    const usable = columns.filter((column) => column.key !== "cell");
    this.chosen = { x: columns[start.x], y: columns[start.y], colour: columns[start.colour] ?? null };
    this.isLog = { x: false, y: false };
    this.menus = {
      x: this.menu("x", "Along x", usable),
      y: this.menu("y", "Along y", usable),
      colour: this.menu("colour", "Colour", usable, true),
    };
    const log = (axis) =>
      element("label", { class: "tick" }, element("input", { type: "checkbox", id: `log-${axis}`, change: (event) => this.set(axis, null, event.target.checked) }), "log");
    const labelled = (axis, label, ...more) => element("span", { class: "choice" }, element("label", { for: `axis-${axis}` }, label), this.menus[axis], ...more);
    this.canvas = element("div", { class: "canvas", "aria-hidden": "true" });
    this.ring = element("div", { class: "ring", hidden: true });
    this.tip = element("div", { class: "tip", hidden: true });
    this.said = element("p", { class: "unseen", role: "status", "aria-live": "polite" });
    this.legend = element("p", { class: "legend" });
    this.about = element("p", { class: "note" });
    this.plot = element("div", { class: "plot", tabindex: "0", role: "application", "aria-roledescription": "scatter plot", keydown: (event) => this.key(event), blur: () => this.view.point(-1) }, this.canvas, this.tip);
    this.root = element("div", { class: "cells-figure" },
      element("div", { class: "choices" }, labelled("y", "Vertical", log("y")), labelled("x", "Horizontal", log("x")), labelled("colour", "Colour")),
      this.legend, this.plot, this.said, this.about);
    view.listen((what) => {
      if (what === "pointed" || what === "open") this.point();
      else this.redraw();
    });
    document.addEventListener("theme", () => this.build());
    new ResizeObserver(() => this.size()).observe(this.plot);
  }

  menu(axis, _, columns, canBeNone = false) {
    const parts = PARTS.map(([role, label]) => [label, columns.filter((column) => column.role === role)]).filter(([, of]) => of.length);
    return element("select", { id: `axis-${axis}`, change: (event) => this.set(axis, event.target.value) },
      canBeNone && element("option", { value: "" }, "none"),
      parts.map(([label, of]) => element("optgroup", { label }, of.map((column) => element("option", { value: column.key, selected: this.chosen[axis] === column }, column.label)))));
  }

  /** Chooses the column of an axis by its key (null: as it is), and whether it is logarithmic. */
  set(axis, key, isLog) {
    if (key !== null) this.chosen[axis] = this.view.cells.byKey.get(key) ?? null;
    if (isLog !== undefined) this.isLog[axis] = isLog;
    this.view.brush(null);
    this.build();
    this.onaxes?.();
  }

  /** Lays the cells out anew and draws them. */
  build() {
    const { cells } = this.view;
    this.colours = colouring(this.chosen.colour, cells.count);
    const { levels } = this.colours;
    const isSided = levels && levels.length > 1 && levels.length <= 8 && this.chosen.colour !== this.chosen.x;
    this.x = axisOf(this.chosen.x, cells.count, { isLog: this.isLog.x, side: isSided ? this.colours.of : null, sides: isSided ? levels.length : 1 });
    this.y = axisOf(this.chosen.y, cells.count, { isLog: this.isLog.y });
    for (const axis of ["x", "y"]) this.root.querySelector(`#log-${axis}`).disabled = this[axis].isDiscrete;
    this.order = null;
    this.uplot?.destroy();
    const axis = (of, more) => ({
      stroke: style("--ps-faint"), font: FONT, grid: { stroke: style("--ps-grid"), width: 1 }, ticks: { show: false },
      splits: (plot) => of.splits(more.side === 3 ? plot.bbox.height / devicePixelRatio : plot.bbox.width / devicePixelRatio).map(([at]) => at),
      values: (plot, at) => {
        const words = new Map(of.splits(more.side === 3 ? plot.bbox.height / devicePixelRatio : plot.bbox.width / devicePixelRatio));
        return at.map((value) => shortened(words.get(value) ?? "", more.side === 3 ? 9 : 22));
      },
      filter: (_, at) => at,
      label: more.label, labelFont: FONT, labelSize: 22, labelGap: 0, ...more,
    });
    const scale = (of) => ({ time: false, auto: false, range: [of.low, of.high], distr: of.isLog ? 3 : 1 });
    const options = {
      mode: 2, ...this.room(), legend: { show: false }, padding: [10, 12, 0, 0],
      scales: { x: scale(this.x), y: scale(this.y) },
      axes: [axis(this.x, { scale: "x", side: 2, size: 22, label: this.x.label }), axis(this.y, { scale: "y", side: 3, size: 58, label: this.y.label })],
      series: [{}, { facets: [{ scale: "x", auto: false }, { scale: "y", auto: false }], paths: (plot) => this.draw(plot), points: { show: false } }],
      cursor: { x: false, y: false, points: { show: false }, drag: { setScale: false, x: true, y: true, dist: 5 } },
      hooks: { setSelect: [(plot) => this.select(plot)] },
    };
    this.canvas.replaceChildren();
    this.uplot = new uPlot(options, [null, [this.x.place, this.y.place]], this.canvas);
    this.uplot.over.append(this.ring);
    this.listenTo(this.uplot.over);
    this.describe();
    this.point();
  }

  room() {
    const width = Math.max(this.plot.clientWidth, 260);
    return { width, height: Math.round(Math.min(Math.max(width * 0.62, 280), 460)) };
  }

  size() {
    const { width, height } = this.room();
    if (this.uplot && (width !== this.uplot.width || height !== this.uplot.height)) this.uplot.setSize({ width, height });
  }

  redraw() {
    this.uplot?.redraw(false, false);
    this.describe();
  }

  /** Draws every cell: what is not shown faintly below what is. */
  draw(plot) {
    const { ctx, bbox } = plot;
    const { count } = this.view.cells;
    const ratio = devicePixelRatio;
    const size = ratio * (count <= 400 ? 3.4 : count <= 3000 ? 2.6 : count <= 20000 ? 1.8 : 1.3);
    const { colours, of } = this.colours;
    this.at = { x: new Float32Array(count), y: new Float32Array(count) };
    const place = (axis, scale, length) => (value) => plot.valToPos(value, scale, true);
    const [placeX, placeY] = [place(this.x, "x"), place(this.y, "y")];
    const shown = new Uint8Array(count);
    for (let cell = 0; cell < count; cell++) {
      this.at.x[cell] = Number.isNaN(this.x.place[cell]) ? NaN : (placeX(this.x.place[cell]) - bbox.left) / ratio;
      this.at.y[cell] = Number.isNaN(this.y.place[cell]) ? NaN : (placeY(this.y.place[cell]) - bbox.top) / ratio;
      shown[cell] = this.view.shows(cell) ? 1 : 0;
    }
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    const mark = (cell) => {
      const [x, y] = [bbox.left + this.at.x[cell] * ratio, bbox.top + this.at.y[cell] * ratio];
      if (size < 2.4 * ratio) ctx.rect(x - size, y - size, 2 * size, 2 * size);
      else {
        ctx.moveTo(x + size, y);
        ctx.arc(x, y, size, 0, 2 * Math.PI);
      }
    };
    const pass = (colour, alpha, test) => {
      ctx.globalAlpha = alpha;
      ctx.fillStyle = colour;
      ctx.beginPath();
      for (let cell = 0; cell < count; cell++) if (test(cell) && !Number.isNaN(this.at.x[cell] + this.at.y[cell])) mark(cell);
      ctx.fill();
    };
    if (shown.includes(0)) pass(style("--ps-faint"), 0.18, (cell) => !shown[cell]);
    const alpha = count <= 400 ? 0.75 : count <= 3000 ? 0.6 : 0.5;
    colours.forEach((colour, at) => pass(colour, alpha, (cell) => shown[cell] && of[cell] === at));
    if (of.includes(255)) pass(style("--ps-faint"), alpha, (cell) => shown[cell] && of[cell] === 255);
    ctx.globalAlpha = 1;
    this.drawMedians(plot, shown);
    ctx.restore();
    this.order = null;
    return null;
  }

  /** A bar at the median of each level of x and each colour, where both are few. */
  drawMedians(plot, shown) {
    if (!this.x.isDiscrete || this.y.isDiscrete || !(this.colours.levels?.length <= 8 || !this.chosen.colour)) return;
    const groups = new Map();
    for (let cell = 0; cell < shown.length; cell++) {
      if (!shown[cell] || Number.isNaN(this.y.place[cell]) || Number.isNaN(this.x.place[cell])) continue;
      const side = this.x.width < 0.8 ? this.colours.of[cell] : 0;
      const key = Math.round(this.x.place[cell]) * 256 + side;
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(this.y.place[cell]);
    }
    const { ctx } = plot;
    ctx.strokeStyle = style("--ps-ink");
    ctx.lineWidth = 2 * devicePixelRatio;
    for (const [key, values] of groups) {
      if (values.length < 3) continue;
      const sorted = Float64Array.from(values).sort();
      const median = (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
      const from = Math.floor(key / 256) - 0.4 + this.x.width * (key % 256);
      ctx.beginPath();
      ctx.moveTo(plot.valToPos(from + 0.04 * this.x.width, "x", true), plot.valToPos(median, "y", true));
      ctx.lineTo(plot.valToPos(from + 0.96 * this.x.width, "x", true), plot.valToPos(median, "y", true));
      ctx.stroke();
    }
    this.hasMedians = groups.size > 0;
  }

  /** The legend, and what the figure says in words. */
  describe() {
    const { cells } = this.view;
    const { levels, colours, range } = this.colours;
    const swatch = (colour) => element("i", { style: { background: colour }, "aria-hidden": "true" });
    const column = this.chosen.colour;
    const words = levels?.slice(0, MOST_WORDS).map((word, at) => element("span", {}, swatch(colours[at % colours.length]), word));
    const gradient = range && element("span", {}, written(range[0], column.decimals),
      element("i", { class: "ramp", "aria-hidden": "true", style: { background: `linear-gradient(90deg, ${colours.join(",")})` } }), written(range[1], column.decimals));
    fill(this.legend, column && element("b", {}, column.label), words, gradient, levels?.length > MOST_WORDS && `and ${levels.length - MOST_WORDS} more`);
    const without = [this.x, this.y].map((axis) => axis.place.reduce((count, value) => count + Number.isNaN(value), 0));
    const missing = [this.x, this.y].flatMap((axis, at) => (without[at] ? [`${without[at]} of ${cells.count} cells have no ${axis.label}`] : []));
    const medians = this.x.isDiscrete && !this.y.isDiscrete ? "Bars: medians of what is shown. " : "";
    this.about.textContent = `${medians}${missing.length ? `Not drawn: ${missing.join("; ")}. ` : ""}Point at a cell for its values, click to open it, drag to brush; arrow keys, Enter and Escape do the same.`;
    this.plot.setAttribute("aria-label", `Figure of ${cells.count} cells, ${this.view.shown()} shown: ${this.y.label} against ${this.x.label}${column ? `, coloured by ${column.label}` : ""}. Arrow keys move from cell to cell, Enter opens one, Escape closes it.`);
  }

  /** The shown cell nearest to a place of the plot, or -1. */
  nearest(x, y, within) {
    let [best, least] = [-1, within * within];
    for (let cell = 0; cell < this.view.cells.count; cell++) {
      const [dx, dy] = [this.at.x[cell] - x, this.at.y[cell] - y];
      const far = dx * dx + dy * dy;
      if (far < least && this.view.shows(cell)) [best, least] = [cell, far];
    }
    return best;
  }

  listenTo(over) {
    const place = (event) => {
      const box = over.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    let from = null;
    over.addEventListener("pointerdown", (event) => (from = place(event)));
    over.addEventListener("pointermove", (event) => {
      if (event.buttons === 0) this.view.point(this.nearest(...place(event), NEAR.mouse));
    });
    over.addEventListener("pointerleave", () => this.view.point(-1));
    over.addEventListener("click", (event) => {
      const [x, y] = place(event);
      if (from && Math.hypot(x - from[0], y - from[1]) > 5) return;
      const cell = this.nearest(x, y, event.pointerType === "touch" ? NEAR.touch : NEAR.mouse);
      if (cell >= 0) this.view.show(cell);
      else this.view.brush(null);
    });
  }

  select(plot) {
    const { left, top, width, height } = plot.select;
    if (width < 5 || height < 5) return;
    const { count } = this.view.cells;
    const brushed = new Uint8Array(count);
    for (let cell = 0; cell < count; cell++) {
      const [x, y] = [this.at.x[cell] - left, this.at.y[cell] - top];
      brushed[cell] = this.view.matches[cell] && x >= 0 && x <= width && y >= 0 && y <= height ? 1 : 0;
    }
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (brushed.includes(1)) this.view.brush(brushed);
  }

  /** What is told of a cell: its name, its group, and its values on the axes. */
  words(cell) {
    const asked = new Set([this.chosen.y, this.chosen.x, this.chosen.colour].filter(Boolean));
    const group = this.view.cells.byKey.get("group");
    return [`cell ${this.view.cells.name(cell)}`, group ? group.text(cell) : null, ...Array.from(asked, (column) => `${column.label}: ${column.text(cell)}`)].filter(Boolean);
  }

  /** Shows which cell is pointed at. */
  point() {
    const cell = this.view.pointed >= 0 ? this.view.pointed : this.view.open;
    const isThere = cell >= 0 && this.at && !Number.isNaN(this.at.x[cell] + this.at.y[cell]);
    this.ring.hidden = !isThere;
    this.tip.hidden = !isThere || this.view.pointed < 0;
    if (!isThere) return;
    Object.assign(this.ring.style, { left: `${this.at.x[cell]}px`, top: `${this.at.y[cell]}px` });
    if (this.tip.hidden) return;
    const words = this.words(cell);
    fill(this.tip, words.map((text, at) => element(at === 0 ? "b" : "span", {}, text)));
    const { over } = this.uplot;
    const [x, y] = [over.offsetLeft + this.at.x[cell], over.offsetTop + this.at.y[cell]];
    const isRight = x > this.plot.clientWidth / 2;
    Object.assign(this.tip.style, { left: isRight ? "" : `${x + 14}px`, right: isRight ? `${this.plot.clientWidth - x + 14}px` : "", top: `${Math.max(0, y - 20)}px` });
    if (document.activeElement === this.plot) this.said.textContent = words.join(", ");
  }

  key(event) {
    const { view } = this;
    const steps = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
    if (event.key === "Escape") {
      if (view.open >= 0) view.show(-1);
      else if (view.brushed) view.brush(null);
      else view.point(-1);
    } else if (event.key === "Enter" || event.key === " ") {
      if (view.pointed >= 0) view.show(view.pointed);
    } else if (event.key === "Home" || event.key === "End") {
      view.point(this.outermost(event.key === "Home" ? -1 : 1));
    } else if (steps[event.key]) {
      view.point(view.pointed < 0 ? this.outermost(-1) : this.next(view.pointed, ...steps[event.key]));
    } else return;
    event.preventDefault();
  }

  /** The shown cell that is drawn farthest left (-1) or right (1). */
  outermost(way) {
    let [best, most] = [-1, -Infinity];
    for (let cell = 0; cell < this.view.cells.count; cell++) {
      const at = way * this.at.x[cell];
      if (at > most && !Number.isNaN(this.at.y[cell]) && this.view.shows(cell)) [best, most] = [cell, at];
    }
    return best;
  }

  /** The nearest shown cell in a direction; sideways counts double. The same cell where there is none. */
  next(cell, dx, dy) {
    let [best, least] = [cell, Infinity];
    for (let other = 0; other < this.view.cells.count; other++) {
      const [x, y] = [this.at.x[other] - this.at.x[cell], this.at.y[other] - this.at.y[cell]];
      const [along, across] = dx ? [x * dx, Math.abs(y)] : [y * dy, Math.abs(x)];
      const far = along + 2 * across;
      if (along > 0 && far < least && this.view.shows(other)) [best, least] = [other, far];
    }
    return best;
  }
}

/** A text of so many letters at most. */
const shortened = (text, most) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);
