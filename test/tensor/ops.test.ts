import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grad } from "../../src/autograd/index.ts";
import { ArgumentError, DTypeError, ShapeError } from "../../src/errors.ts";
import {
  add,
  amax,
  batchNorm,
  clamp,
  concat,
  fakeQuant,
  flatten,
  gather,
  greater,
  logSigmoid,
  matmul,
  pad,
  permute,
  pow,
  prod,
  Rng,
  randn,
  reshape,
  roundSte,
  scalar,
  scatterAdd,
  slice,
  split,
  squeeze,
  sum,
  type Tensor,
  tensor,
  topk,
  where,
} from "../../src/tensor/index.ts";

const values = (t: Tensor): number[] => [...t.data];

describe("operands", () => {
  test("a number takes the other operand's type", () => {
    expect(add(1, tensor([1, 2], undefined, "f64")).dtype).toBe("f64");
    expect(values(where(greater(tensor([1, -1]), 0), 5, tensor([7, 7])))).toEqual([5, 7]);
  });

  test("mixed types are refused by name", () => {
    expect(() => add(tensor([1]), tensor([1], undefined, "f64"))).toThrow(DTypeError);
    expect(() => add(tensor([1]), tensor([1], undefined, "f64"))).toThrow("add: a and b must share a dtype, got f32[1] and f64[1]");
    expect(() => add(tensor([1, 2]), tensor([1, 2, 3]))).toThrow("add: shapes must broadcast, got [2] and [3] (axis 0: 2 against 3)");
  });
});

describe("unary and binary", () => {
  test("a power of 1 is 1, and so is -1 to an infinite power", () => {
    const exponents = tensor([Number.NaN, Infinity, -Infinity]);
    expect(values(pow(1, exponents))).toEqual([1, 1, 1]);
    expect(values(pow(-1, exponents))).toEqual([Number.NaN, 1, 1]);
    expect(values(pow(tensor([Number.NaN, 0, -2]), tensor([0, -1, 3])))).toEqual([1, Infinity, -8]);
  });

  test("the gradient of logSigmoid is accurate where it is small", () => {
    const x = Array.from({ length: 161 }, (_, i) => i / 2 - 40);
    const [g] = grad((x) => sum(logSigmoid(x)), [tensor(x)]);
    x.forEach((v, i) => {
      const want = 1 / (1 + Math.exp(v));
      expect(Math.abs(g.data[i] - want) / want).toBeLessThan(1e-6);
    });
    expect(values(grad((x) => sum(logSigmoid(x)), [tensor([-Infinity, 1e6])])[0])).toEqual([1, 0]);
  });
});

