import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crossLayerEqualize, equalizableGroups, findSeams } from "../../../src/quant/index.ts";
import { add, ones, relu, relu6, type Tensor } from "../../../src/tensor/index.ts";
import { drawWith } from "../../laws/draw.ts";
import { drawNetwork } from "../integer/networks.ts";
import { Chain, drawChain, normChain, outputGap, pointwise, poolChain, vector } from "./chains.ts";

const values = (t: Tensor | undefined): number[] => Array.from(t?.data ?? []);

describe("crossLayerEqualize", () => {
  it("leaves what random chains compute, and doing it twice is doing it once", () => {
    fc.assert(
      fc.property(fc.gen(), (gen) => {
        const { graph, x } = drawChain(drawWith(gen, "f32"));
        const { graph: once } = crossLayerEqualize(graph);
        expect(outputGap(graph, once, x)).toBeLessThan(1e-5);
        const { graph: twice } = crossLayerEqualize(once);
        for (const [name, p] of once.parameters) {
          const again = values(twice.parameters.get(name));
          const largest = Math.max(...values(p).map(Math.abs));
          values(p).forEach((v, i) => expect(Math.abs(again[i] - v)).toBeLessThanOrEqual(1e-4 * largest + 1e-30));
        }
      }),
    );
  });

  it("leaves what networks with branches compute", () => {
    fc.assert(
      fc.property(fc.gen(), (gen) => {
        const { graph, x } = drawNetwork(drawWith(gen, "f32"), false);
        expect(outputGap(graph, crossLayerEqualize(graph).graph, x)).toBeLessThan(1e-5);
      }),
    );
  });

  it("is the worked value: ranges 4 and 1/4 both become 1", () => {
    const c = new Chain([1, 1, 1, 1]);
    const act = c.add("act", relu.def, [c.conv("a", "x", pointwise([[4], [0.5]]), vector(8, 1))]);
    const graph = c.graph(c.conv("b", act, pointwise([[0.25, 0.5]])));
    const { graph: after, changed } = crossLayerEqualize(graph);
    expect(changed).toEqual(["act.out"]);
    expect(values(after.parameters.get("a.weight"))).toEqual([1, 0.5]);
    expect(values(after.parameters.get("a.bias"))).toEqual([2, 1]);
    expect(values(after.parameters.get("b.weight"))).toEqual([1, 0.5]);
  });

  it("gives the three layers of a depthwise triple one range", () => {
    const c = new Chain([1, 1, 1, 1]);
    const a = c.conv("a", "x", pointwise([[8], [1]]));
    const d = c.conv("d", c.add("r1", relu.def, [a]), pointwise([[1], [27]]), vector(1, 1), { groups: 2 });
    const graph = c.graph(c.conv("b", c.add("r2", relu.def, [d]), pointwise([[1, 0.5]])));
    expect(equalizableGroups(graph).map((g) => g.layers)).toEqual([["a", "d", "b"]]);
    const { parameters } = crossLayerEqualize(graph).graph;
    for (const name of ["a.weight", "d.weight", "b.weight"]) {
      const [first, second] = values(parameters.get(name));
      expect(first).toBeCloseTo(2, 6);
      expect(second).toBeCloseTo(13.5 ** (1 / 3), 5);
    }
  });

  it("leaves channels without weights as they are", () => {
    const c = new Chain([1, 1, 1, 1]);
    const act = c.add("act", relu.def, [c.conv("a", "x", pointwise([[0], [3], [9]]), vector(1, 1, 1))]);
    const graph = c.graph(c.conv("b", act, pointwise([[1, 0, 1]])));
    const { parameters } = crossLayerEqualize(graph).graph;
    expect(values(parameters.get("a.weight"))).toEqual([0, 3, 3]);
    expect(values(parameters.get("b.weight"))).toEqual([1, 0, 3]);
  });

  it("ends at branches, outputs, shared weights and bounded activations", () => {
    const c = new Chain([1, 2, 1, 1]);
    const w = ones([2, 2, 1, 1]);
    const first = c.conv("first", "x", w);
    const second = c.conv("second", first, w);
    const third = c.conv("third", c.add("six", relu6.def, [second]), w);
    const joined = c.add("join", add.def, [third, first]);
    expect(equalizableGroups(c.graph(c.conv("last", joined, w)))).toEqual([]);
    expect(findSeams(poolChain())).toMatchObject([{ tensor: "pool.out", source: "first.out", between: "homogeneous" }]);
  });

  it("finds a normalisation's scale and a product's bias, for all readers at once", () => {
    const seams = findSeams(normChain(1).graph);
    expect(seams.map((s) => [s.tensor, s.source, s.between, s.layer?.name, s.folds.map((f) => f.parameter), s.readers.length])).toEqual([
      ["normed.out", "normed.out", "nothing", undefined, ["shift", "scale"], 2],
      ["act.out", "biased.out", "relu", "key", ["key.bias", "key.weight"], 1],
    ]);
  });
});
