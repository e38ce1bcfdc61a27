import { describe, expect, it } from "vitest";
import { ARMS, armsFor, type ControlsJob, compareGains, runControls } from "../../src/experiments/index.ts";
import type { Sample } from "../../src/job/index.ts";
import { damageText } from "../../src/quant/index.ts";
import { controlVerdicts, makeControls } from "../../src/report/index.ts";
import { Rng } from "../../src/tensor/index.ts";
import { tinyDetector } from "../quant/tiny.ts";

/** Small noisy pictures, each with one box. */
function pictures(seed: number, count: number): Sample[] {
  const rng = new Rng(seed);
  return Array.from({ length: count }, (_, i) => ({
    name: `p${i}`,
    picture: { width: 16, height: 16, data: Uint8Array.from({ length: 16 * 16 * 3 }, () => rng.int(0, 255)) },
    truth: [{ box: [2, 2, 10, 10] as const, label: i % 2 }],
  }));
}

const { graph, card, detector } = tinyDetector(4);
const job: ControlsJob = {
  ...{ graph, card, name: "tiny", scheme: "W4A4", seeds: [0, 1], sampleCount: 3 },
  calibration: async (seed) => pictures(seed, 3),
  pictures: pictures(99, 2),
};

describe("runControls", () => {
  it("runs every control with every seed, and the same again", async () => {
    const fractions: number[] = [];
    const record = await runControls(job, { onProgress: (p) => fractions.push(p.fraction) });
    expect(record.arms.map((a) => a.name)).toEqual(ARMS.map((a) => a.name));
    for (const { name, runs } of record.arms) {
      expect(runs.map((r) => r.seed)).toEqual([0, 1]);
      for (const run of runs) {
        expect(run.scores).toBeGreaterThan(0);
        expect(run.width).toBeLessThanOrEqual(1);
        expect(run.ap50).not.toBeNull();
        expect(run.inlierShare === null).toBe(name === "min-max");
        expect(run.tau === null).toBe(name !== "tau auto");
      }
    }
    const byName = new Map(record.arms.map((a) => [a.name, a.runs]));
    for (const name of ["soft", "all", "min-max"]) for (const { width } of byName.get(name) ?? []) expect(width).toBe(1);
    for (const name of ["random", "magnitude"])
      expect(byName.get(name)?.map((r) => r.inlierShare)).toEqual(byName.get("inliers")?.map((r) => r.inlierShare));
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(record).toMatchObject({ policy: "inlierq", samples: { calibration: 3, measured: 2 }, measuredOn: "pictures" });
    expect(record.comparisons.map((c) => c.measure)).toEqual(["scores", "ap50"]);
    expect(JSON.stringify(await runControls(job))).toBe(JSON.stringify(record));

    const page = makeControls(record, damageText).get("controls.md") as string;
    for (const { name } of record.arms) expect(page).toContain(`| ${name} |`);
    for (const line of controlVerdicts(record)) expect(page).toContain(`**${line}**`);
    for (const text of [damageText.scores, damageText.boxes]) expect(page).toContain(text);
  });

  it("measures on the calibration samples and leaves AP50 out where there is nothing else", async () => {
    const { pictures: _, ...bare } = job;
    const unlabelled = pictures(1, 3).map(({ name, picture }) => ({ name, picture }) as Sample);
    const record = await runControls({ ...bare, seeds: [5], calibration: async () => unlabelled });
    expect(record).toMatchObject({ measuredOn: "calibration", floatAp50: null, samples: { calibration: 3, measured: 3 } });
    expect(record.comparisons).toHaveLength(1);
    expect(controlVerdicts(record)[0]).toMatch(/^Score error: a single seed cannot tell/);
  });

  it("leaves peaks out where the score map is no grid", () => {
    const { maps: _, ...bare } = detector;
    expect(armsFor(bare).map((a) => a.name)).toEqual(ARMS.map((a) => a.name).filter((name) => name !== "peaks"));
  });

  it.each([[[]], [[1, 1]]])("refuses seeds %j", async (seeds) => {
    await expect(runControls({ ...job, seeds })).rejects.toThrow(/seeds must be distinct and at least one/);
  });
});

describe("compareGains", () => {
  it.each([
    [[1, 1.1, 0.9], "better"],
    [[-1, -1.1, -0.9], "worse"],
    [[1, -1, 2], "not told apart"],
    [[0, 0, 0], "not told apart"],
    [[5], "one seed"],
  ])("says of %j: %s", (gains, verdict) => {
    expect(compareGains("scores", gains).verdict).toBe(verdict);
  });
});