describe("shapes", () => {
  test("reshape fills in one -1 and refuses what does not fit", () => {
    const x = tensor([1, 2, 3, 4, 5, 6]);
    expect(reshape(x, { shape: [2, -1] }).shape).toEqual([2, 3]);
    expect(() => reshape(x, { shape: [4, -1] })).toThrow(ShapeError);
    expect(() => reshape(x, { shape: [-1, -1] })).toThrow(ShapeError);
    expect(flatten(reshape(x, { shape: [1, 2, 3] }), { start: 1 }).shape).toEqual([1, 6]);
    expect(squeeze(reshape(x, { shape: [1, 6, 1] })).shape).toEqual([6]);
  });

  test("concat undoes split", () => {
    const x = randn([2, 5, 3], new Rng(1));
    expect(values(concat(split(x, { sizes: [2, 0, 3], dim: 1 }), { dim: 1 }))).toEqual(values(x));
    expect(() => concat([], { dim: 0 })).toThrow(ArgumentError);
  });

  test("slice follows Python", () => {
    const list = [0, 1, 2, 3, 4, 5, 6];
    const bound = fc.option(fc.integer({ min: -9, max: 9 }), { nil: undefined });
    fc.assert(
      fc.property(bound, bound, fc.integer({ min: 1, max: 3 }), (start, end, step) => {
        const expected = list.slice(start ?? 0, end ?? list.length).filter((_, i) => i % step === 0);
        expect(values(slice(tensor(list), { dim: 0, start, end, step }))).toEqual(expected);
      }),
    );
  });

  test("slice takes infinite bounds and refuses those that are no integers", () => {
    const x = tensor([1, 2, 3]);
    expect(values(slice(x, { dim: 0, start: -Infinity, end: Infinity }))).toEqual([1, 2, 3]);
    for (const bad of [0.5, Number.NaN]) {
      expect(() => slice(x, { dim: 0, start: bad })).toThrow(`slice: start must be an integer or infinite, got ${bad}`);
      expect(() => slice(x, { dim: 0, end: bad })).toThrow(`slice: end must be an integer or infinite, got ${bad}`);
    }
    const outside = { dim: 0, start: 1, end: 4, step: 1 };
    expect(() => slice.def.infer([x], outside)).toThrow("slice: bounds must lie in [0, 3], got 1 and 4 (axis 0 of x [3])");
  });

  test("permute composed with its inverse is the identity", () => {
    const x = randn([2, 3, 4], new Rng(2));
    const back = permute(permute(x, { perm: [2, 0, 1] }), { perm: [1, 2, 0] });
    expect(back.shape).toEqual(x.shape);
    expect(values(back)).toEqual(values(x));
  });

  test("pad repeats, reflects, wraps and crops", () => {
    const x = tensor([1, 2, 3]);
    expect(values(pad(x, { pads: [2, 1], mode: "reflect" }))).toEqual([3, 2, 1, 2, 3, 2]);
    expect(values(pad(x, { pads: [2, 1], mode: "replicate" }))).toEqual([1, 1, 1, 2, 3, 3]);
    expect(values(pad(x, { pads: [1, 1], mode: "circular" }))).toEqual([3, 1, 2, 3, 1]);
    expect(values(pad(x, { pads: [-1, 1], value: 9 }))).toEqual([2, 3, 9]);
    expect(values(pad(x, { pads: [1, 0], value: -0 }))).toEqual([-0, 1, 2, 3]);
    expect(() => pad(x, { pads: [3, 0], mode: "reflect" })).toThrow(ShapeError);
  });

  test("gather and scatterAdd are adjoint and refuse indices outside", () => {
    const index = tensor([2, 0, 2], undefined, "i32");
    expect(values(gather(tensor([5, 6, 7]), index, { dim: 0 }))).toEqual([7, 5, 7]);
    expect(values(scatterAdd(tensor([0, 0, 0]), index, tensor([1, 2, 4]), { dim: 0 }))).toEqual([2, 0, 5]);
    expect(() => gather(tensor([5, 6]), index, { dim: 0 })).toThrow("gather: every index must be in [0, 2), got 2 (element 0)");
  });
});

describe("reductions", () => {
  test("sum accumulates in double", () => {
    const x = tensor([1e8, 1, -1e8, 1], undefined, "f32");
    expect(values(sum(x))).toEqual([2]);
  });

  test("amax of nothing is refused, prod of nothing is 1", () => {
    expect(() => amax(tensor([], [0]))).toThrow(ShapeError);
    expect(values(prod(tensor([], [0]), { dim: 0 }))).toEqual([1]);
  });

  test("the gradient of a product with a zero factor is the product of the others", () => {
    expect(values(grad((x) => prod(x, { dim: 0 }), [tensor([2, 0, 3], undefined, "f64")])[0])).toEqual([0, 6, 0]);
  });

  test("topk keeps ascending index among equals and puts NaN first", () => {
    const [v, i] = topk(tensor([1, 3, 3, 2]), { k: 3 });
    expect([values(v), values(i)]).toEqual([
      [3, 3, 2],
      [1, 2, 3],
    ]);
    expect(values(topk(tensor([1, Number.NaN, 5]), { k: 2 })[1])).toEqual([1, 2]);
  });
});

