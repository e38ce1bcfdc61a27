import { expect, test } from "vitest";
import { type Box, detectionsKept, type Prediction, partners } from "../../../src/detect/index.ts";

const at = (x: number, score: number, label = 0): Prediction => ({ box: [x, 0, x + 10, 10] as Box, score, label });

test("each detection of the second network serves one of the first", () => {
  const reference = [[at(0, 0.9), at(1, 0.8), at(50, 0.7)]];
  expect(detectionsKept(reference, [[at(0, 0.5)]])).toEqual({ kept: 1, total: 3, share: 1 / 3 });
  expect(partners(reference[0], [at(1, 0.4), at(0, 0.5), at(51, 0.3)])).toEqual([
    [0, 1],
    [1, 0],
    [2, 2],
  ]);
});

test("partners share class and overlap by half", () => {
  expect(detectionsKept([[at(0, 0.9)]], [[at(0, 0.9, 1)]]).kept).toBe(0);
  expect(detectionsKept([[at(0, 0.9)]], [[at(4, 0.9)]]).kept).toBe(0);
  expect(detectionsKept([[at(0, 0.9)]], [[at(3, 0.9)]]).kept).toBe(1);
  expect(detectionsKept([[at(0, 0.9)]], [[{ ...at(0, 0.9), box: [0, 0, 10, 5] }]]).kept).toBe(1);
});

test("detections below the least score do not exist, on either side", () => {
  const reference = [[at(0, 0.9), at(50, 0.2)], [at(0, 0.6)]];
  const other = [[at(0, 0.5), at(50, 0.9)], [at(0, 0.1)]];
  expect(detectionsKept(reference, other, { minScore: 0.3 })).toEqual({ kept: 1, total: 2, share: 0.5 });
});

test("nothing to keep counts as everything kept; missing pictures as nothing found", () => {
  expect(detectionsKept([[]], [[at(0, 1)]]).share).toBe(1);
  expect(detectionsKept([[at(0, 1)]], []).share).toBe(0);
});
