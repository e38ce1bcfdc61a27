import fc from "fast-check";
import { expect, test } from "vitest";
import { type Box, iou } from "../../../src/detect/index.ts";
import { pairedIou } from "../../../src/quant/objective/pairedIou.ts";
import { mul, type Tensor, tensor } from "../../../src/tensor/index.ts";

const edge = fc.double({ min: -2, max: 2, noNaN: true });
/** Any four numbers, also inside out and without area. */
const boxes = fc.oneof(
  fc.tuple(edge, edge, edge, edge),
  fc.tuple(edge, edge).map(([x, y]): Box => [x, y, x, y + 1]),
);
const pairs = fc.array(fc.tuple(boxes, boxes), { minLength: 1, maxLength: 6 });

const columns = (list: readonly Box[], dtype: "f32" | "f64" = "f64"): Tensor =>
  tensor(
    [0, 1, 2, 3].flatMap((k) => list.map((b) => b[k])),
    [1, 4, list.length],
    dtype,
  );

test("is symmetric, in [0, 1], 1 of a box with itself and 0 of one without area, and does not depend on the unit", () => {
  fc.assert(
    fc.property(pairs, fc.constantFrom("f32" as const, "f64" as const), (list, dtype) => {
      const [a, b] = [0, 1].map((k) =>
        columns(
          list.map((pair) => pair[k]),
          dtype,
        ),
      );
      const found = pairedIou(a, b);
      expect(found.shape).toEqual([1, 1, list.length]);
      expect(pairedIou(b, a).data).toEqual(found.data);
      expect(pairedIou(mul(a, 0.25), mul(b, 0.25)).data.every((v, i) => Math.abs(v - found.data[i]) < 1e-6)).toBe(true);
      const itself = pairedIou(a, a);
      list.forEach(([one, other], i) => {
        const hasArea = ([x1, y1, x2, y2]: Box): boolean => x2 > x1 && y2 > y1;
        expect(found.data[i] >= 0 && found.data[i] <= 1).toBe(true);
        if (!hasArea(one) || !hasArea(other)) expect(found.data[i]).toBe(0);
        else if (dtype === "f64") expect(found.data[i]).toBeCloseTo(iou(one, other), 9);
        if (dtype === "f64" && (one[2] - one[0]) * (one[3] - one[1]) > 1e-9 && hasArea(one)) expect(itself.data[i]).toBe(1);
      });
    }),
  );
});