describe("batchNorm", () => {
  test("refuses an input without channels", () => {
    const p = tensor([1]);
    expect(() => batchNorm(p, p, p, p, p)).toThrow("batchNorm: x must have rank >= 2, got f32[1]");
  });
});

describe("matmul", () => {
  test("takes vectors as rows and columns", () => {
    const m = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(values(matmul(tensor([1, 1]), m))).toEqual([4, 6]);
    expect(values(matmul(m, tensor([1, 1])))).toEqual([3, 7]);
    expect(matmul(tensor([1, 2]), tensor([3, 4])).shape).toEqual([]);
  });
});

describe("straight-through operations", () => {
  const scale = tensor([0.5], undefined, "f64");
  const zero = tensor([0], undefined, "f64");
  const quantized = (x: number) => {
    const f = (x: Tensor, s: Tensor, z: Tensor) => sum(fakeQuant(x, s, z, { qmin: -8, qmax: 7 }));
    const inputs = [tensor([x], undefined, "f64"), scale, zero];
    const [dx, ds, dz] = grad(f, inputs).map((g) => g.data[0]);
    return { y: f(inputs[0], scale, zero).data[0], dx, ds, dz };
  };

  test.for([
    [0.6, 0.5, 1, -0.2, 0],
    [0.9, 1, 1, 0.2, 0],
    [5, 3.5, 0, 7, -0.5],
    [-5, -4, 0, -8, -0.5],
  ])("fakeQuant of %d", ([x, y, dx, ds, dz]) => {
    const got = quantized(x);
    expect([got.y, got.dx, got.dz]).toEqual([y, dx, dz]);
    expect(got.ds).toBeCloseTo(ds, 12);
  });

  test("fakeQuant rounds the quotient to float32 before it rounds to a code", () => {
    const tie = (dtype: "f32" | "f64") =>
      values(
        fakeQuant(tensor([0.3], undefined, dtype), tensor([0.2], undefined, dtype), tensor([0], undefined, dtype), { qmin: 0, qmax: 7 }),
      )[0];
    expect(Math.fround(Math.fround(0.3) / Math.fround(0.2))).toBe(1.5);
    expect(tie("f32")).toBe(Math.fround(2 * Math.fround(0.2)));
    expect(tie("f64")).toBe(0.2);
  });

  test("zero stays +0 and per-channel parameters follow their axis", () => {
    expect(Object.is(quantized(-0.1).y, 0)).toBe(true);
    const x = tensor([
      [1, 1],
      [1, 1],
    ]);
    const y = fakeQuant(x, tensor([1, 0.4]), tensor([0, 0]), { qmin: -8, qmax: 7, axis: -1 });
    expect(values(y)).toEqual([1, Math.fround(2 * Math.fround(0.4)), 1, Math.fround(2 * Math.fround(0.4))]);
    expect(() => fakeQuant(x, tensor([1]), tensor([0]), { qmin: 3, qmax: 3 })).toThrow(ArgumentError);
  });

  test("roundSte rounds half to even and passes the gradient", () => {
    expect(values(roundSte(tensor([0.5, 1.5, 2.5, -0.5])))).toEqual([0, 2, 2, 0]);
    expect(values(grad((x) => sum(roundSte(x)), [tensor([0.4, 1.2])])[0])).toEqual([1, 1]);
  });

  test("fakeQuant of a scalar keeps its shape in gradients as well", () => {
    const gradients = grad((x, s, z) => sum(fakeQuant(x, s, z, { qmin: -8, qmax: 7 })), [scalar(0.6), tensor([0.5]), tensor([0])]);
    expect(gradients.map((g) => g.shape)).toEqual([[], [1], [1]]);
    expect(values(gradients[0])).toEqual([1]);
  });

  test("clamp passes the gradient at both ends", () => {
    const x = tensor([-2, -1, 0, 1, 2]);
    expect(values(grad((x) => sum(clamp(x, { min: -1, max: 1 })), [x])[0])).toEqual([0, 1, 1, 1, 0]);
  });
});
