import { join } from "node:path";
import { expect, test } from "vitest";
import { readFamily } from "./case.ts";
import { claimsFor } from "./claims/index.ts";
import { countOf, formatReport, opsWith, runFamily } from "./runner.ts";

/** Every golden operation nothing here answers, with its number of cases. A claim that goes missing, or comes, changes this list. */
const UNCLAIMED: Readonly<Record<string, readonly string[]>> = {
  ops: [
    "adaptive_avg_pool2d (6)",
    "adaptive_max_pool2d (3)",
    "avg_pool2d (1)",
    "chunk (1)",
    "ciou_loss (3)",
    "conv1d (1)",
    "cumsum (3)",
    "diagonal (1)",
    "elu (4)",
    "erf (2)",
    "flip (1)",
    "gelu (4)",
    "grid_sample (4)",
    "group_norm (3)",
    "index_nd (1)",
    "instance_norm (1)",
    "layer_norm (4)",
    "masked_select (1)",
    "mish (3)",
    "one_hot (1)",
    "prelu (1)",
    "repeat (1)",
    "roll (1)",
    "scatter (3)",
    "tril (1)",
  ],
  quant: [],
  em: [],
  det: [],
  coco: [],
  voc: [],
  e2e: [],
  formats: ["read_npy (15)", "read_npz (2)", "reject (16)"],
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
