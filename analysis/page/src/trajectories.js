// The trajectories of a cell, decoded from the bytes that the program has thinned them to (analysis/src/explorer/trajectories.rs
// says how), and charts of them by uPlot.

import uPlot from "uplot";

import { block } from "./blocks.js";
import { palette, style } from "./colours.js";
import { element } from "./element.js";
import { decades, significant, tickLabel, ticks } from "./numbers.js";

const MISSING = 255;
const STEPS = 254;
/** What codes are even in: the value, its root, its logarithm; and the way back. */
const SCALES = [[(value) => value, (value) => value], [Math.sqrt, (root) => root * root], [Math.log, Math.exp]];
const FONT = "11px system-ui, 'Segoe UI', Arial, sans-serif";

export class Trajectories {
  constructor(read) {
    const { header } = read;
    const count = header.count;
    this.place = new Map(Array.from(read.whole(header.cells[0], header.cells[1], count), (cell, at) => [cell, at]));
    this.lines = header.lines.map((line) => ({
      ...line,
      codes: read.bytes(line.codes, count * line.moments.length),
      low: read.floats(line.low, 4, count),
      high: read.floats(line.high, 4, count),
      scale: read.bytes(line.scale, count),
    }));
  }

  /** Values of a line in a cell, at its moments; null where the page does not hold the cell. */
  values(line, cell) {
    const at = this.place.get(cell);
    if (at === undefined) return null;
    const width = line.moments.length;
    const [forth, back] = SCALES[line.scale[at]];
    const [from, to] = [forth(line.low[at]), forth(line.high[at])];
    let code = 0;
    return Float64Array.from(line.codes.subarray(at * width, (at + 1) * width), (step) => {
      code = (code + step) & 255;
      return code === MISSING ? NaN : back(from + (code / STEPS) * (to - from));
    });
  }

  /** Charts of a cell: the lines by the chart that they are in, those alone that were measured. */
  charts(cell) {
    const out = new Map();
    for (const line of this.lines) {
      const values = this.values(line, cell);
      if (!values?.some(Number.isFinite)) continue;
      if (!out.has(line.chart)) out.set(line.chart, []);
      out.get(line.chart).push({ line, values });
    }
    return out;
  }
}

/** Reads them; null where the page holds none. */
export async function readTrajectories() {
  const read = await block("trajectories-block");
  return read && new Trajectories(read);
}

/**
 * A chart of lines ({line, values}) along `along`: "log" or "linear" in epochs or steps, or "error", the cell's own training error
 * (`errors`: a Map from epoch to error). `turns` are {x: moment, value, place of the line}. Its element has `destroy`.
 */
