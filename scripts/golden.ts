import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { claimsFor } from "../test/golden/claims/index.ts";
import { countOf, formatReport, runFamily } from "../test/golden/runner.ts";

/** `npm run golden -- DIR`: runs every golden family found in DIR (or DIR itself, if it is one). Exit 1 on a failure. */
async function main(directory: string | undefined): Promise<number> {
  if (!directory) {
    console.error("golden: needs a folder of golden families, got nothing (usage: npm run golden -- DIR)");
    return 2;
  }
  const root = resolve(directory);
  const children = readdirSync(root, { withFileTypes: true }).filter((e) => e.isDirectory());
  let failed = 0;
  let found = 0;
  for (const folder of [root, ...children.map((e) => join(root, e.name)).sort()]) {
    const report = await runFamily(folder, claimsFor);
    if (!report) continue;
    found++;
    failed += countOf(report, "failed");
    console.log(formatReport(report));
  }
  if (found === 0) {
    console.error(`golden: ${root} must hold folders with a manifest.json, got none`);
    return 2;
  }
  return failed > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv[2]);
