import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { absorbBias } from "../../../src/quant/index.ts";
import { relu } from "../../../src/tensor/index.ts";
import { drawWith } from "../../laws/draw.ts";
import { Chain, drawChain, least, outputGap, pointwise, vector } from "./chains.ts";

describe("absorbBias", () => {
  it("leaves what a network computes where activations exceed what is absorbed", () => {
    let absorbed = 0;
    fc.assert(
      fc.property(fc.gen(), (gen) => {
        const { graph, x } = drawChain(drawWith(gen, "f32"));
        const { graph: after, changed } = absorbBias(graph, least(graph, x));
        absorbed += changed.length;
        expect(outputGap(graph, after, x)).toBeLessThan(1e-5);
      }),
    );
    expect(absorbed).toBeGreaterThan(0);
  });

  it("is the worked value: N(4, 1) and N(1, 1) lose 1 and nothing", () => {
    const c = new Chain([1, 1, 1, 1]);
    const act = c.add("act", relu.def, [c.conv("a", "x", pointwise([[1], [1]]), vector(4, 1))]);
    const graph = c.graph(c.conv("b", act, pointwise([[2, 3]]), vector(10)));
    const { graph: after, changed } = absorbBias(
      graph,
      new Map([["a.out", { mean: Float64Array.of(4, 1), deviation: Float64Array.of(1, 1) }]]),
    );
    expect(changed).toEqual(["act.out"]);
    expect(Array.from(after.parameters.get("a.bias")?.data ?? [])).toEqual([3, 1]);
    expect(Array.from(after.parameters.get("b.bias")?.data ?? [])).toEqual([12]);
  });

  it("leaves layers that pad, and those without statistics", () => {
    const c = new Chain([1, 1, 3, 3]);
    const act = c.add("act", relu.def, [c.conv("a", "x", pointwise([[1]]), vector(9))]);
    const graph = c.graph(c.conv("b", act, pointwise([[2]]), vector(1), { padding: 1 }));
    expect(absorbBias(graph, new Map([["a.out", { mean: Float64Array.of(9), deviation: Float64Array.of(0) }]])).changed).toEqual([]);
    expect(absorbBias(graph, new Map()).changed).toEqual([]);
  });
});
