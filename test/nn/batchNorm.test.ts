import { describe, expect, it } from "vitest";
import { BatchNorm, channelStatistics, forwardWithStatistics, parameters, Sequential, withParameters } from "../../src/nn/index.ts";
import { mean, Rng, randn, tensor, variance } from "../../src/tensor/index.ts";

const x = randn([3, 2, 4, 5], new Rng(3), 2);

describe("BatchNorm", () => {
  it("gives every channel mean 0 and variance 1 while training", () => {
    const y = BatchNorm.init(2, { training: true }).forward(x);
    [...mean(y, { dim: [0, 2, 3] }).data].forEach((v) => expect(v).toBeCloseTo(0, 5));
    [...variance(y, { dim: [0, 2, 3], correction: 0 }).data].forEach((v) => expect(v).toBeCloseTo(1, 4));
  });

  it("is the identity before training, on its running statistics", () => {
    const y = BatchNorm.init(2, { eps: 0 }).forward(x);
    y.data.forEach((v, i) => expect(v).toBeCloseTo(x.data[i], 6));
  });

  it("takes the statistics of the batch, unbiased, into the running ones by its momentum", () => {
    const net = new Sequential([BatchNorm.init(2, { training: true, momentum: 0.25 })]);
    const { out, statistics } = forwardWithStatistics(net, (tap) => net.forward(x, tap));
    const batch = channelStatistics(x);
    expect([...statistics.keys()]).toEqual(["layers.0.runningMean", "layers.0.runningVar"]);
    [...statistics.get("layers.0.runningMean")!.data].forEach((v, c) => expect(v).toBeCloseTo(0.25 * batch.mean[c], 6));
    [...statistics.get("layers.0.runningVar")!.data].forEach((v, c) => expect(v).toBeCloseTo(0.75 + 0.25 * batch.variance[c], 5));
    expect(parameters(withParameters(net, statistics)).get("layers.0.runningMean")).toBe(statistics.get("layers.0.runningMean"));
    expect(out).toEqual(net.forward(x));
  });

  it("keeps the dtype of its statistics", () => {
    const part = (value: number) => tensor([value, value], undefined, "f64");
    const net = new BatchNorm({ weight: part(1), bias: part(0), runningMean: part(0), runningVar: part(1), training: true });
    const doubles = randn([3, 2, 4, 5], new Rng(3), 2, "f64");
    const { statistics } = forwardWithStatistics(net, (tap) => net.forward(doubles, tap));
    expect([...statistics.values()].map((s) => s.dtype)).toEqual(["f64", "f64"]);
    expect(statistics.get("runningMean")!.data[0]).toBe(0.1 * channelStatistics(doubles).mean[0]);
    expect(parameters(withParameters(net, statistics)).get("runningVar")).toBe(statistics.get("runningVar"));
  });

  it("keeps its statistics when it does not train", () => {
    const net = BatchNorm.init(2);
    expect(forwardWithStatistics(net, (tap) => net.forward(x, tap)).statistics.size).toBe(0);
  });
});

describe("channelStatistics", () => {
  it("are those of the tensor operations", () => {
    const { mean: average, variance: spread } = channelStatistics(x);
    [...mean(x, { dim: [0, 2, 3] }).data].forEach((v, c) => expect(average[c]).toBeCloseTo(v, 6));
    [...variance(x, { dim: [0, 2, 3] }).data].forEach((v, c) => expect(spread[c]).toBeCloseTo(v, 5));
    expect([...channelStatistics(tensor([[3]])).variance]).toEqual([0]);
  });
});
