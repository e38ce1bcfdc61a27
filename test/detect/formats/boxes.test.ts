import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkGradient, compile, grad } from "../../../src/autograd/index.ts";
import { CARD_FORMATS, type Card, type CardDetector, type Heads } from "../../../src/detect/index.ts";
import { mul, Rng, randn, sum, type Tensor, tensor, uniform, where, zeros } from "../../../src/tensor/index.ts";
import { runs } from "../../runs.ts";
import { cardOf } from "../sampleCards.ts";
import { headsOf } from "./drawnHeads.ts";
import { fixed } from "./scene.ts";

/** Nothing is left out: every candidate of every image. */
const ALL = { scoreThreshold: 0, nmsIou: 1, maxDetections: 1000 };
const distances = { outputs: { heatmap: "heat", distances: "box" } };

const boxesOf = (detector: CardDetector, heads: Heads): Tensor => {
  if (!detector.boxes) throw new Error(`${detector.name} must have boxes`);
  return detector.boxes(heads);
};

/** The positions of an image where log H is the logarithm of a score. */
const positionsOf = (logs: Tensor, image: number, label: number, score: number): number[] => {
  const [, classes, positions] = logs.shape;
  const at = (p: number): number => logs.data[(image * classes + label) * positions + p];
  return Array.from({ length: positions }, (_, p) => p).filter((p) => Math.abs(Math.exp(at(p)) - score) < 1e-6);
};

const variants: readonly (readonly [name: string, card: Card, heads: (seed: number, dtype?: "f32" | "f64") => Heads])[] = [
  ...CARD_FORMATS.filter((format) => format !== "dbnet").map(
    (format) => [format, cardOf(format, ALL), (seed: number, dtype?: "f32" | "f64") => headsOf(format, seed, 0, dtype)] as const,
  ),
  ...(["cell", "pixel"] as const).map(
    (sizeUnit) =>
      [
        `centernet with distances in ${sizeUnit}s`,
        cardOf("centernet", { ...ALL, ...distances, sizeUnit }),
        (seed: number, dtype: "f32" | "f64" = "f32") => ({
          heat: uniform([2, 2, 8, 16], new Rng(seed), 0, 1, dtype),
          box: uniform([2, 4, 8, 16], new Rng(seed + 1), -3, 9, dtype),
        }),
      ] as const,
  ),
];

describe.each(variants)("boxes of %s", (_, card, headsAt) => {
  const seeds = fc.integer({ min: 0, max: 2 ** 30 });
  const { width, height } = card.input;

  test("are those that decode gives, position by position as in log H, in shares of the input", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const [detector, heads] = [fixed({}, card), headsAt(seed)];
        const [logs, boxes] = [detector.logScores(heads), boxesOf(detector, heads)];
        const [images, , positions] = logs.shape;
        expect(boxes.shape).toEqual([images, 4, positions]);
        detector.decode(heads).forEach((found, n) => {
          if (card.format !== "centernet") expect(found).toHaveLength(positions);
          for (const { box, score, label } of found) {
            const misses = positionsOf(logs, n, label, score).map((p) =>
              Math.max(...box.map((v, k) => Math.abs(boxes.data[(4 * n + k) * positions + p] * (k % 2 === 0 ? width : height) - v))),
            );
            expect(Math.min(...misses)).toBeLessThan(1e-5 * Math.max(...box.map(Math.abs), 64));
          }
        });
      }),
      { numRuns: runs(10) },
    );
  });

  test("have the gradient of their differences in double", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const heads = headsAt(seed, "f64");
        const names = Object.keys(heads);
        const weights = randn(boxesOf(fixed({}, card), heads).shape, new Rng(seed), 1, "f64");
        const weighed = (...xs: Tensor[]): Tensor =>
          sum(mul(boxesOf(fixed({}, card), Object.fromEntries(names.map((name, i) => [name, xs[i]]))), weights));
        expect(checkGradient(weighed, Object.values(heads), new Rng(1), 1e-6).gap).toBeLessThan(1e-6);
      }),
      { numRuns: runs(5) },
    );
  });

  test("are recorded and replayed with the same bits", () => {
    const [names, inputs] = [Object.keys(headsAt(1)), Object.values(headsAt(1))];
    const boxes = (...xs: Tensor[]): Tensor => boxesOf(fixed({}, card), Object.fromEntries(names.map((name, i) => [name, xs[i]])));
    const replay = compile(boxes);
    expect(replay(...inputs).data).toEqual(boxes(...inputs).data);
    const others = Object.values(headsAt(2));
    expect(replay(...others).data).toEqual(boxes(...others).data);
    replay.release();
  });
});

test("a box that overflows is infinite, and leaves the gradient of others alone", () => {
  const detector = fixed({}, cardOf("yolox"));
  const out = zeros([1, 10, 7]);
  out.data[2] = 1e3;
  expect(boxesOf(detector, { out }).data[20]).toBe(Number.POSITIVE_INFINITY);
  const looked = tensor([0, ...Array<number>(9).fill(1)], [10], "u8");
  const [g] = grad((x) => sum(where(looked, boxesOf(detector, { out: x }), 0)), [out]);
  expect(g.data.every(Number.isFinite)).toBe(true);
});

test("texts have no regressed boxes", () => {
  expect(fixed({}, cardOf("dbnet")).boxes).toBeUndefined();
});
