import { describe, expect, test } from "vitest";
import { grad } from "../../src/autograd/index.ts";
import { ArgumentError, ShapeError } from "../../src/errors.ts";
import {
  avgPool2d,
  conv2d,
  convTranspose2d,
  interpolate,
  maxPool2d,
  maxPool2dIndices,
  mul,
  Rng,
  randn,
  sum,
  type Tensor,
  tensor,
} from "../../src/tensor/index.ts";

const values = (t: Tensor): number[] => [...t.data];
const image = (rows: readonly (readonly number[])[]): Tensor => tensor([[rows]]);

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

  test("a transposed convolution names what does not fit", () => {
    const weight = tensor([[[[1, 1]]]]);
    const op = "convTranspose2d";
    expect(() => convTranspose2d(x, image([[1]]), { bias: tensor([0], [1], "f64") })).toThrow(
      `${op}: x and bias must share a dtype, got f32[1,1,3,3] and f64[1]`,
    );
    expect(() => convTranspose2d(x, randn([2, 1, 1, 1], new Rng(1)))).toThrow(/weight must be .* with Ci = 1, got \[2,1,1,1\]/);
    expect(() => convTranspose2d(x, weight, { outputPadding: 1 })).toThrow("outputPadding must lie below stride [1,1], got [1,1]");
    expect(() => convTranspose2d(x, weight, { padding: 2 })).toThrow("the output must have at least one row and column, got [-1,0]");
  });

  test("max pooling takes 0 for larger than -0, in whatever order", () => {
    const zeros = tensor([-0, 0, 0, -0, -0, -0, -1, -0], [1, 1, 1, 8]);
    expect(values(maxPool2d(zeros, { kernel: [1, 2] }))).toEqual([0, 0, -0, -0]);
    expect(values(maxPool2dIndices(zeros, { kernel: [1, 2] }))).toEqual([0, 2, 4, 7]);
  });

  test("windows of padding only have a value and no gradient", () => {
    const options = { kernel: 1, padding: 1, stride: 1 };
    expect(values(maxPool2d(image([[5]]), options))).toEqual([-1, -1, -1, -1, 5, -1, -1, -1, -1].map((v) => (v < 0 ? -Infinity : v)));
    expect(values(grad((x) => sum(maxPool2d(x, options)), [image([[5]])])[0])).toEqual([1]);
    expect(values(avgPool2d(image([[5]]), { ...options, countIncludePad: false }))).toEqual([0, 0, 0, 0, 5, 0, 0, 0, 0]);
    expect(values(grad((x) => sum(avgPool2d(x, { ...options, countIncludePad: false })), [image([[5]])])[0])).toEqual([1]);
    const far = { kernel: [1, 1], padding: [0, 0, 3, 3], countIncludePad: false };
    expect(values(avgPool2d(image([[5]]), far))).toEqual([0, 0, 0, 5, 0, 0, 0]);
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
