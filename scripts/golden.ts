import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { ArgumentError } from "../src/errors.ts";
import { claimsFor } from "../test/golden/claims/index.ts";
import { countOf, formatReport, runFamily } from "../test/golden/runner.ts";

/** The folder itself and those in it, sorted. */
function candidates(directory: string | undefined): string[] {
  if (!directory) throw new ArgumentError("golden", "needs a folder of golden families, got nothing (usage: npm run golden -- DIR)");
  const root = resolve(directory);
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) throw new ArgumentError("golden", `${root} must be a folder, got none`);
  const children = readdirSync(root, { withFileTypes: true }).filter((e) => e.isDirectory());
  return [root, ...children.map((e) => join(root, e.name)).sort()];
}

/** `npm run golden -- DIR`: runs every golden family found in DIR (or DIR itself, if it is one). Exit 1 on a failure. */
async function main(directory: string | undefined): Promise<number> {
  const folders = candidates(directory);
  let failed = 0;
  let found = 0;
  for (const folder of folders) {
    const report = await runFamily(folder, claimsFor);
    if (!report) continue;
    found++;
    failed += countOf(report, "failed");
    console.log(formatReport(report));
  }
  if (found === 0) throw new ArgumentError("golden", `${folders[0]} must hold folders with a manifest.json, got none`);
  return failed > 0 ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv[2]);
} catch (error) {
  if (!(error instanceof ArgumentError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
