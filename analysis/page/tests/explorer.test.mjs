// The page in a headless Chromium: what a person does with mouse, keyboard and screen reader, in light and dark, on a phone and on
// paper; and that it asks the network for nothing. The pages are made by analysis/tests/page.rs: "few" has 24 cells with a name
// that tries to break out, "many" has 3000.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import { launch, open } from "./browser.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const ROWS = ".cells-table tbody tr[data-cell]";
let browser;

before(async () => (browser = await launch()));
after(() => browser.close());

/** Runs a test on an opened page, which must end without a trouble. */
const onPage = (title, name, options, body) =>
  test(title, async () => {
    const page = await open(browser, name, options);
    await body(page);
    assert.deepEqual(page.troubles, []);
    await page.context().close();
  });

const texts = (page, selector) => page.$$eval(selector, (found) => found.map((one) => one.textContent));
/** The entries of a column of the cells table, of the rows that are drawn. */
const column = async (page, label) => {
  const at = (await texts(page, ".cells-table thead tr:first-child th")).indexOf(label);
  assert.ok(at >= 0, `no column ${label}`);
  return page.$$eval(ROWS, (rows, place) => rows.map((row) => row.cells[place].textContent), at);
};

/** Moves the mouse over the plot until a cell is pointed at; where that is. */
async function findCell(page) {
  const box = await page.locator(".plot .u-over").boundingBox();
  for (let y = 10; y < box.height; y += 9) {
    for (let x = 6; x < box.width; x += 9) {
      await page.mouse.move(box.x + x, box.y + y);
      if (await page.locator(".tip").isVisible()) return [box.x + x, box.y + y];
    }
  }
  assert.fail("no cell is pointed at anywhere");
}

onPage("a name that tries to break out is shown as it is", "few", {}, async (page) => {
  const title = await page.textContent("h1");
  assert.ok(title.startsWith("</script><script>"));
  assert.ok((await page.title()).endsWith("phasesweep report"));
  assert.equal(await page.locator("img[src=x]").count(), 0);
  assert.ok((await texts(page, ".legend span, .u-axis, option")).some((text) => text.includes("0.4")));
});

onPage("a point tells its cell when pointed at and opens it when clicked", "few", {}, async (page) => {
  const [x, y] = await findCell(page);
  const tip = await page.textContent(".tip");
  assert.match(tip, /cell cell\d{4}/);
  assert.match(tip, /ε\*\(D\): 0\.\d\d/);
  assert.equal(await page.locator(".cells-table tr.pointed").count(), 1, "the row is pointed at too");
  await page.mouse.click(x, y);
  await page.waitForSelector(".panel:not([hidden]) .trajectory canvas");
  const panel = await page.textContent(".panel");
  for (const said of ["Specification", "Turning points", "Where it came to", "Trajectories", "Stragglers", "lr"]) assert.ok(panel.includes(said), said);
  assert.match(panel, /[25] of 21 training samples were misclassified at epoch (10|60)/);
  // Errors, class radii and distance.
  assert.deepEqual((await texts(page, ".trajectory b")).sort(), ["class radii R", "distance of class centres D", "error"]);
  const name = tip.match(/cell (cell\d{4})/)[1];
  assert.equal(await page.textContent(".panel h2"), `Cell ${name}`);
  await page.selectOption("#along", "error");
  assert.equal(await page.locator(".trajectory canvas").count(), 3);
  await page.keyboard.press("Escape");
  assert.ok(await page.locator(".panel").isHidden());
});

onPage("the panel says what the file says of the cell", "few", {}, async (page) => {
  await page.fill("#search-cells", "cell=cell0000");
  await page.click(ROWS);
  await page.waitForSelector(".trajectory canvas");
  // The distance of the first cell turns at epoch 50, at an error of 0.5 (1 - 50/100)^2 = 0.125, of 1.5; R_0 two epochs before.
  const rows = await page.$$eval(".panel table tbody tr", (found) => found.map((row) => Array.from(row.cells, (cell) => cell.textContent)));
  const of = (symbol) => rows.find((row) => row[0] === symbol).slice(1);
  assert.deepEqual(of("D"), ["found", "0.13", "50", "1.500"]);
  assert.deepEqual(of("R₀").slice(0, 3), ["found", "0.14", "48"]);
  await page.click(".panel button[aria-label='Next cell']");
  assert.equal(await page.textContent(".panel h2"), "Cell cell0000", "no other cell matches the search");
});

