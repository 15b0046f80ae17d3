// Draws the pictures of docs/report.md from a report of sweeps/quick.toml:
//
//     node screenshots.mjs ../../runs/quick/report/index.html ../../docs

import { resolve } from "node:path";

import { launch } from "./tests/browser.mjs";

const [report, folder] = process.argv.slice(2);
const browser = await launch();
for (const [name, { open = false, ...options }] of Object.entries({
  "report": { viewport: { width: 1280, height: 860 } },
  "report-dark": { viewport: { width: 1280, height: 860 }, colorScheme: "dark", open: true },
  "report-phone": { viewport: { width: 390, height: 700 }, isMobile: true, hasTouch: true },
})) {
  const page = await (await browser.newContext(options)).newPage();
  page.setDefaultTimeout(120000);
  await page.goto(`file://${resolve(report)}`, { timeout: 120000 });
  await page.waitForSelector(".explored .cells-table tbody tr[data-cell]");
  if (open) {
    await page.locator(".cells-table tbody tr[data-cell]:nth-child(3)").evaluate((row) => row.click());
    await page.waitForSelector(".trajectory canvas");
    await page.locator(".panel-content").evaluate((content) => (content.scrollTop = content.querySelector("h3:nth-of-type(2)").offsetTop - 60));
    await page.mouse.move(5, 5);
  }
  await page.waitForTimeout(1500);
  await page.screenshot({ path: `${folder}/${name}.png` });
}
await browser.close();
