import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ArgumentError, DTypeError, ShapeError } from "../../src/errors.ts";
import {
  broadcastShapes,
  full,
  item,
  listen,
  normalizeAxis,
  Rng,
  randn,
  relu,
  stridesOf,
  Tensor,
  tensor,
  uniform,
  viewAs,
  zeros,
} from "../../src/tensor/index.ts";

describe("tensor", () => {
  test("takes its shape from nested values", () => {
    const t = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(t.shape).toEqual([2, 3]);
    expect(t.dtype).toBe("f32");
    expect([...t.data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("refuses ragged rows, sizes that disagree and arrays of another type", () => {
    expect(() => tensor([[1, 2], [3]])).toThrow(ArgumentError);
    expect(() => tensor([1, 2, 3], [2, 2])).toThrow(ShapeError);
    expect(() => new Tensor([2], "f32", new Float64Array(2))).toThrow(DTypeError);
  });

  test("item reads exactly one element", () => {
    expect(item(full([1, 1], 7))).toBe(7);
    expect(() => item(zeros([2]))).toThrow("item: needs exactly 1 element, got 2 (f32[2])");
  });

  test("a fill keeps the sign of zero", () => {
    expect([...full([2], -0).data]).toEqual([-0, -0]);
    expect([...full([2], 0).data]).toEqual([0, 0]);
  });

  test("a view shares storage", () => {
    const t = tensor([1, 2, 3, 4]);
    expect(viewAs(t, [2, 2]).data).toBe(t.data);
  });

  test("prints its type, shape and first values", () => {
    expect(String(tensor([1, 2.5]))).toBe("f32[2] {1, 2.5}");
  });
});

describe("shapes", () => {
  const dims = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 });

  test("broadcasting is symmetric, and a shape broadcasts with itself to itself", () => {
    fc.assert(
      fc.property(dims, (shape) => {
        const thin = shape.map((d, i) => (i % 2 === 0 ? 1 : d));
        expect(broadcastShapes("test", shape, thin)).toEqual(shape);
        expect(broadcastShapes("test", thin, shape)).toEqual(shape);
        expect(broadcastShapes("test", shape, shape)).toEqual(shape);
      }),
    );
  });

  test("strides are row-major and axes count from either end", () => {
    expect(stridesOf([2, 3, 4])).toEqual([12, 4, 1]);
    expect(normalizeAxis("test", -1, 3)).toBe(2);
    expect(() => normalizeAxis("test", 3, 3)).toThrow(ShapeError);
  });
});

describe("Rng", () => {
  test("is reproducible, and streams split by label do not disturb each other", () => {
    const a = new Rng(7);
    const before = a.split("weights").float();
    a.float();
    expect(a.split("weights").float()).toBe(before);
    expect(new Rng(7).split("bias").float()).not.toBe(before);
  });

  test("permutations hold every index once and choices are ascending", () => {
    fc.assert(
      fc.property(fc.nat(30), fc.nat(), (n, seed) => {
        const order = new Rng(seed).permutation(n);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
        const chosen = [...new Rng(seed).choose(n, 5)];
        expect(chosen).toEqual([...new Set(chosen)].sort((a, b) => a - b));
      }),
    );
  });

  test("normal samples have mean 0 and variance 1, uniform ones stay inside", () => {
    const x = Array.from(randn([4000], new Rng(1)).data);
    const mean = x.reduce((a, b) => a + b, 0) / x.length;
    const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length;
    expect(Math.abs(mean)).toBeLessThan(0.06);
    expect(Math.abs(variance - 1)).toBeLessThan(0.08);
    expect(Array.from(uniform([500], new Rng(2), -1, 3).data).every((v) => v >= -1 && v < 3)).toBe(true);
  });
});

describe("listen", () => {
  test("shows every call to all listeners and stops also after an error", () => {
    const outer: string[] = [];
    const inner: string[] = [];
    listen(
      (e) => outer.push(e.def.name),
      () => {
        expect(() =>
          listen(
            (e) => inner.push(e.def.name),
            () => {
              relu(tensor([1]));
              throw new Error("stop");
            },
          ),
        ).toThrow("stop");
        relu(tensor([1]));
      },
    );
    relu(tensor([1]));
    expect([outer, inner]).toEqual([["relu", "relu"], ["relu"]]);
  });
});