onPage("axes and colours are chosen by menus, and the table follows", "few", {}, async (page) => {
  const picture = () => page.locator(".plot canvas").evaluate((canvas) => canvas.toDataURL());
  const before = await picture();
  await page.selectOption("#axis-x", "turns_at:radius_0");
  const other = await picture();
  assert.notEqual(before, other);
  assert.ok((await texts(page, ".cells-table th")).includes("t*(R₀)"));
  await page.selectOption("#axis-colour", "final_test_error");
  assert.notEqual(await picture(), other);
  await page.check("#log-y");
  assert.match(await page.getAttribute(".plot", "aria-label"), /ε\*\(D\) against t\*\(R₀\), coloured by final test error/);
  for (const key of await page.$$eval("#axis-x option", (options) => options.map((option) => option.value))) {
    for (const axis of ["x", "y", "colour"]) await page.selectOption(`#axis-${axis}`, key);
  }
});

onPage("cells are searched, filtered and sorted, and the figure shows which", "many", {}, async (page) => {
  const count = () => page.textContent(".cells-table .count");
  assert.equal(await count(), "3000 cells");
  await page.fill("#search-cells", "lr=0.2 architecture:20");
  assert.equal(await count(), "375 of 3000 cells");
  assert.match(await page.getAttribute(".plot", "aria-label"), /375 shown/);
  assert.deepEqual(new Set(await column(page, "lr")), new Set(["0.2"]));
  await page.click(".cells-table button:text('Filters')");
  await page.fill("input[aria-label='Only where ε*(D) is']", "> 0.09");
  const filtered = Number.parseInt(await count());
  assert.ok(filtered > 50 && filtered < 150, `${filtered} cells`);
  await page.click(".cells-table th button:text-is('ε*(D)')");
  const ascending = (await column(page, "ε*(D)")).map(Number);
  assert.ok(ascending.every((value, at) => value >= 0.09 && (at === 0 || ascending[at - 1] <= value)), ascending.join());
  await page.click(".cells-table th button:text-is('ε*(D)')");
  assert.equal(await page.locator(".cells-table th[aria-sort=descending]").count(), 1);
  const descending = (await column(page, "ε*(D)")).map(Number);
  assert.ok(descending[0] >= ascending.at(-1));
  await page.click("button:text('Show all')");
  assert.equal(await count(), "3000 cells");
});

onPage("what is brushed in the figure is what the table shows, until it is let go", "many", {}, async (page) => {
  const box = await page.locator(".plot .u-over").boundingBox();
  await page.mouse.move(box.x + 5, box.y + 5);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.4, box.y + box.height * 0.5, { steps: 5 });
  await page.mouse.up();
  const brushed = Number.parseInt(await page.textContent(".cells-table .count"));
  assert.ok(brushed > 300 && brushed < 1500, `${brushed} cells`);
  // The left half of the axis of two architectures, its upper half: ε* of about 0.08 and more.
  assert.deepEqual(new Set(await column(page, "architecture")), new Set(["mlp 10 tanh"]));
  assert.ok((await column(page, "ε*(D)")).every((star) => Number(star) >= 0.07));
  await page.focus(".plot");
  await page.keyboard.press("Escape");
  assert.equal(await page.textContent(".cells-table .count"), "3000 cells");
});

onPage("three thousand rows are scrolled through with a few in the document", "many", {}, async (page) => {
  assert.ok((await page.locator(ROWS).count()) < 60);
  assert.equal(await page.getAttribute(".cells-table table", "aria-rowcount"), "3001");
  await page.locator(".virtual").evaluate((scroller) => (scroller.scrollTop = scroller.scrollHeight));
  await page.waitForSelector(`.cells-table tr[aria-rowindex="3001"]`);
  assert.ok((await page.locator(ROWS).count()) < 60);
});

