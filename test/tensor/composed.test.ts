import { describe, expect, test } from "vitest";
import { grad } from "../../src/autograd/index.ts";
import {
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  atan,
  avgPool2d,
  chunk,
  conv1d,
  detach,
  diagonal,
  embedding,
  flip,
  gridSample,
  groupNorm,
  indexNd,
  instanceNorm,
  layerNorm,
  maskedSelect,
  mul,
  oneHot,
  prelu,
  Rng,
  randn,
  repeat,
  rmsNorm,
  roll,
  scatter,
  sort,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../../src/tensor/index.ts";

const values = (x: Tensor): number[] => Array.from(x.data);
const indices = (...list: number[]): Tensor => tensor(list, undefined, "i32");
const random = (shape: readonly number[]): Tensor => randn(shape, new Rng(3));

describe("rearrangements", () => {
  test("flip, roll and repeat move whole lines", () => {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(values(flip(x, { dims: [0, -1] }))).toEqual([6, 5, 4, 3, 2, 1]);
    expect(values(roll(x, { shift: 1, dim: 1 }))).toEqual([3, 1, 2, 6, 4, 5]);
    expect(values(roll(x, { shift: -4, dim: 1 }))).toEqual([2, 3, 1, 5, 6, 4]);
    expect(roll(x, { shift: 6, dim: 1 })).toBe(x);
    expect(values(repeat(x, { repeats: [1, 2] }))).toEqual([1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]);
    expect(repeat(x, { repeats: [2, 0, 2] }).shape).toEqual([2, 0, 6]);
  });

  test("chunk gives at most as many pieces as asked for", () => {
    expect(chunk(tensor([1, 2, 3, 4, 5]), { chunks: 4, dim: 0 }).map(values)).toEqual([[1, 2], [3, 4], [5]]);
    expect(chunk(zeros([0, 2]), { chunks: 3, dim: 0 }).map((x) => x.shape)).toEqual([[0, 2]]);
  });

  test("diagonal takes any two axes and any offset", () => {
    const x = random([2, 3, 4]);
    expect(diagonal(x, { offset: -1, dim1: 1, dim2: 2 }).shape).toEqual([2, 2]);
    expect(values(diagonal(x, { offset: -1, dim1: 1, dim2: 2 }))).toEqual([4, 9, 16, 21].map((i) => x.data[i]));
    expect(diagonal(x, { offset: 9 }).shape).toEqual([4, 0]);
  });

  test("refusals name what must hold", () => {
    const x = zeros([2, 3]);
    expect(() => repeat(x, { repeats: [2] })).toThrow("repeat: repeats must hold at least 2 integers >= 0, got [2]");
    expect(() => roll(x, { shift: 0.5, dim: 0 })).toThrow("roll: shift must be an integer, got 0.5");
    expect(() => diagonal(x, { dim1: 1 })).toThrow("diagonal: dim1 and dim2 must be two axes, got 1 twice ([2,3])");
    expect(() => diagonal(x, { offset: 0.5 })).toThrow("diagonal: offset must be an integer, got 0.5");
    expect(() => chunk(x, { chunks: 0, dim: 0 })).toThrow("chunk: chunks must be an integer >= 1, got 0");
  });
});

describe("selection", () => {
  test("a one-hot row of a class that does not exist is zero", () => {
    expect(values(oneHot(indices(1, 3, -1), { classes: 3 }))).toEqual([0, 1, 0, 0, 0, 0, 0, 0, 0]);
    expect(oneHot(indices(1), { classes: 3, dtype: "u8" }).dtype).toBe("u8");
    expect(() => oneHot(indices(1), { classes: -1 })).toThrow("oneHot: classes must be an integer >= 0, got -1");
  });

  test("indexNd reads positions of neighbouring axes, each within its own axis", () => {
    const x = random([2, 3, 4]);
    expect(values(indexNd(x, [indices(2, 0), indices(1, 3)], { dims: [1, 2] }))).toEqual([9, 3, 21, 15].map((i) => x.data[i]));
    expect(() => indexNd(x, [indices(0), indices(4)], { dims: [1, 2] })).toThrow(
      "ravelIndex: every index of axis 1 must be in [0, 4), got 4 (element 0)",
    );
    expect(() => indexNd(x, [indices(0), indices(0)], { dims: [0, 2] })).toThrow("indexNd: dims must be neighbouring axes");
  });

  test("embedding, masks and sort", () => {
    const weight = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(embedding(tensor([[1], [0]], undefined, "i32"), weight).shape).toEqual([2, 1, 2]);
    expect(() => embedding(indices(0), zeros([2]))).toThrow("embedding: weight must have rank 2, got [2]");
    expect(
      values(
        maskedSelect(
          weight,
          tensor(
            [
              [1, 0],
              [0, 1],
            ],
            undefined,
            "u8",
          ),
        ),
      ),
    ).toEqual([1, 4]);
    expect(() => maskedSelect(weight, zeros([2], "u8"))).toThrow("maskedSelect: mask must have the shape of x [2,2], got [2]");
    expect(() => maskedSelect(weight, weight)).toThrow("maskedSelect: mask must be u8, got f32[2,2]");
    expect(sort(tensor([2, 1, 2, 0])).map(values)).toEqual([
      [0, 1, 2, 2],
      [3, 1, 0, 2],
    ]);
  });

  test("scatter writes an element once", () => {
    expect(values(scatter(zeros([3]), indices(2, 0), tensor([5, 6]), { dim: 0 }))).toEqual([6, 0, 5]);
    expect(() => scatter(zeros([3]), indices(2, 2), tensor([5, 6]), { dim: 0 })).toThrow(
      "scatter: every element must be written at most once, got index 2 again (element 1)",
    );
  });
});

describe("norms", () => {
  const x = random([2, 4, 3]);

  test("an instance norm is a group norm of single channels, a layer norm one of a single group", () => {
    expect(values(instanceNorm(x))).toEqual(values(groupNorm(x, { groups: 4 })));
    const layer = layerNorm(x, { normalizedShape: [4, 3] });
    values(groupNorm(x, { groups: 1 })).forEach((v, i) => {
      expect(Math.abs(v - layer.data[i])).toBeLessThan(1e-6);
    });
  });

  test("rmsNorm divides by the root mean square", () => {
    const y = rmsNorm(tensor([[3, 4, 0, 0]]), { normalizedShape: [4], weight: tensor([1, 2, 1, 1]) });
    expect(y.data[0]).toBeCloseTo(1.2, 6);
    expect(y.data[1]).toBeCloseTo(3.2, 6);
  });

  test("refusals name what must hold", () => {
    expect(() => layerNorm(x, { normalizedShape: [4] })).toThrow("layerNorm: x must end in the normalized shape [4], got [2,4,3]");
    expect(() => layerNorm(x, { normalizedShape: [3], weight: zeros([1]) })).toThrow("weight and bias must have shape [3], got [1]");
    expect(() => rmsNorm(x, { normalizedShape: [] })).toThrow("rmsNorm: x must end in the normalized shape [], got [2,4,3]");
    expect(() => groupNorm(x, { groups: 3 })).toThrow("groupNorm: x must be [N,C,...] with groups dividing C, got f32[2,4,3] and groups 3");
    expect(() => instanceNorm(x, { bias: zeros([3]) })).toThrow("instanceNorm: weight and bias must have shape [4], got [3]");
    expect(instanceNorm(zeros([0, 2, 3])).shape).toEqual([0, 2, 3]);
  });
});

describe("windows", () => {
  test("adaptive pools of a divisor are plain pools", () => {
    const x = random([1, 2, 6, 4]);
    expect(values(adaptiveAvgPool2d(x, { output: [3, 2] }))).toEqual(values(avgPool2d(x, { kernel: 2 })));
    expect(adaptiveMaxPool2d(x, { output: 5 }).shape).toEqual([1, 2, 5, 5]);
    expect(() => adaptiveAvgPool2d(zeros([1, 1, 0, 2]), { output: 1 })).toThrow("adaptiveAvgPool2d: x must have at least one pixel");
  });

  test("a divisor of one's own divides sums, also of windows that ceil mode cuts short", () => {
    const x = tensor([[[[1, 2, 4]]]]);
    expect(values(avgPool2d(x, { kernel: [1, 2], ceilMode: true, divisorOverride: 4 }))).toEqual([0.75, 1]);
    expect(() => avgPool2d(x, { kernel: 1, divisorOverride: 0 })).toThrow(
      "avgPool2d: divisorOverride must be a number other than 0, got 0",
    );
  });

  test("conv1d pads before and after, and refuses lists", () => {
    const [x, w] = [tensor([[[1, 2, 3]]]), tensor([[[1, 10]]])];
    expect(values(conv1d(x, w, { padding: [1, 0], bias: tensor([100]) }))).toEqual([110, 121, 132]);
    expect(() => conv1d(x, w, { stride: [1, 1] })).toThrow("conv1d: stride must be one integer, got [1,1]");
    expect(() => conv1d(x, w, { padding: [1, 1, 1] })).toThrow("conv1d: padding must be one or two integers, got [1,1,1]");
  });

  test("gridSample at pixel centres copies pixels", () => {
    const x = tensor([
      [
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ]);
    const corners = tensor([
      [
        [
          [-1, -1],
          [1, -1],
          [-1, 1],
          [1, 1],
        ],
      ],
    ]);
    expect(values(gridSample(x, corners, { alignCorners: true }))).toEqual([1, 2, 3, 4]);
    expect(values(gridSample(x, corners))).toEqual([0.25, 0.5, 0.75, 1]);
    expect(values(gridSample(x, corners, { paddingMode: "border" }))).toEqual([1, 2, 3, 4]);
    const outside = tensor([
      [
        [
          [-2.5, 0.5],
          [3.5, -0.5],
        ],
      ],
    ]);
    expect(values(gridSample(x, outside, { paddingMode: "reflection" }))).toEqual([4, 1]);
    expect(values(gridSample(zeros([1, 1, 1, 1]), zeros([1, 1, 1, 2]), { paddingMode: "reflection", alignCorners: true }))).toEqual([0]);
  });
});

describe("activations and constants", () => {
  test("prelu takes one slope, one per channel, or any that broadcasts", () => {
    const x = tensor([
      [-1, -1],
      [-1, 2],
    ]);
    expect(values(prelu(x, tensor([0.5])))).toEqual([-0.5, -0.5, -0.5, 2]);
    expect(values(prelu(x, tensor([0.5, 0.25])))).toEqual([-0.5, -0.25, -0.5, 2]);
    expect(values(prelu(x, tensor([[0.5], [0.25]])))).toEqual([-0.5, -0.5, -0.25, 2]);
  });

  test("no gradient flows through detach", () => {
    const x = tensor([1, 2, 3]);
    expect(grad((t) => sum(mul(t, detach(t))), [x]).map(values)).toEqual([[1, 2, 3]]);
  });

  test("atan is odd and ends at a right angle", () => {
    expect(values(atan(tensor([0, Infinity, -Infinity], undefined, "f64")))).toEqual([0, Math.PI / 2, -Math.PI / 2]);
  });
});
