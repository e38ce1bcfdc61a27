import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Box,
  classwiseNms,
  cocoAp,
  diou,
  type Evaluated,
  type GroundTruth,
  giou,
  iou,
  nms,
  type Prediction,
  vocAp,
} from "../../src/detect/index.ts";

const coordinate = fc.integer({ min: 0, max: 40 });
const side = fc.integer({ min: 1, max: 30 });
const box: fc.Arbitrary<Box> = fc.tuple(coordinate, coordinate, side, side).map(([x, y, w, h]) => [x, y, x + w, y + h]);
const score = fc.integer({ min: 1, max: 99 }).map((v) => v / 100);
const label = fc.nat(2);
const prediction: fc.Arbitrary<Prediction> = fc.record({ box, score, label });
const truth: fc.Arbitrary<GroundTruth> = fc.record({ box, label, difficult: fc.boolean(), crowd: fc.constant(false) });
const picture: fc.Arbitrary<Evaluated> = fc.record({
  predicted: fc.array(prediction, { maxLength: 12 }),
  truth: fc.array(truth, { maxLength: 6 }),
});
const pictures = fc.array(picture, { minLength: 1, maxLength: 4 });
const threshold = fc.double({ min: 0.1, max: 0.9, noNaN: true });

describe("overlap of boxes", () => {
  test("IoU lies in [0, 1], is symmetric, and 1 for a box with itself; giou and diou never exceed it", () => {
    fc.assert(
      fc.property(box, box, (a, b) => {
        expect(iou(a, b)).toBe(iou(b, a));
        expect(iou(a, b)).toBeGreaterThanOrEqual(0);
        expect(iou(a, b)).toBeLessThanOrEqual(1);
        expect(iou(a, a)).toBe(1);
        expect(giou(a, b)).toBeLessThanOrEqual(iou(a, b));
        expect(giou(a, b)).toBeGreaterThanOrEqual(-1);
        expect(diou(a, b)).toBeLessThanOrEqual(iou(a, b));
      }),
    );
  });
});

describe("suppression", () => {
  const list = fc.array(prediction, { maxLength: 20 });
  const run = (found: readonly Prediction[], limit: number): Prediction[] =>
    Array.from(
      classwiseNms(
        found.map((p) => p.box),
        found.map((p) => p.score),
        found.map((p) => p.label),
        limit,
      ),
      (i) => found[i],
    );

  test("keeps the best box, best first, and no two of a class that overlap more than the threshold", () => {
    fc.assert(
      fc.property(list, threshold, (found, limit) => {
        const kept = run(found, limit);
        kept.forEach((p, i) => {
          if (i > 0) expect(kept[i - 1].score).toBeGreaterThanOrEqual(p.score);
          for (const q of kept.slice(i + 1)) if (q.label === p.label) expect(iou(p.box, q.box)).toBeLessThanOrEqual(limit);
        });
        if (found.length > 0) expect(kept[0].score).toBe(Math.max(...found.map((p) => p.score)));
      }),
    );
  });

  test("whatever went overlaps a better kept box of its class", () => {
    fc.assert(
      fc.property(list, threshold, (found, limit) => {
        const kept = run(found, limit);
        for (const p of found) {
          if (kept.includes(p)) continue;
          expect(kept.some((q) => q.label === p.label && q.score >= p.score && iou(p.box, q.box) > limit)).toBe(true);
        }
      }),
    );
  });

  test("is idempotent, and class by class the same as alone", () => {
    fc.assert(
      fc.property(list, threshold, (found, limit) => {
        const kept = run(found, limit);
        expect(run(kept, limit)).toEqual(kept);
        const own = found.filter((p) => p.label === 1);
        const alone = nms(
          own.map((p) => p.box),
          own.map((p) => p.score),
          limit,
        );
        expect(kept.filter((p) => p.label === 1)).toEqual(Array.from(alone, (i) => own[i]));
      }),
    );
  });
});

/** Both metrics as one number; NaN where nothing was annotated. */
const metrics: readonly (readonly [string, (images: readonly Evaluated[]) => number])[] = [
  ["COCO AP", (images) => cocoAp(images, { classes: 3 }).stats.AP],
  ["VOC AP", (images) => vocAp(images, { classes: 3 }).map],
  ["VOC 11-point AP", (images) => vocAp(images, { classes: 3, curve: "elevenPoint" }).map],
];

/** Distinct scores, so that order decides nothing. */
const distinct = (images: readonly Evaluated[]): Evaluated[] => {
  let next = 0;
  return images.map((i) => ({ ...i, predicted: i.predicted.map((p) => ({ ...p, score: p.score - 1e-4 * next++ })) }));
};
const annotated = (images: readonly Evaluated[]): boolean => images.some((i) => i.truth.some((t) => !t.difficult));

describe.each(metrics)("%s", (_, metric) => {
  test("lies in [0, 1] once something is annotated", () => {
    fc.assert(
      fc.property(pictures, (images) => {
        if (!annotated(images)) return;
        expect(metric(images)).toBeGreaterThanOrEqual(0);
        expect(metric(images)).toBeLessThanOrEqual(1 + 1e-12);
      }),
    );
  });

  test("is 1 for the annotations themselves and 0 without detections", () => {
    fc.assert(
      fc.property(pictures, (images) => {
        if (!annotated(images)) return;
        // Annotations apart from each other: else one may be taken for its neighbour.
        const apart = images.map((i, n) => ({
          truth: i.truth.map((t, k) => ({ ...t, difficult: false, box: [100 * k, 100 * n, 100 * k + 20, 100 * n + 20] as Box })),
          predicted: [] as Prediction[],
        }));
        const echoed = apart.map((i) => ({ ...i, predicted: i.truth.map((t) => ({ box: t.box, label: t.label, score: 0.5 })) }));
        expect(metric(echoed)).toBeCloseTo(1, 9);
        expect(metric(apart)).toBe(0);
      }),
    );
  });

  test("depends on the order of scores only, not on their values, nor on the order of pictures", () => {
    fc.assert(
      fc.property(pictures, (raw) => {
        if (!annotated(raw)) return;
        const images = distinct(raw);
        const squashed = images.map((i) => ({ ...i, predicted: i.predicted.map((p) => ({ ...p, score: p.score ** 3 / 2 })) }));
        expect(metric(squashed)).toEqual(metric(images));
        expect(metric([...images].reverse())).toBeCloseTo(metric(images), 12);
      }),
    );
  });

  test("never rises by a false detection below all others", () => {
    fc.assert(
      fc.property(pictures, (raw) => {
        const images = distinct(raw);
        const far: Prediction = { box: [5000, 5000, 5010, 5010], score: 1e-6, label: 0 };
        const worse = images.map((i, n) => (n === 0 ? { ...i, predicted: [...i.predicted, far] } : i));
        if (annotated(images)) expect(metric(worse)).toBeLessThanOrEqual(metric(images) + 1e-12);
      }),
    );
  });

  test("never falls when a missed annotation is found with certainty", () => {
    fc.assert(
      fc.property(pictures, label, (raw, k) => {
        const lone: GroundTruth = { box: [3000, 3000, 3020, 3020], label: k };
        const images = distinct(raw).map((i, n) => (n === 0 ? { ...i, truth: [...i.truth, lone] } : i));
        const better = images.map((i, n) => (n === 0 ? { ...i, predicted: [...i.predicted, { ...lone, score: 1 }] } : i));
        expect(metric(better)).toBeGreaterThanOrEqual(metric(images) - 1e-12);
      }),
    );
  });
});
