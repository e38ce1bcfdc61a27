import { join } from "node:path";
import { expect, test } from "vitest";
import { claimsFor } from "./claims/index.ts";
import { formatReport, opsWith, runFamily } from "./runner.ts";

/** Every golden operation nothing here answers, with its number of cases. A claim that goes missing, or comes, changes this list. */
const UNCLAIMED: Readonly<Record<string, readonly string[]>> = {
  ops: [],
  quant: [],
  em: [],
  det: [],
  coco: [],
  voc: [],
  e2e: [],
  formats: [],
};

test.for(Object.entries(UNCLAIMED))("golden family %s", async ([family, unclaimed]) => {
  const report = await runFamily(join(import.meta.dirname, family), claimsFor);
  if (!report) throw new Error(`golden: ${family} must have a manifest.json, got none`);
  const failures = report.outcomes.filter((o) => o.verdict === "failed");
  expect(failures, formatReport(report)).toEqual([]);
  expect(opsWith(report, "unclaimed")).toEqual(unclaimed);
});
