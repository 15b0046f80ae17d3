// Opens reports in a headless Chromium and prints, for each, its size, the time to the first paint of text, the time until the
// explorer is there, and what a click on a cell, a search and a sort take. Each is the median of so many openings.
//
//     node measure.mjs OPENINGS REPORT/index.html …

import { statSync } from "node:fs";
import { resolve } from "node:path";

import { launch } from "./tests/browser.mjs";

const [openings, ...reports] = process.argv.slice(2);
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const browser = await launch();
console.log("| report | size, MB | first paint, s | explorer, s | opening a cell, s | a search, s | a sort, s |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
for (const report of reports) {
  const times = [];
  for (let opening = 0; opening < Number(openings); opening++) {
    const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
    await page.goto(`file://${resolve(report)}`, { timeout: 300000, waitUntil: "commit" });
    await page.waitForSelector(".explored .cells-table tbody tr[data-cell]", { timeout: 300000 });
    times.push(await page.evaluate(async () => {
      const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN;
      const explored = performance.getEntriesByName("explored")[0].startTime;
      const waited = async (act, until) => {
        const from = performance.now();
        act();
        while (!until()) await new Promise((next) => setTimeout(next, 5));
        return performance.now() - from;
      };
      const cell = await waited(() => document.querySelector(".cells-table tbody tr[data-cell]").click(), () => document.querySelector(".trajectory canvas"));
      const search = document.querySelector("#search-cells");
      const asked = await waited(() => { search.value = "adam"; search.dispatchEvent(new Event("input")); }, () => true);
      search.value = "";
      search.dispatchEvent(new Event("input"));
      const sorted = await waited(() => document.querySelectorAll(".cells-table th button")[4].click(), () => true);
      return [paint, explored, cell, asked, sorted].map((time) => time / 1000);
    }));
    await page.context().close();
  }
  const of = (at) => median(times.map((all) => all[at])).toFixed(2);
  console.log(`| ${report} | ${(statSync(report).size / 1e6).toFixed(1)} | ${[0, 1, 2, 3, 4].map(of).join(" | ")} |`);
}
await browser.close();
