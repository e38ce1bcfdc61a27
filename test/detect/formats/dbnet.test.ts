import { expect, test } from "vitest";
import { connectedRegions } from "../../../src/detect/regions.ts";
import { Tensor } from "../../../src/tensor/index.ts";
import { cardOf } from "../sampleCards.ts";
import { decode, expectBox, fixed } from "./scene.ts";

/** A map of 32 x 16 cells drawn from rectangles [left, top, right, bottom, heat], the last two coordinates exclusive. */
function heatOf(...rectangles: readonly (readonly [number, number, number, number, number])[]): Tensor {
  const data = new Float32Array(32 * 16).fill(0.01);
  for (const [x1, y1, x2, y2, heat] of rectangles) {
    for (let y = y1; y < y2; y++) data.fill(heat, y * 32 + x1, y * 32 + x2);
  }
  return new Tensor([1, 1, 16, 32], "f32", data);
}

const card = cardOf("dbnet");

test("a region becomes a box grown by area times ratio over perimeter; cells map to pixels", () => {
  const found = decode({ heat: heatOf([4, 2, 14, 7, 0.5], [6, 3, 10, 5, 0.9]) }, card);
  expect(found).toHaveLength(1);
  const grow = (10 * 5 * 1.5) / (2 * 15);
  const mean = (42 * 0.5 + 8 * 0.9) / 50;
  expectBox(found[0], [2 * (4 - grow), 2 * (2 - grow), 2 * (14 + grow), 2 * (7 + grow)], mean, 0);
});

test("regions are told apart, touch across corners, and are dropped when thin or faint", () => {
  const heat = heatOf([1, 1, 5, 5, 0.8], [5, 5, 9, 9, 0.6], [20, 1, 30, 3, 0.9], [20, 8, 26, 14, 0.35]);
  expect(decode({ heat }, card).map((p) => p.score.toFixed(2))).toEqual(["0.70", "0.35"]);
  expect(decode({ heat }, cardOf("dbnet", { scoreThreshold: 0.5 }))).toHaveLength(1);
  expect(decode({ heat }, cardOf("dbnet", { regionThreshold: 0.7 })).map((p) => p.score.toFixed(2))).toEqual(["0.80"]);
});

test("without growth the box is the region", () => {
  expectBox(decode({ heat: heatOf([4, 2, 14, 7, 0.5]) }, cardOf("dbnet", { unclipRatio: 0 }))[0], [8, 4, 28, 14], 0.5, 0);
});

test("log H is the log of the heat", () => {
  const logs = fixed({}, card).logScores({ heat: heatOf([0, 0, 1, 1, 0.5]) });
  expect(logs.shape).toEqual([1, 1, 512]);
  expect([logs.data[0], logs.data[1]]).toEqual([Math.fround(Math.log(0.5)), Math.fround(Math.log(Math.fround(0.01)))]);
});

test("a map that is one region, and one that is none", () => {
  const whole = { left: 0, top: 0, right: 3, bottom: 2, mean: 1 };
  expect(connectedRegions(new Float32Array(12).fill(1), 4, 0.5)).toEqual([whole]);
  expect(connectedRegions(new Float32Array(12), 4, 0)).toEqual([]);
});