export function chart(title, lines, along, errors, turns, width) {
  const colours = palette();
  const unit = lines[0].line.unit;
  const byError = along === "error" && unit === "epoch" && errors !== null;
  const isLog = byError || along === "log";
  const x = (moment) => (byError ? (errors.get(moment) ?? NaN) : moment);
  const drawn = lines.map(({ line, values }) => [line.moments.map(x), Array.from(values)]);
  const marks = turns.map(({ moment, value, place, error }) => [byError ? error : moment, value, place]);
  const finite = (values) => values.filter((value) => Number.isFinite(value) && (!isLog || value > 0));
  const ends = (values, isOfLog) => {
    const all = values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
    if (!(all[1] > all[0])) return [all[0] - 0.5, all[0] + 0.5];
    const margin = 0.06;
    return isOfLog ? [all[0] / (all[1] / all[0]) ** 0.02, all[1] * (all[1] / all[0]) ** 0.02] : [all[0] - margin * (all[1] - all[0]), all[1] + margin * (all[1] - all[0])];
  };
  const xs = ends(finite(drawn.flatMap(([of]) => of)), isLog);
  const all = drawn.flatMap(([, of]) => of.filter(Number.isFinite));
  // What falls over decades is drawn by its logarithm.
  const least = Math.min(...all);
  const isSteep = least > 0 && Math.max(...all) / least > 30;
  const ys = ends(all, isSteep);
  const axis = (low, high, log, side, label) => ({
    side, scale: side === 2 ? "x" : "y", stroke: style("--ps-faint"), font: FONT, grid: { stroke: style("--ps-grid"), width: 1 }, ticks: { show: false },
    splits: () => (log ? decades(low, high, side === 2 ? 5 : 4) : ticks(low, high, side === 2 ? 4 : 4)),
    values: (_, at) => at.map((value) => tickLabel(value, log ? value : at.length > 1 ? Math.abs(at[1] - at[0]) : 1)),
    filter: (_, at) => at,
    size: side === 2 ? 20 : 46, label, labelFont: FONT, labelSize: label ? 16 : 0, labelGap: 0,
  });
  const path = (place) => (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top - 4, bbox.width, bbox.height + 8);
    ctx.clip();
    ctx.strokeStyle = ctx.fillStyle = colours[place % colours.length];
    ctx.lineWidth = 1.6 * devicePixelRatio;
    ctx.lineJoin = "round";
    ctx.beginPath();
    let isOn = false;
    drawn[place][0].forEach((value, at) => {
      const height = drawn[place][1][at];
      if (!Number.isFinite(value) || !Number.isFinite(height) || (isLog && value <= 0)) return void (isOn = false);
      const point = [plot.valToPos(value, "x", true), plot.valToPos(height, "y", true)];
      if (isOn) ctx.lineTo(...point);
      else ctx.moveTo(...point);
      isOn = true;
    });
    ctx.stroke();
    for (const [at, value, of] of marks) {
      if (of !== place || !Number.isFinite(at) || !Number.isFinite(value) || (isLog && at <= 0)) continue;
      const point = [plot.valToPos(at, "x", true), plot.valToPos(value, "y", true)];
      ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.lineWidth = devicePixelRatio;
      ctx.beginPath();
      ctx.moveTo(point[0], bbox.top);
      ctx.lineTo(point[0], bbox.top + bbox.height);
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.beginPath();
      ctx.arc(...point, 4 * devicePixelRatio, 0, 2 * Math.PI);
      ctx.fill();
    }
    ctx.restore();
    return null;
  };
  const canvas = element("div", { "aria-hidden": "true" });
  const swatch = (place) => element("i", { style: { background: colours[place % colours.length] }, "aria-hidden": "true" });
  const named = lines.map(({ line }, place) => (lines.length > 1 || line.label) && element("span", {}, swatch(place), line.label)).filter(Boolean);
  const last = lines.map(({ line, values }) => `${line.label} ${significant(values[values.findLastIndex(Number.isFinite)], 3)}`.trim()).slice(0, 4).join(", ");
  const read = element("output", { class: "read" });
  const root = element("figure", { class: "trajectory" },
    element("figcaption", {}, element("b", {}, title), named.length <= 12 && named, named.length > 12 && ` ${named.length} series`, element("span", { class: "unseen" }, ` Last values: ${last}.`), read), canvas);
  const label = byError ? "training error" : unit;
  const plot = new uPlot({
    mode: 2, width, height: 150, legend: { show: false }, padding: [8, 10, 0, 0],
    scales: { x: { time: false, auto: false, range: xs, distr: isLog ? 3 : 1, dir: byError ? -1 : 1 }, y: { auto: false, range: ys, distr: isSteep ? 3 : 1 } },
    axes: [axis(...xs, isLog, 2, label), axis(...ys, isSteep, 3, null)],
    series: [{}, ...drawn.map((_, place) => ({ facets: [{ scale: "x", auto: false }, { scale: "y", auto: false }], paths: path(place), points: { show: false } }))],
    cursor: { x: true, y: false, points: { show: false }, drag: { x: false, y: false, setScale: false } },
    hooks: {
      setCursor: [(of) => {
        if (!(of.cursor.left >= 0)) return void (read.textContent = "");
        const wanted = of.posToVal(of.cursor.left, "x");
        const nearest = (values) => values.reduce((best, value, at) => (Math.abs(value - wanted) < Math.abs(values[best] - wanted) || Number.isNaN(values[best]) ? at : best), 0);
        const at = nearest(drawn[0][0]);
        const values = drawn.slice(0, 3).map(([, of]) => significant(of[at], 3));
        read.textContent = `${unit} ${lines[0].line.moments[at]}: ${values.join(", ")}`;
      }],
    },
  }, [null, ...drawn], canvas);
  root.destroy = () => plot.destroy();
  return root;
}
