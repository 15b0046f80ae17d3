// What a person asks of a table: words that a row must hold, and bounds of its numbers. Pure functions.
//
// A question is words with spaces between ("…" keeps several together). `width=20` and `width>10` ask one column, by its name
// without spaces or by the beginning of that; anything else is looked for in all of them.

/** Bounds that a text asks for: "> 0.06", "<= 3", "0.1..0.2" (both within), "= 5" or "5"; null if it asks for none. */
export function bounds(text) {
  const number = "([-+]?(?:\\d+\\.?\\d*|\\.\\d+)(?:e[-+]?\\d+)?)";
  const trimmed = text.trim().replace("≥", ">=").replace("≤", "<=").replace("−", "-").replace("…", "..");
  const range = trimmed.match(new RegExp(`^${number}\\s*\\.\\.\\s*${number}$`, "i"));
  if (range) return (value) => value >= Number(range[1]) && value <= Number(range[2]);
  const one = trimmed.match(new RegExp(`^(>=|<=|>|<|=|)\\s*${number}$`, "i"));
  if (!one) return null;
  const bound = Number(one[2]);
  return {
    ">": (value) => value > bound,
    "<": (value) => value < bound,
    ">=": (value) => value >= bound,
    "<=": (value) => value <= bound,
  }[one[1]] ?? ((value) => Math.abs(value - bound) <= 1e-6 * Math.abs(bound));
}

const bare = (name) => name.toLowerCase().replace(/[\s_]/g, "");

/**
 * The questions of a text. Each is {text} (anywhere), or {column, text} or {column, test}, where `column` is a place in `names`
 * (each a list of names of one column); what names no column is looked for as it stands.
 */
export function questions(text, names) {
  const words = text.match(/(?:[^\s"]|"[^"]*")+/g) ?? [];
  return words.map((word) => {
    const split = word.match(/^([^<>=:]+)(>=|<=|[<>=:])(.+)$/);
    if (split) {
      const wanted = bare(split[1].replaceAll('"', ""));
      const places = names.map((_, place) => place);
      const is = (test) => places.find((place) => names[place].some((name) => test(bare(name))));
      const column = is((name) => name === wanted) ?? is((name) => name.startsWith(wanted));
      if (column !== undefined) {
        const value = split[3].replaceAll('"', "");
        const test = bounds(`${split[2] === ":" ? "" : split[2]}${value}`);
        return { column, test, text: value.toLowerCase() };
      }
    }
    return { text: word.replaceAll('"', "").toLowerCase() };
  });
}
