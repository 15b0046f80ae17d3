// Makes the page's tables sortable, searchable and filterable. They are there without it, as the program wrote them; here their
// rows are reordered and hidden, and no number is touched.

import { element } from "./element.js";
import { bounds, questions } from "./query.js";

/** Tables of fewer rows are sorted, but have no search. */
const FEWEST_ROWS = 8;
/** Levels of a column that are offered as a menu, at most. */
const MOST_LEVELS = 24;

/** The number that a text begins with: of an interval its lower end, of "0.066 ± 0.003" the mean; NaN if none. */
export function leading(text) {
  const found = text.trim().replace("−", "-").match(/^[^\d+-.]*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)/i);
  return found ? Number(found[1]) : NaN;
}

function enhance(table) {
  const head = table.tHead?.rows[0];
  const body = table.tBodies[0];
  if (!head || !body || body.rows.length < 2) return;
  const rows = Array.from(body.rows);
  const texts = rows.map((row) => Array.from(row.cells, (cell) => cell.textContent));
  const names = Array.from(head.cells, (cell) => cell.textContent);
  const isNumber = names.map((_, column) => head.cells[column].classList.contains("n") || texts.every((row) => row[column] === "–" || !Number.isNaN(leading(row[column])) && /^[-\d.]/.test(row[column])));

  const sort = (column, way) => {
    const compare = (a, b) => {
      const [one, other] = [texts[a][column], texts[b][column]];
      if (isNumber[column]) {
        const [x, y] = [leading(one), leading(other)];
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a - b;
        return way * (x - y) || a - b;
      }
      return way * one.localeCompare(other, "en", { numeric: true }) || a - b;
    };
    body.append(...rows.map((_, at) => at).sort(compare).map((at) => rows[at]));
    for (const [place, cell] of Array.from(head.cells).entries()) cell.setAttribute("aria-sort", place !== column ? "none" : way > 0 ? "ascending" : "descending");
  };
  for (const [column, cell] of Array.from(head.cells).entries()) {
    cell.setAttribute("aria-sort", "none");
    const name = cell.textContent;
    const click = () => sort(column, cell.getAttribute("aria-sort") === "ascending" ? -1 : 1);
    cell.replaceChildren(element("button", { type: "button", class: "sort", click }, name));
  }
  if (rows.length < FEWEST_ROWS) return;

  const filters = new Map();
  const count = element("span", { class: "count", role: "status" });
  const identifier = `search-${table.id || Math.random().toString(36).slice(2)}`;
  const search = element("input", { type: "search", id: identifier, input: () => match() });
  const match = () => {
    const asked = questions(search.value, names.map((name) => [name]));
    let shown = 0;
    rows.forEach((row, at) => {
      const fits = ({ column, test, text }) => {
        if (column === undefined) return texts[at].some((cell) => cell.toLowerCase().includes(text));
        return isNumber[column] && test ? test(leading(texts[at][column])) : texts[at][column].toLowerCase().includes(text);
      };
      const filtered = ([column, text]) => {
        const test = isNumber[column] && bounds(text);
        return test ? test(leading(texts[at][column])) : isNumber[column] || texts[at][column] === text;
      };
      row.hidden = !(asked.every(fits) && Array.from(filters).every(filtered));
      shown += !row.hidden;
    });
    count.textContent = shown === rows.length ? `${rows.length} rows` : `${shown} of ${rows.length} rows`;
  };
  const filterOf = (column) => {
    const label = `Only where ${names[column]} is`;
    const set = (event) => {
      if (event.target.value === "") filters.delete(column);
      else filters.set(column, event.target.value);
      match();
    };
    if (isNumber[column]) return element("input", { "aria-label": label, placeholder: "> …", size: "5", input: set });
    const levels = [...new Set(texts.map((row) => row[column]))];
    if (levels.length < 2 || levels.length > MOST_LEVELS) return "";
    return element("select", { "aria-label": label, change: set }, element("option", { value: "" }, "any"), levels.map((level) => element("option", { value: level }, level)));
  };
  const line = element("tr", { class: "filters", hidden: true }, names.map((_, column) => element("td", {}, filterOf(column))));
  const toggle = element("button", { type: "button", "aria-pressed": "false", click: () => {
    line.hidden = !line.hidden;
    toggle.setAttribute("aria-pressed", String(!line.hidden));
  } }, "Filters");
  head.after(line);
  match();
  const holder = table.closest(".wide") ?? table;
  holder.before(element("div", { class: "tools" }, element("label", { for: identifier }, "Search"), search, toggle, count));
}

/** All tables of the page but the explorer's own. */
export function enhanceTables() {
  for (const table of document.querySelectorAll("main table")) if (!table.closest(".cells-table")) enhance(table);
}
