import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sensitivity } from "../../src/job/index.ts";
import { sensitivityFiles } from "../../src/node/index.ts";
import { DamageSums } from "../../src/quant/sensitivity/damage.ts";
import { tinyDetector, tinyPair, tinyPairInput, tinySamples } from "../quant/tiny.ts";

const shared = { method: "minmax" as const, scheme: "W4A4", policy: { keep: ["size"] } };

async function pageOf(options: Partial<Parameters<typeof sensitivity>[1]> = {}): Promise<string> {
  const { graph, card } = tinyDetector(4);
  const { names, input } = tinySamples(3, 2);
  const samples = names.map((name, i) => ({ name, tensors: input(i) }));
  return sensitivityFiles(await sensitivity(graph, { ...shared, samples, card, ...options })).get("sensitivity.md") as string;
}

describe("the page of a ranking", () => {
  it("weighs boxes as the damage does", async () => {
    const weight = Number(/Damage is scores \+ ([\d.]+) boxes\. /.exec(await pageOf())?.[1]);
    const positive = fc.double({ min: 1e-3, max: 10, noNaN: true });
    fc.assert(
      fc.property(positive, positive, positive, positive, (a, b, c, d) => {
        const sums = new DamageSums();
        Object.assign(sums.of("scores"), { noise: a, signal: b });
        Object.assign(sums.boxes, { noise: c, signal: d });
        const { total, scores, boxes } = sums.result();
        expect(total).toBeCloseTo(scores + weight * boxes, 9);
      }),
    );
  });

  it("says how boxes are weighed at each position, and how where there are none", async () => {
    const boxes = /Boxes: (.*?)\. Damage/.exec(await pageOf())?.[1];
    expect(boxes).toMatch(/over all positions, weighed by the best score.* no boxes of their own, over .* visible detections/);
  });

  it("speaks of outputs where nobody knows what they mean", async () => {
    const { graph } = tinyPair(2);
    const samples = [0, 1].map((i) => ({ name: `s${i}`, tensors: tinyPairInput(i) }));
    const page = sensitivityFiles(await sensitivity(graph, { ...shared, samples, policy: { keep: [] } })).get("sensitivity.md");
    expect(page).toContain("Scores: mean over the outputs of sum (y' - y)^2 / sum y^2 against the float network.");
    expect(page).not.toMatch(/Damage is scores \+/);
  });

  it("says what was done to the float network before", async () => {
    expect(await pageOf({ equalize: ["cross-layer"] })).toMatch(
      /\| float network before calibration \| cross-layer \(\d+ changed\); float/,
    );
    expect(await pageOf()).not.toContain("float network before calibration");
  });
});
