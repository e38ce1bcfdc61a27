import { expect, test } from "vitest";
import { type Box, vocAp } from "../../../src/detect/index.ts";

const truth = (box: Box, difficult = false) => ({ box, label: 0, difficult });
const found = (box: Box, score: number) => ({ box, label: 0, score });

const near: Box = [0, 0, 10, 10];
const far: Box = [50, 50, 60, 60];

test("what is annotated as difficult counts neither as found nor as missing", () => {
  const images = [{ truth: [truth(near), truth(far, true)], predicted: [found(far, 0.9), found(far, 0.8), found(near, 0.7)] }];
  expect(vocAp(images, { classes: 1 }).perClass).toEqual([{ ap: 1, positives: 1, hits: 1, misses: 0 }]);
});

test("an easy object does count: its second detection is a miss", () => {
  const images = [{ truth: [truth(near), truth(far)], predicted: [found(far, 0.9), found(far, 0.8), found(near, 0.7)] }];
  // Precisions 1, 1/2, 2/3 at recalls 1/2, 1/2, 1.
  const [{ ap, ...counts }] = vocAp(images, { classes: 1 }).perClass;
  expect(ap).toBeCloseTo(1 / 2 + (1 / 2) * (2 / 3), 12);
  expect(counts).toEqual({ positives: 2, hits: 2, misses: 1 });
});

test("boxes own both edge pixels unless told otherwise", () => {
  // 3 x 3 pixels that share 2 columns: 6 of 12. Without the edges 2 x 2 that share 1: 2 of 6.
  const images = [{ truth: [truth([0, 0, 2, 2])], predicted: [found([1, 0, 3, 2], 0.9)] }];
  const hits = (inclusive: boolean | undefined, iouThreshold: number) =>
    vocAp(images, { classes: 1, iouThreshold, ...(inclusive !== undefined && { inclusive }) }).perClass[0].hits;
  expect([hits(undefined, 0.5), hits(true, 0.5), hits(false, 0.5)]).toEqual([1, 1, 0]);
  expect([hits(true, 0.51), hits(false, 0.33), hits(false, 0.34)]).toEqual([0, 1, 0]);
});
