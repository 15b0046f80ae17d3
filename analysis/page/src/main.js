// Brings the page to life: tables that sort and filter, the switch of the theme, and the explorer of the cells. Without it the page
// is whole but for the explorer. No request is made: everything is in the page.

import { parsed } from "./blocks.js";
import { readCells } from "./cells.js";
import { CellsTable } from "./cells_table.js";
import { element } from "./element.js";
import { Figure } from "./figure.js";
import { Panel } from "./panel.js";
import { enhanceTables } from "./tables.js";
import { addThemeSwitch } from "./theme.js";
import { View } from "./view.js";

async function explore(place) {
  const cells = await readCells();
  if (!cells) return;
  const view = new View(cells);
  const figure = new Figure(view);
  const table = new CellsTable(view, figure);
  const panel = new Panel(view, table);
  figure.onaxes = () => table.choose();
  place.append(element("h2", { class: "unseen" }, "The cells"), figure.root);
  // The table follows the reasons where the page is narrow, and stands below the figure where it is wide.
  place.parentElement.append(table.root);
  if (cells.notes.length) table.root.append(element("p", { class: "note" }, cells.notes.join(" ")));
  document.body.append(panel.root);
  document.documentElement.classList.add("explored");
  figure.build();
  performance.mark("explored");
  document.addEventListener("keydown", (event) => event.key === "Escape" && view.open >= 0 && view.show(-1));
}

function start() {
  addThemeSwitch(document.getElementById("theme"));
  const place = document.getElementById("explorer");
  // What is below the first screen may not even have been read yet, and can wait until the figure is there.
  explore(place)
    .catch((error) => {
      place.append(element("p", { class: "absent" }, `The explorer could not be opened: ${error.message}. The tables and figures below hold everything.`));
    })
    .then(() => parsed)
    .then(enhanceTables);
}

start();
