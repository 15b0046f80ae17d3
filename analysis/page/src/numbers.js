// How numbers are written: with the digits that they carry, "–" for what is missing.

const MISSING = "–";

/** A number to so many significant digits, without zeros at its end unless they are meant. */
export function significant(value, digits) {
  if (!Number.isFinite(value)) return MISSING;
  if (value === 0) return "0";
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  if (magnitude < -5 || magnitude > 6) return value.toExponential(Math.max(digits - 2, 0)).replace("e+", "e");
  return value.toFixed(Math.min(Math.max(digits - 1 - magnitude, 0), 8));
}

/** A number of a column: with the decimals that it carries where they are known; whole numbers as they are. */
export function written(value, decimals) {
  if (!Number.isFinite(value)) return MISSING;
  if (decimals !== undefined) return value.toFixed(decimals);
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  return significant(value, 4);
}

/** A number of a specification: as the user wrote it, which 32 bits keep to seven digits. */
export function exact(value) {
  return Number.isFinite(value) ? String(parseFloat(value.toPrecision(7))) : MISSING;
}

/** Round numbers from low to high, about as many as asked for. */
export function ticks(low, high, about) {
  const rough = (high - low) / Math.max(about, 1);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= 0.75 * rough);
  const out = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high * (1 + 1e-12) + 1e-12 * step; k++) out.push(k * step);
  return out;
}

/** The number of a tick: the fewest digits that tell it from its neighbours. */
export function tickLabel(value, step) {
  if (value === 0) return "0";
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  if (magnitude < -4 || magnitude > 5) return value.toExponential(1).replace(".0e", "e").replace("e+", "e");
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const text = value.toFixed(Math.min(decimals + 1, 8));
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}

/** Powers of ten between, with 2 and 5 of each where there is room. */
export function decades(low, high, about) {
  const span = Math.log10(high / low);
  if (span < 0.7) return ticks(low, high, about);
  const mantissas = about / span > 2.4 ? [1, 2, 5] : about / span > 1.4 ? [1, 3] : [1];
  const stride = Math.max(1, Math.round(span / about));
  const out = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    if (((power % stride) + stride) % stride !== 0) continue;
    for (const mantissa of mantissas) {
      const value = mantissa * 10 ** power;
      if (value >= low * 0.999 && value <= high * 1.001) out.push(value);
    }
  }
  return out;
}
