// Where the cells stand along an axis: numbers evenly or by their logarithm, words and few numbers each at a place of its own.
// Pure functions.

import { decades, exact, tickLabel, ticks } from "./numbers.js";

/** Distinct numbers of a specification that have a place each; more are an axis of numbers. */
const MOST_PLACES = 16;

/** A number between 0 and 1 for each cell, even over any run of cells: multiples of the golden ratio's part. */
const scattered = (cell) => (cell * 0.6180339887498949) % 1;

/**
 * The axis of a column: `place` (one number a cell, NaN where it has none), `low` and `high` (its ends), `isLog`, `label`, and
 * `splits(length in pixels)`, the places of its ticks with their words. `side` says for each cell which of `sides` neighbours
 * it stands with where cells share a place; without it they are scattered over all of it.
 */
export function axisOf(column, count, { isLog = false, side = null, sides = 1 } = {}) {
  const few = column.words ? null : column.role === "specification" ? column.distinct(MOST_PLACES) : null;
  if (column.words || few) {
    const levels = column.words ?? Array.from(few, exact);
    const number = few ? new Map(Array.from(few, (value, at) => [value, at])) : null;
    const place = new Float64Array(count);
    const width = 0.8 / sides;
    for (let cell = 0; cell < count; cell++) {
      const level = few ? (number.get(column.values[cell]) ?? NaN) : column.values[cell];
      const own = side ? Math.min(side[cell], sides - 1) : 0;
      place[cell] = level - 0.4 + width * (own + 0.12 + 0.76 * scattered(cell));
    }
    const splits = (length) => {
      const every = Math.max(1, Math.ceil((levels.length * 46) / Math.max(length, 1)));
      return levels.map((word, at) => [at, word]).filter((_, at) => at % every === 0);
    };
    return { place, low: -0.5, high: levels.length - 0.5, isLog: false, isDiscrete: true, levels, width, label: column.label, splits };
  }
  let [low, high] = [Infinity, -Infinity];
  const place = Float64Array.from(column.values, (value) => (Number.isFinite(value) && (!isLog || value > 0) ? value : NaN));
  for (const value of place) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) [low, high] = isLog ? [0.1, 1] : [0, 1];
  if (isLog) {
    const margin = Math.max((high / low) ** 0.04, 1.02);
    [low, high] = [low / margin, high * margin];
  } else {
    const margin = high > low ? 0.04 * (high - low) : Math.max(Math.abs(high), 1e-6) * 0.04;
    [low, high] = [low - margin, high + margin];
  }
  const splits = (length) => {
    const about = Math.max(2, Math.floor(length / 70));
    const found = isLog ? decades(low, high, about) : ticks(low, high, about);
    return found.map((value) => [value, tickLabel(value, isLog ? value : found.length > 1 ? found[1] - found[0] : 1)]);
  };
  return { place, low, high, isLog, isDiscrete: false, label: column.label, splits };
}
