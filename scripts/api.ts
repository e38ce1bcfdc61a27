import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FOLDER, reference } from "./api/render.ts";
import { gaps } from "./api/rules.ts";
import { ROOT, surface } from "./api/surface.ts";

/** `npm run docs:api` writes the API reference; with `--gaps` it lists what the comments leave out instead. */
const pages = surface();
const names = pages.reduce((n, { entries }) => n + entries.length, 0);
const missing = gaps(pages);
if (process.argv.includes("--gaps")) {
  for (const { where, rule } of missing) console.log(`${where}: ${rule}`);
} else {
  const folder = join(ROOT, FOLDER);
  mkdirSync(folder, { recursive: true });
  for (const old of readdirSync(folder)) rmSync(join(folder, old));
  for (const [name, text] of reference(pages)) writeFileSync(join(folder, name), text);
}
console.log(`${names} names, ${missing.length} gaps in their comments`);
