import { describe, expect, test } from "vitest";
import type { Heads } from "../../../src/detect/index.ts";
import { parseCard } from "../../../src/detect/index.ts";
import { ShapeError } from "../../../src/errors.ts";
import { Tensor, zeros } from "../../../src/tensor/index.ts";
import { CARD_JSON, cardOf } from "../sampleCards.ts";
import { decode, expectBox, fixed } from "./scene.ts";

const tensorOf = (shape: readonly number[], entries: Readonly<Record<number, number>>): Tensor => {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (const [at, v] of Object.entries(entries)) data[Number(at)] = v;
  return new Tensor(shape, "f32", data);
};

describe("yunet", () => {
  const card = cardOf("yunet");
  /** 64 x 32 pixels: 8 x 4, 4 x 2 and 2 x 1 cells; two classes. */
  const empty = (): Record<string, Tensor> =>
    Object.fromEntries(
      [8, 16, 32].flatMap((s, level) => {
        const cells = [32, 8, 2][level];
        return [
          [`cls_${s}`, zeros([1, cells, 2])],
          [`obj_${s}`, zeros([1, cells, 1])],
          [`box_${s}`, zeros([1, cells, 4])],
        ];
      }),
    );

  test("decodes a cell of two levels; the score is the geometric mean", () => {
    const heads: Heads = {
      ...empty(),
      // row 1, column 2 at stride 8
      cls_8: tensorOf([1, 32, 2], { [10 * 2 + 1]: 0.81 }),
      obj_8: tensorOf([1, 32, 1], { 10: 0.64 }),
      box_8: tensorOf([1, 32, 4], { [10 * 4]: 0.5, [10 * 4 + 1]: 0.25, [10 * 4 + 2]: Math.log(2), [10 * 4 + 3]: Math.log(3) }),
      // row 0, column 1 at stride 32
      cls_32: tensorOf([1, 2, 2], { [1 * 2]: 0.25 }),
      obj_32: tensorOf([1, 2, 1], { 1: 1 }),
    };
    const found = decode(heads, card);
    expect(found).toHaveLength(2);
    expectBox(found[0], [20 - 8, 10 - 12, 20 + 8, 10 + 12], 0.72, 1);
    expectBox(found[1], [32 - 16, 0 - 16, 32 + 16, 0 + 16], 0.5, 0);
    const logs = fixed({}, card).logScores(heads);
    expect(logs.shape).toEqual([1, 2, 42]);
    expect(logs.data[42 + 10]).toBeCloseTo(Math.log(0.72), 5);
    expect(logs.data[41]).toBeCloseTo(Math.log(0.5), 5);
    expect(logs.data.every((v: number) => Number.isFinite(v) && v <= 0)).toBe(true);
  });

  test("refuses outputs of another number of cells", () => {
    expect(() => decode({ ...empty(), obj_16: zeros([1, 9, 1]) }, card)).toThrow(
      /output "obj_16" must have shape \[\?,8,1\] for this card, got \[1,9,1\]/,
    );
  });
});

describe("ultraface", () => {
  const card = cardOf("ultraface");
  // 4 x 2 cells of 16 pixels with sides 10 and 20, then 2 x 1 cells of 32 pixels with side 40 (cut to 32 high): 18 anchors.
  const heads = (): Heads => ({
    // The second size of row 1, column 2 is anchor 2 * 6 + 1.
    scores: tensorOf([1, 18, 3], { [13 * 3 + 2]: 0.9, [13 * 3]: 0.1, [17 * 3 + 1]: 0.4, [17 * 3]: 0.6 }),
    boxes: tensorOf([1, 18, 4], { [13 * 4]: 1, [13 * 4 + 1]: -2, [13 * 4 + 2]: 5 * Math.log(2), [13 * 4 + 3]: 0 }),
  });

  test("decodes anchors of two levels; the background is no class", () => {
    const found = decode(heads(), card);
    expect(found).toHaveLength(2);
    const [cx, cy] = [2.5 * 16 + 0.1 * 20, 1.5 * 16 - 0.2 * 20];
    expectBox(found[0], [cx - 20, cy - 10, cx + 20, cy + 10], 0.9, 1);
    expectBox(found[1], [48 - 20, 16 - 16, 48 + 20, 16 + 16], 0.4, 0);
    const logs = fixed({}, card).logScores(heads());
    expect(logs.shape).toEqual([1, 2, 18]);
    expect(logs.data[18 + 13]).toBeCloseTo(Math.log(0.9), 5);
    expect(logs.data[17]).toBeCloseTo(Math.log(0.4), 5);
  });

  test("refuses another number of anchors, and sizes that do not fit the strides", () => {
    expect(() => decode({ ...heads(), scores: zeros([1, 17, 3]) }, card)).toThrow(ShapeError);
    expect(() => decode({ ...heads(), scores: zeros([1, 17, 3]) }, card)).toThrow(/"scores" must have one row an anchor = 18, got 17/);
    expect(() => parseCard({ ...CARD_JSON.ultraface, sizes: [[10]] })).toThrow(
      /^card: sizes is not valid, got \[\[10\]\] \(must have one list a stride\)$/,
    );
  });
});
