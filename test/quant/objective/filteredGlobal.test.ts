import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grad } from "../../../src/autograd/index.ts";
import { type FilteredGlobalOptions, filteredGlobal, survivors } from "../../../src/quant/objective/filteredGlobal.ts";
import type { Predictions } from "../../../src/quant/objective/global.ts";
import { add, full, item, Rng, type Tensor, uniform } from "../../../src/tensor/index.ts";
import { CLASSES, drawnPairs, drawPredictions, IMAGES, POSITIONS } from "./drawnPredictions.ts";

const lossOf = (float: Predictions, quantized: Predictions, options?: FilteredGlobalOptions): number => {
  const objective = filteredGlobal(options);
  return item(objective.loss(objective.prepare(float), quantized));
};
const keptOf = (float: Predictions, quantized: Predictions, thetaC: number, thetaI: number): Tensor =>
  survivors(filteredGlobal({ thetaC }).prepare(float), quantized, thetaI);

const theta = fc.double({ min: 0, max: 1, noNaN: true });
const options: fc.Arbitrary<FilteredGlobalOptions> = fc.record({
  thetaC: theta,
  thetaI: theta,
  lambda: fc.constantFrom(0, 1, 2.5),
  p: fc.constantFrom(1, 2, 3),
  maskScores: fc.boolean(),
  normalize: fc.constantFrom("all" as const, "survivors" as const),
});

/** IoU of two boxes, written once more. */
function overlap(a: readonly number[], b: readonly number[]): number {
  const area = (x1: number, y1: number, x2: number, y2: number): number => Math.max(0, x2 - x1) * Math.max(0, y2 - y1);
  const both = area(Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3]));
  return both === 0 ? 0 : both / (area(a[0], a[1], a[2], a[3]) + area(b[0], b[1], b[2], b[3]) - both);
}

/** Eq. 8 of one picture, spelled position by position. */
function spelled(float: Predictions, quantized: Predictions, n: number, o: Required<FilteredGlobalOptions>): number {
  const score = (of: Predictions, c: number, p: number): number => Math.exp(of.logScores.data[(n * CLASSES + c) * POSITIONS + p]);
  const box = (of: Predictions, p: number): number[] => [0, 1, 2, 3].map((k) => (of.boxes as Tensor).data[(4 * n + k) * POSITIONS + p]);
  let [entropy, distance, scored, passed] = [0, 0, 0, 0];
  for (let p = 0; p < POSITIONS; p++) {
    const classes = Array.from({ length: CLASSES }, (_, c) => [score(float, c, p), score(quantized, c, p)]);
    const kept = Math.max(...classes.map(([y]) => y)) >= o.thetaC;
    const [a, b] = [box(float, p), box(quantized, p)];
    if (kept) scored++;
    if (kept || !o.maskScores) entropy -= classes.reduce((s, [y, q]) => s + y * Math.log(q) + (1 - y) * Math.log(1 - q), 0);
    if (!kept || overlap(a, b) < o.thetaI) continue;
    passed++;
    distance += a.reduce((s, v, k) => s + Math.abs(v - b[k]) ** o.p, 0);
  }
  const all = o.normalize === "all";
  return (
    entropy / (all || !o.maskScores ? POSITIONS : Math.max(1, scored)) + (o.lambda * distance) / (all ? POSITIONS : Math.max(1, passed))
  );
}

describe("filteredGlobal", () => {
  test("is eq. 8 written out", () =>
    fc.assert(
      fc.property(drawnPairs, options, ({ float, quantized }, o) => {
        const full = o as Required<FilteredGlobalOptions>;
        let want = 0;
        for (let n = 0; n < IMAGES; n++) want += spelled(float, quantized, n, full) / IMAGES;
        expect(lossOf(float, quantized, o)).toBeCloseTo(want, 9);
      }),
    ));

  test("is least where the networks agree, with a gradient of 0 there, and the boxes add exactly 0", () =>
    fc.assert(
      fc.property(drawnPairs, options, ({ float, quantized }, o) => {
        const least = lossOf(float, float, o);
        expect(least).toBe(lossOf(float, float, { ...o, lambda: 0 }));
        expect(lossOf(float, quantized, o)).toBeGreaterThanOrEqual(least - 1e-12);
        const objective = filteredGlobal(o);
        const constants = objective.prepare(float);
        const gradients = grad((logScores, boxes) => objective.loss(constants, { logScores, boxes }), [float.logScores, float.boxes]);
        for (const g of gradients) for (const v of g.data) expect(Math.abs(v)).toBeLessThan(1e-12);
      }),
    ));

  test("raising a threshold never adds boxes, 0 keeps all, and what is beyond reach keeps none", () =>
    fc.assert(
      fc.property(drawnPairs, theta, theta, theta, theta, ({ float, quantized }, c1, c2, i1, i2) => {
        const loose = keptOf(float, quantized, Math.min(c1, c2), Math.min(i1, i2));
        const strict = keptOf(float, quantized, Math.max(c1, c2), Math.max(i1, i2));
        strict.data.forEach((kept, i) => expect(kept).toBeLessThanOrEqual(loose.data[i]));
        expect(keptOf(float, quantized, 0, 0).data.every((kept) => kept === 1)).toBe(true);
        expect(keptOf(float, quantized, 1, 1).data.every((kept) => kept === 0)).toBe(true);
      }),
    ));

  test("a filter that leaves nothing adds nothing, without NaN", () =>
    fc.assert(
      fc.property(drawnPairs, ({ float, quantized }) => {
        const none = { thetaC: 1, maskScores: true, normalize: "survivors" } as const;
        expect(lossOf(float, quantized, none)).toBe(0);
      }),
    ));

  test("a box that overflowed is filtered out of the loss and of its gradient", () => {
    const [float, { logScores, boxes }] = [drawPredictions(new Rng(1)), drawPredictions(new Rng(2))];
    boxes.data.set([Number.NEGATIVE_INFINITY], 0);
    boxes.data.set([Number.POSITIVE_INFINITY], 2 * POSITIONS);
    const objective = filteredGlobal({ p: 2 });
    const constants = objective.prepare(float);
    expect(Number.isFinite(item(objective.loss(constants, { logScores, boxes })))).toBe(true);
    const [g] = grad((x) => objective.loss(constants, { logScores, boxes: x }), [boxes]);
    expect(g.data.every(Number.isFinite)).toBe(true);
  });

  test("the filter takes the float network's scores and boxes as they are", () => {
    const float = { logScores: full([1, 1, 4], Math.log(0.5), "f64"), boxes: uniform([1, 4, 4], new Rng(1), 0, 0.1, "f64") };
    const boxes = add(float.boxes, 0.5);
    expect(lossOf(float, { ...float, boxes })).toBe(lossOf(float, float));
    expect(lossOf(float, { ...float, boxes }, { thetaI: 0 })).toBeCloseTo(lossOf(float, float) + 2, 9);
  });

  test("refuses options out of range", () => {
    expect(() => filteredGlobal({ thetaC: 2 })).toThrow("filteredGlobal: thetaC must be in [0, 1], got 2");
    expect(() => filteredGlobal({ p: 0.5 })).toThrow("filteredGlobal: p must be >= 1, got 0.5");
    expect(() => filteredGlobal({ lambda: Number.NaN })).toThrow("filteredGlobal: lambda must be >= 0, got NaN");
  });
});
