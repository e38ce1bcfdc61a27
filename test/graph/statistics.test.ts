import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Graph, normStatistics, traceGraph } from "../../src/graph/index.ts";
import { BatchNorm, Conv2d, channelStatistics, identityTap, type Module, type Tap } from "../../src/nn/index.ts";
import { ones, Rng, randn, relu, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";

const x = randn([4, 2, 6, 6], new Rng(1));

/** Convolution and normalisation by the statistics that the convolution has on `x`. */
class Net implements Module<Record<string, Tensor>> {
  readonly conv: Conv2d;
  readonly norm: BatchNorm;
  readonly last: Conv2d;

  constructor(seed: number, training = false) {
    const rng = new Rng(seed);
    this.conv = Conv2d.init(2, 3, 3, rng, { padding: 1, stride: 1 });
    const { mean, variance } = channelStatistics(this.conv.forward(x));
    const [runningMean, runningVar] = [mean, variance].map((v) => tensor([...v], [3], "f32"));
    this.norm = new BatchNorm({ weight: randn([3], rng), bias: randn([3], rng), runningMean, runningVar, eps: 0.05, training });
    this.last = Conv2d.init(3, 1, 1, rng);
  }

  forward(input: Tensor, tap: Tap = identityTap): Record<string, Tensor> {
    const norm = this.norm.forward(this.conv.forward(input, tap.at("conv")), tap.at("norm"));
    return { norm, y: this.last.forward(relu(norm), tap.at("last")) };
  }
}

const traced = (seed: number, training = false): Graph => traceGraph(new Net(seed, training), x, { name: "net" });

describe("statistics of normalised tensors", () => {
  test("are those of the tensor where the input is as it was in training", () => {
    fc.assert(
      fc.property(fc.nat(1000), (seed) => {
        const graph = traced(seed);
        expect([...graph.statistics.keys()]).toEqual(["norm"]);
        const { mean, variance } = channelStatistics(graph.forward(x).norm);
        for (let c = 0; c < 3; c++) {
          expect(graph.statistics.get("norm")?.mean[c]).toBeCloseTo(mean[c], 5);
          expect(graph.statistics.get("norm")?.deviation[c]).toBeCloseTo(Math.sqrt(variance[c]), 5);
        }
      }),
    );
  });

  test("are the worked value, and none of a normalisation by the batch", () => {
    const variance = tensor([3, 0], [2], "f32");
    const { mean, deviation } = normStatistics({
      weight: tensor([-2, 5], [2], "f32"),
      bias: tensor([4, 6], [2], "f32"),
      variance,
      epsilon: 1,
    });
    expect([...mean, ...deviation]).toEqual([4, 6, Math.sqrt(3), 0]);
    expect(traced(1, true).statistics.size).toBe(0);
  });

  test("go where a parameter before them is replaced, and stay where one behind them is", () => {
    const graph = traced(2);
    const replace = (name: string): Graph => graph.withParameters(new Map([[name, ones(graph.parameters.get(name)?.shape ?? [])]]));
    expect(replace("conv.weight").statistics.size).toBe(0);
    expect(replace("norm.runningVar").statistics.size).toBe(0);
    expect(replace("last.weight").statistics).toEqual(graph.statistics);
    const kept = graph.withParameters(new Map([["conv.weight", zeros([3, 2, 3, 3])]]), graph.statistics);
    expect(kept.statistics).toEqual(graph.statistics);
  });

  test("are those of tensors that there are, with their number of channels", () => {
    const graph = traced(3);
    const known = { mean: new Float64Array(3), deviation: new Float64Array(3) };
    const parts = { ...graph, statistics: new Map([...graph.statistics, ["gone", known]]) };
    expect([...new Graph(parts).statistics.keys()]).toEqual(["norm"]);
    const wrong = new Map([["y", known]]);
    expect(() => new Graph({ ...graph, statistics: wrong })).toThrow('graph: statistics of "y" must have one entry per channel = 1, got 3');
  });
});
