// A headless Chromium for the tests of the page: opens reports as files, and keeps whatever went wrong there. Where it is: the
// environment's CHROMIUM, or `chromium` on PATH.

import { execFileSync } from "node:child_process";
import { chromium } from "playwright-core";

const executablePath = process.env.CHROMIUM ?? execFileSync("sh", ["-c", "command -v chromium || command -v chromium-browser || command -v google-chrome"], { encoding: "utf8" }).trim();

/** A browser; `close` it. */
export const launch = () => chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"] });

/** The report of that name among the pages that the caller made. */
export const address = (name) => `file://${process.env.PHASESWEEP_PAGES}/${name}/report/index.html`;

/**
 * Opens an address; the page has `troubles` (errors of the console, exceptions, requests other than the page itself). Waits until
 * the explorer is there, unless told otherwise.
 */
export async function open(browser, name, { width = 1280, height = 900, colorScheme = "light", waits = true, prepare = null, ...context } = {}) {
  const page = await (await browser.newContext({ viewport: { width, height }, colorScheme, ...context })).newPage();
  // Machines that do other work besides take their time.
  page.setDefaultTimeout(120000);
  page.troubles = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && page.troubles.push(message.text()));
  page.on("pageerror", (error) => page.troubles.push(String(error)));
  page.on("request", (request) => request.url() !== address(name) && page.troubles.push(`request: ${request.url().slice(0, 120)}`));
  if (prepare) await page.addInitScript(prepare);
  await page.goto(address(name));
  if (waits) await page.waitForSelector(".explored .cells-table tbody tr[data-cell]");
  return page;
}
