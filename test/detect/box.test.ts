import fc from "fast-check";
import { expect, test } from "vitest";
import {
  anchors,
  type Box,
  clipBox,
  decodeBox,
  drawGaussian,
  encodeBox,
  fromCxcywh,
  fromXywh,
  gaussianRadius,
  iou,
  toCxcywh,
  toXywh,
} from "../../src/detect/index.ts";
import { ArgumentError } from "../../src/errors.ts";

const corner = fc.integer({ min: -50, max: 50 });
const size = fc.integer({ min: 1, max: 60 });
const box: fc.Arbitrary<Box> = fc.tuple(corner, corner, size, size).map(([x, y, w, h]) => [x, y, x + w, y + h]);

test("conversions come back, and clipping stays inside", () => {
  fc.assert(
    fc.property(box, (b) => {
      expect(fromXywh(toXywh(b))).toEqual(b);
      expect(fromCxcywh(toCxcywh(b))).toEqual(b);
      const [x1, y1, x2, y2] = clipBox(b, 30, 20);
      expect([x1, x2].every((v) => v >= 0 && v <= 30) && [y1, y2].every((v) => v >= 0 && v <= 20)).toBe(true);
    }),
  );
});

test("a regression target leads back to its box", () => {
  fc.assert(
    fc.property(box, box, (b, anchor) => {
      const back = decodeBox(encodeBox(b, anchor, [10, 10, 5, 5]), anchor, [10, 10, 5, 5], 20);
      back.forEach((v, i) => expect(v).toBeCloseTo(b[i], 8));
    }),
  );
});

test("boxes without area overlap by NaN, which suppresses nothing", () => {
  expect(iou([1, 1, 1, 1], [1, 1, 1, 1])).toBeNaN();
});

test("a box moved by less than the corrected radius keeps the overlap it promises", () => {
  fc.assert(
    fc.property(fc.integer({ min: 4, max: 60 }), fc.integer({ min: 4, max: 60 }), fc.constantFrom(0.3, 0.5, 0.7), (h, w, overlap) => {
      const r = gaussianRadius(h, w, overlap) * (1 - 1e-9);
      const b: Box = [0, 0, w, h];
      for (const moved of [
        [r, r, w + r, h + r],
        [-r, -r, w + r, h + r],
        [r, r, w - r, h - r],
      ] as Box[]) {
        expect(iou(b, moved)).toBeGreaterThanOrEqual(overlap - 1e-9);
      }
    }),
  );
});

test("a drawn peak is 1 at its centre, keeps what is larger and stays on the map", () => {
  const map = new Float64Array(5 * 4);
  drawGaussian(map, 5, 4, 0, 2);
  expect(map[4]).toBe(1);
  const before = map.slice();
  drawGaussian(map, 5, 0, 3, 1);
  expect(map.every((v, i) => v >= before[i] && v <= 1)).toBe(true);
});

test("anchors need sizes for every level", () => {
  expect(() => anchors({ image: [8, 8], featureMaps: [[2, 2]], sizes: [], aspectRatios: [[1]] })).toThrow(ArgumentError);
});
