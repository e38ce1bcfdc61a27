import { describe, expect, it } from "vitest";
import { foldBatchNorm } from "../../src/nn/index.ts";
import { add, batchNorm, conv2d, ones, Rng, randn, zeros } from "../../src/tensor/index.ts";

const rng = new Rng(2);
const part = () => randn([3], rng, 1, "f64");
const weight = randn([3, 2, 3, 3], rng, 1, "f64");
const bias = part();
const statistics = { weight: part(), bias: part(), mean: part(), variance: add(ones([3], "f64"), 0.5), epsilon: 1e-5 };

describe("foldBatchNorm", () => {
  it("gives the convolution that computes both", () => {
    const x = randn([2, 2, 6, 6], rng, 1, "f64");
    const folded = foldBatchNorm(weight, bias, statistics);
    const { weight: scale, bias: shift, mean, variance, epsilon } = statistics;
    const both = batchNorm(conv2d(x, weight, { bias }), scale, shift, mean, variance, { eps: epsilon });
    conv2d(x, folded.weight, { bias: folded.bias }).data.forEach((v, i) => expect(v).toBeCloseTo(both.data[i], 10));
  });

  it("refuses statistics and a bias of other channels", () => {
    expect(() => foldBatchNorm(weight, bias, { ...statistics, mean: zeros([2], "f64") })).toThrow(
      "foldBatchNorm: statistics.mean must hold one number per output channel = 3, got 2 (weight [3,2,3,3], channelAxis 0)",
    );
    expect(() => foldBatchNorm(weight, bias, statistics, 1)).toThrow(
      "statistics.weight must hold one number per output channel = 2, got 3",
    );
    expect(() => foldBatchNorm(weight, zeros([4], "f64"), statistics)).toThrow("bias must hold one number per output channel = 3, got 4");
  });
});
