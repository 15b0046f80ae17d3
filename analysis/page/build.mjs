// Builds dist/page.js, dist/page.css and the script's hash of what is in src/, uPlot and fflate; with --check says whether what is
// checked in is what would be built. The same versions (package-lock.json) give the same bytes.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const licence = (name) => `${name}\n\n${readFileSync(here(`node_modules/${name}/LICENSE`), "utf8").trim()}`;
const banner = `/*\nOf the following libraries parts are in this script. Everything else in it is phasesweep's own (MIT).\n\n${licence("uplot")}\n\n${licence("fflate")}\n*/`;

const options = { bundle: true, minify: true, write: false, target: ["chrome100", "firefox100", "safari15.4"], charset: "utf8", legalComments: "none" };
const script = await build({ ...options, entryPoints: [here("src/main.js")], format: "iife", banner: { js: banner } });
const style = await build({ ...options, entryPoints: [here("src/page.css")] });

const text = script.outputFiles[0].text;
// An end of the element inside the script would end the script.
if (/<\/script|<!--/i.test(text)) throw new Error("the script holds what ends its element");
const built = {
  "page.js": text,
  "page.css": style.outputFiles[0].text,
  "page.js.sha256": `${createHash("sha256").update(text, "utf8").digest("base64")}\n`,
};
for (const [name, content] of Object.entries(built)) {
  const path = here(`dist/${name}`);
  if (!process.argv.includes("--check")) writeFileSync(path, content);
  else if (readFileSync(path, "utf8") !== content) {
    console.error(`dist/${name} is not what src/ is built into: run \`make page\` and commit it`);
    process.exitCode = 1;
  }
}
