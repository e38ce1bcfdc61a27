import { join } from "node:path";
import { expect, test } from "vitest";
import { readFamily } from "./case.ts";
import { claimsFor } from "./claims/index.ts";
import { countOf, formatReport, opsWith, runFamily } from "./runner.ts";

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
  const folder = join(import.meta.dirname, family);
  const report = await runFamily(folder, claimsFor);
  if (!report) throw new Error(`golden: ${family} must have a manifest.json, got none`);
  const promised = readFamily(folder)?.manifest.caseCount;
  expect(promised).toBeGreaterThan(0);
  expect(report.outcomes).toHaveLength(promised as number);
  const failures = report.outcomes.filter((o) => o.verdict === "failed");
  expect(failures, formatReport(report)).toEqual([]);
  expect(opsWith(report, "unclaimed")).toEqual(unclaimed);
  const replayed = report.outcomes.filter((o) => o.replayed).length;
  if (family === "ops" && process.env.INLIERQ_COMPILED === "1") expect(replayed).toBeGreaterThan(0.8 * countOf(report, "passed"));
  else if (process.env.INLIERQ_COMPILED !== "1") expect(replayed).toBe(0);
});