onPage("everything is reached by the keyboard", "few", {}, async (page) => {
  await page.focus(".plot");
  await page.keyboard.press("ArrowRight");
  const first = await page.textContent(".tip b");
  await page.keyboard.press("ArrowRight");
  assert.notEqual(await page.textContent(".tip b"), first);
  assert.match(await page.textContent(".cells-figure [role=status]"), /cell cell\d{4}.*ε\*\(D\)/);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".panel:not([hidden])");
  assert.ok(await page.locator(".panel").evaluate((panel) => panel.contains(document.activeElement)));
  const opened = await page.textContent(".panel h2");
  await page.keyboard.press("ArrowRight");
  assert.notEqual(await page.textContent(".panel h2"), opened);
  await page.keyboard.press("Escape");
  assert.ok(await page.locator(".plot").evaluate((plot) => plot === document.activeElement), "the focus is back where it was");
  await page.focus(".cells-table table");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  const active = await page.getAttribute(".cells-table table", "aria-activedescendant");
  await page.keyboard.press("Enter");
  const name = await page.locator(`#${active} td`).first().textContent();
  assert.equal(await page.textContent(".panel h2"), `Cell ${name}`);
});

onPage("the tables of the report are sorted, searched and filtered", "few", {}, async (page) => {
  const cells = (place) => page.$$eval("#stability tbody tr:not([hidden])", (rows, at) => rows.map((row) => row.cells[at].textContent), place);
  const heads = await texts(page, "#stability thead tr:first-child th");
  const star = heads.indexOf("epsilon star");
  await page.click("#stability th button:text-is('epsilon star')");
  const sorted = (await cells(star)).filter((text) => text !== "–").map(Number);
  assert.ok(sorted.length > 4 && sorted.every((value, at) => at === 0 || sorted[at - 1] <= value), sorted.join());
  const all = (await cells(0)).length;
  await page.fill("#search-stability", "distance lr=0.4");
  const found = (await cells(0)).length;
  assert.ok(found > 0 && found < all, `${found} of ${all}`);
  assert.ok((await cells(heads.indexOf("observable"))).every((text) => text === "distance"));
});

for (const [name, options] of Object.entries({
  light: {},
  dark: { colorScheme: "dark" },
  phone: { width: 390, height: 844, hasTouch: true, isMobile: true },
})) {
  onPage(`axe finds no fault: ${name}`, "few", options, async (page) => {
    const faults = async (where) => {
      await page.evaluate(AXE);
      const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
      const said = found.violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.target.join(" ")).join("; ")}`);
      assert.deepEqual(said, [], where);
    };
    await page.click(".cells-table button:text('Filters')");
    await faults("the page");
    await page.click(ROWS);
    await page.waitForSelector(".trajectory canvas");
    await faults("with a cell open");
    await page.keyboard.press("Escape");
    const width = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(width <= 0, `the page is ${width} pixels wider than the screen`);
  });
}

onPage("the theme is switched, and figures follow", "few", {}, async (page) => {
  const look = () => page.evaluate(() => [getComputedStyle(document.body).backgroundColor, document.querySelector(".plot canvas").toDataURL()]);
  const [paper, drawn] = await look();
  await page.selectOption("#theme-choice", "dark");
  const [dark, redrawn] = await look();
  assert.notEqual(paper, dark);
  assert.notEqual(drawn, redrawn);
});

onPage("on paper there are the answer, its picture and every table, and nothing to press", "few", { colorScheme: "dark" }, async (page) => {
  await page.emulateMedia({ media: "print" });
  const seen = (selector) => page.locator(selector).first().isVisible();
  assert.ok((await seen(".headline")) && (await seen(".picture svg")) && (await seen("#stability")) && (await seen(".reasons")));
  for (const hidden of ["#explorer", ".cells-table", ".tools", "#theme"]) assert.ok(!(await seen(hidden)), hidden);
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(255, 255, 255)");
  assert.ok((await page.pdf({ format: "A4" })).length > 20000);
});

test("without JavaScript the answer, its picture, every figure and table are there", async () => {
  const page = await open(browser, "few", { waits: false, javaScriptEnabled: false });
  const seen = (selector) => page.locator(selector).first().isVisible();
  assert.ok((await seen(".headline")) && (await seen(".picture svg")) && (await seen("#stability")) && (await seen("#curves_layer_1 svg")));
  assert.equal(await page.locator(".tools, .cells-table, #theme select").count(), 0);
  assert.deepEqual(page.troubles, []);
});

test("a browser that cannot inflate by itself shows the same", async () => {
  const page = await open(browser, "few", { prepare: () => delete globalThis.DecompressionStream });
  assert.equal(await page.textContent(".cells-table .count"), "24 cells");
  assert.deepEqual(page.troubles, []);
});
