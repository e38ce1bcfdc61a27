import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Graph } from "../../../src/graph/index.ts";
import { tapFrom } from "../../../src/nn/index.ts";
import {
  ChannelMeter,
  type ChannelStatistics,
  channelExponents,
  findSeams,
  powerOfTwoScaling,
  smooth,
  voteExponent,
} from "../../../src/quant/index.ts";
import { relu, Tensor } from "../../../src/tensor/index.ts";
import { drawWith } from "../../laws/draw.ts";
import { Chain, drawChain, normChain, outputGap, pointwise, vector } from "./chains.ts";

/** What every seam's readers see on one input. */
function seen(graph: Graph, x: Tensor): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  const wanted = new Set(findSeams(graph).map((s) => s.tensor));
  graph.forward(
    x,
    tapFrom((path, slot, y) => {
      if (slot === "output" && wanted.has(path)) found.set(path, y);
      return y;
    }),
  );
  return found;
}

function statistics(graph: Graph, x: Tensor): Map<string, ChannelStatistics> {
  const tensors = seen(graph, x);
  return new Map(
    findSeams(graph).map(({ tensor, axis, channels }) => {
      const meter = new ChannelMeter(axis, channels);
      meter.add(tensors.get(tensor)!);
      return [tensor, meter.result()];
    }),
  );
}

describe("smooth", () => {
  it("leaves what networks compute, also where activations are dead", () => {
    fc.assert(
      fc.property(fc.gen(), fc.constantFrom(0, 0.25, 0.5, 1), (gen, alpha) => {
        const { graph, x } = drawChain(drawWith(gen, "f32"));
        const { graph: after } = smooth(graph, statistics(graph, x), { alpha });
        expect(outputGap(graph, after, x)).toBeLessThan(1e-5);
        for (const p of after.parameters.values()) expect(p.data.every((v: number) => Number.isFinite(v))).toBe(true);
      }),
    );
  });

  it("folds into a normalisation that two layers share, with one factor for both", () => {
    fc.assert(
      fc.property(fc.nat(1000), (seed) => {
        const { graph, x } = normChain(seed);
        const { graph: after, changed } = smooth(graph, statistics(graph, x));
        expect(changed).toEqual(["normed.out", "act.out"]);
        expect(outputGap(graph, after, x)).toBeLessThan(1e-5);
      }),
    );
  });

  it("makes activations 1 with alpha 1, and weights 1 with alpha 0", () => {
    const { graph, x } = normChain(3);
    const one = smooth(graph, statistics(graph, x), { alpha: 1 }).graph;
    for (const v of statistics(one, x).get("normed.out")!.largest) expect(v).toBeCloseTo(1, 5);
    const normed = new Map([["normed.out", statistics(graph, x).get("normed.out")!]]);
    const zero = smooth(graph, normed, { alpha: 0 }).graph;
    const [query, key] = ["query.weight", "key.weight"].map((name) => zero.parameters.get(name)!);
    for (let c = 0; c < 8; c++) {
      const row = [query, key].flatMap((w) => Array.from(w.data.slice(6 * c, 6 * c + 6), Math.abs));
      expect(Math.max(...row)).toBeCloseTo(1, 5);
    }
  });

  it("is the worked value: 16 against 1/4 and 1 against 1", () => {
    const c = new Chain([1, 1, 1, 1]);
    const act = c.add("act", relu.def, [c.conv("a", "x", pointwise([[16], [1]]))]);
    const graph = c.graph(c.conv("b", act, pointwise([[0.25, 1]])));
    const largest = Float64Array.of(16, 1);
    const { parameters } = smooth(graph, new Map([["act.out", { largest }]])).graph;
    expect(Array.from(parameters.get("a.weight")!.data)).toEqual([2, 1]);
    expect(Array.from(parameters.get("b.weight")!.data)).toEqual([2, 1]);
  });

  it("refuses a share outside 0..1", () => {
    expect(() => smooth(normChain(1).graph, new Map(), { alpha: 2 })).toThrow("smooth: alpha must lie in 0..1, got 2");
  });
});

describe("power-of-two scaling", () => {
  it("changes no bit of what networks compute", () => {
    fc.assert(
      fc.property(fc.gen(), (gen) => {
        const { graph, x } = drawChain(drawWith(gen, "f32"));
        const tensors = seen(graph, x);
        const votes = new Map(findSeams(graph).map((s) => [s.tensor, [channelExponents(tensors.get(s.tensor)!, s.axis, 4)]]));
        expect(outputGap(graph, powerOfTwoScaling(graph, votes).graph, x)).toBe(0);
      }),
    );
  });

  it("gives channels the exponent their size needs", () => {
    const x = new Tensor([1, 4, 1, 2], "f32", Float32Array.of(80, -80, 35, -36, 20, -18, 5, -7));
    expect(Array.from(channelExponents(x, 1, 8))).toEqual([3, 2, 1, 0]);
    expect(Array.from(channelExponents(new Tensor([1, 2], "f32", new Float32Array(2)), 1, 8))).toEqual([0, 0]);
  });

  it("takes a large majority, else the largest, in whatever order samples come", () => {
    expect(voteExponent([1, 1, 1, 1, 1, 1, 1, 1, 1, 3])).toBe(1);
    expect(voteExponent([1, 1, 1, 1, 3])).toBe(3);
    expect(() => voteExponent([])).toThrow("voteExponent: votes must be at least 1, got 0");
    const votes = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(votes, fc.integer(), (list, seed) => {
        const other = [...list].sort((a, b) => ((a * 7 + seed) % 5) - ((b * 7 + seed) % 5));
        expect(voteExponent(other)).toBe(voteExponent(list));
      }),
    );
  });
});

describe("ChannelMeter", () => {
  it("gives mean, deviation and largest magnitude by channel, however the stream is cut", () => {
    const meter = new ChannelMeter(1, 2);
    meter.add(new Tensor([1, 2, 2], "f32", Float32Array.of(1, 3, -4, 0)));
    meter.add(new Tensor([1, 2, 2], "f32", Float32Array.of(5, 7, 0, 4)));
    const { mean, deviation, largest } = meter.result();
    expect([...mean, ...deviation, ...largest]).toEqual([4, 0, Math.sqrt(5), Math.sqrt(8), 7, 4]);
    expect(() => meter.add(vector(1))).toThrow("channelMeter: x.shape[1] must be 2, got undefined");
  });
});
