import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grad } from "../../src/autograd/index.ts";
import { ArgumentError, DTypeError, ShapeError } from "../../src/errors.ts";
import {
  add,
  amax,
  avgPool2d,
  clamp,
  concat,
  conv2d,
  convTranspose2d,
  fakeQuant,
  flatten,
  gather,
  greater,
  interpolate,
  matmul,
  maxPool2d,
  maxPool2dIndices,
  mul,
  pad,
  permute,
  prod,
  Rng,
  randn,
  reshape,
  roundSte,
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
const image = (rows: readonly (readonly number[])[]): Tensor => tensor([[rows]]);

describe("operands", () => {
  test("a number takes the other operand's type", () => {
    expect(add(1, tensor([1, 2], undefined, "f64")).dtype).toBe("f64");
    expect(values(where(greater(tensor([1, -1]), 0), 5, tensor([7, 7])))).toEqual([5, 7]);
  });

  test("mixed types are refused by name", () => {
    expect(() => add(tensor([1]), tensor([1], undefined, "f64"))).toThrow(DTypeError);
    expect(() => add(tensor([1, 2]), tensor([1, 2, 3]))).toThrow("add: shapes must broadcast, got [2] and [3] (axis 0: 2 against 3)");
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

describe("windows", () => {
  const x = image([
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
  ]);

  test("a convolution with a centred one is the identity", () => {
    const delta = image([
      [0, 0, 0],
      [0, 1, 0],
      [0, 0, 0],
    ]);
    expect(values(conv2d(x, delta, { padding: 1 }))).toEqual(values(x));
  });

  test("padding takes one, two or four numbers", () => {
    const one = image([[1]]);
    expect(conv2d(x, one, { padding: [1, 0] }).shape).toEqual([1, 1, 5, 3]);
    expect(conv2d(x, one, { padding: [1, 0, 0, 2] }).shape).toEqual([1, 1, 4, 5]);
    expect(() => conv2d(x, one, { padding: [1, 0, 0] })).toThrow(ArgumentError);
    expect(() => conv2d(x, one, { stride: 0 })).toThrow(ArgumentError);
    expect(() => conv2d(x, image([[1, 1, 1, 1]]))).toThrow(ShapeError);
  });

  test("<conv(x, w), y> = <x, convTranspose(y, w)>", () => {
    const rng = new Rng(3);
    const [a, w] = [randn([1, 4, 7, 6], rng, 1, "f64"), randn([6, 2, 3, 2], rng, 1, "f64")];
    const options = { stride: [2, 1], padding: [1, 0, 0, 1], groups: 2 };
    const y = conv2d(a, w, options);
    const g = randn(y.shape, rng, 1, "f64");
    const left = sum(mul(y, g)).data[0];
    const outputPadding = [7 - convTranspose2d(g, w, options).shape[2], 0];
    const right = sum(mul(a, convTranspose2d(g, w, { ...options, outputPadding }))).data[0];
    expect(left).toBeCloseTo(right, 10);
  });

  test("max pooling pads with -Infinity and names the first maximum", () => {
    expect(values(maxPool2d(mul(x, -1), { kernel: 2, padding: 1 }))).toEqual([-1, -2, -4, -5]);
    expect(values(maxPool2dIndices(mul(x, 0), { kernel: 2, stride: 1 }))).toEqual([0, 1, 3, 4]);
  });

  test("ceil mode adds a last, partial window", () => {
    expect(values(maxPool2d(x, { kernel: 2, ceilMode: true }))).toEqual([5, 6, 8, 9]);
    expect(values(avgPool2d(x, { kernel: 2, ceilMode: true }))).toEqual([3, 4.5, 7.5, 9]);
    expect(values(avgPool2d(x, { kernel: 2, padding: 1, countIncludePad: false }))).toEqual([1, 2.5, 5.5, 7]);
  });

  test("interpolate offers ONNX's coordinate and rounding rules", () => {
    const row = image([[0, 1, 2, 3]]);
    expect(values(interpolate(row, { size: [1, 2], coordinate: "half_pixel", rounding: "round_prefer_floor" }))).toEqual([0, 2]);
    expect(values(interpolate(row, { size: [1, 2], coordinate: "half_pixel", rounding: "round_prefer_ceil" }))).toEqual([1, 3]);
    expect(values(interpolate(row, { size: [1, 2], mode: "bilinear" }))).toEqual([0.5, 2.5]);
    expect(values(interpolate(row, { size: [1, 2], mode: "bilinear", alignCorners: true }))).toEqual([0, 3]);
    expect(values(interpolate(row, { scales: 2 }))).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 0, 0, 1, 1, 2, 2, 3, 3]);
    expect(() => interpolate(row, {})).toThrow(ArgumentError);
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

  test("clamp passes the gradient at both ends", () => {
    const x = tensor([-2, -1, 0, 1, 2]);
    expect(values(grad((x) => sum(clamp(x, { min: -1, max: 1 })), [x])[0])).toEqual([0, 1, 1, 1, 0]);
  });
});
