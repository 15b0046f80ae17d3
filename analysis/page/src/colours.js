// Colours of cells and lines: the page's palette for words and few numbers, a ramp of even lightness for many.

/** The value of a variable of the page's style. */
export const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The palette, of the theme that is on. */
export const palette = () => Array.from({ length: 8 }, (_, place) => style(`--c${place}`));

/** Whether the page is dark now. */
export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

// Viridis (van der Walt & Smith 2015, released as CC0), without the end that is lost on the page's paper.
const RAMP = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]];

/** A colour of the ramp: `part` from 0 to 1. */
export function ramp(part) {
  const [from, to] = isDark() ? [0.25, 1] : [0, 0.86];
  const place = (from + Math.min(Math.max(part, 0), 1) * (to - from)) * (RAMP.length - 1);
  const [first, rest] = [Math.min(Math.floor(place), RAMP.length - 2), place - Math.min(Math.floor(place), RAMP.length - 2)];
  const mixed = RAMP[first].map((value, at) => Math.round(value + rest * (RAMP[first + 1][at] - value)));
  return `rgb(${mixed.join(",")})`;
}

/** Numbers that have a colour each, at most; more are on the ramp. */
const MOST_LEVELS = 8;
const STEPS = 32;

/**
 * How cells are coloured by a column: `of[cell]` is a place in `colours` (255: no value), `levels` say what each means where they
 * are few, `range` where they are on the ramp. Without a column all have the first colour.
 */
export function colouring(column, count) {
  const colours = palette();
  const of = new Uint8Array(count);
  if (!column) return { of, colours: [colours[0]], levels: null, range: null };
  if (column.words) {
    for (let cell = 0; cell < count; cell++) of[cell] = column.values[cell] % colours.length;
    return { of, colours, levels: column.words, range: null };
  }
  const few = column.distinct(MOST_LEVELS);
  if (few) {
    const place = new Map(Array.from(few, (value, at) => [value, at]));
    for (let cell = 0; cell < count; cell++) of[cell] = place.get(column.values[cell]) ?? 255;
    // Numbers have an order, and so have colours of the ramp.
    const ordered = Array.from(few, (_, at) => (few.length < 4 ? colours[at] : ramp(at / (few.length - 1))));
    const first = (value) => Array.prototype.indexOf.call(column.values, value);
    return { of, colours: ordered, levels: Array.from(few, (value) => column.text(first(value))), range: null };
  }
  let [low, high] = [Infinity, -Infinity];
  for (const value of column.values) if (Number.isFinite(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const log = low > 0 && high / low > 100;
  const part = (value) => (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
  for (let cell = 0; cell < count; cell++) {
    const value = column.values[cell];
    of[cell] = Number.isFinite(value) ? Math.round(part(value) * (STEPS - 1)) : 255;
  }
  return { of, colours: Array.from({ length: STEPS }, (_, at) => ramp(at / (STEPS - 1))), levels: null, range: [low, high] };
}
