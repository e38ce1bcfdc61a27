import fc from "fast-check";
import { expect, test } from "vitest";
import { Graph, type NormStatistics } from "../../../src/graph/index.ts";
import { tapFrom } from "../../../src/nn/index.ts";
import {
  absorbBias,
  addLowRankBranches,
  ChannelMeter,
  crossLayerEqualize,
  findSeams,
  powerOfTwoScaling,
  type Rewrite,
  smooth,
} from "../../../src/quant/index.ts";
import type { Tensor } from "../../../src/tensor/index.ts";
import { drawWith } from "../../laws/draw.ts";
import { drawChain, least } from "./chains.ts";

/** Statistics of all layer outputs on `x`. */
function measured(graph: Graph, x: Tensor, names: readonly string[]): Map<string, NormStatistics & { largest: Float64Array }> {
  const meters = new Map(names.map((name) => [name, new ChannelMeter(1, graph.metas.get(name)?.shape[1] ?? 0)]));
  graph.forward(
    x,
    tapFrom((path, slot, t) => {
      if (slot === "output") meters.get(path)?.add(t);
      return t;
    }),
  );
  return new Map([...meters].map(([name, meter]) => [name, meter.result()]));
}

/** Rewrites that leave a network's values as they are, but for the scale of channels and their shift. */
const REWRITES: Readonly<Record<string, (graph: Graph, x: Tensor) => Rewrite>> = {
  crossLayerEqualize: (graph) => crossLayerEqualize(graph, { rounds: 3 }),
  smooth: (graph, x) =>
    smooth(
      graph,
      measured(
        graph,
        x,
        findSeams(graph).map((s) => s.tensor),
      ),
    ),
  powerOfTwoScaling: (graph) =>
    powerOfTwoScaling(graph, new Map(findSeams(graph).map((s) => [s.tensor, [Int8Array.from({ length: s.channels }, (_, c) => c % 4)]]))),
  absorbBias: (graph, x) => absorbBias(graph, least(graph, x)),
  addLowRankBranches: (graph) => addLowRankBranches(graph),
};

test.each(Object.entries(REWRITES))("%s keeps the statistics of normalised tensors true", (_, rewrite) => {
  let moved = 0;
  fc.assert(
    fc.property(fc.gen(), (gen) => {
      const { graph: plain, x } = drawChain(drawWith(gen, "f32"));
      const names = plain.layers.map((l) => l.output);
      const graph = new Graph({ ...plain, statistics: measured(plain, x, names) });
      const { graph: after, changed } = rewrite(graph, x);
      moved += changed.length;
      expect([...after.statistics.keys()].sort()).toEqual([...names].sort());
      for (const [name, wanted] of measured(after, x, names)) {
        const known = after.statistics.get(name);
        const size = Math.max(...wanted.largest, 1e-6);
        wanted.mean.forEach((v, c) => {
          expect(Math.abs(v - (known?.mean[c] ?? 0)) / size, name).toBeLessThan(1e-4);
          expect(Math.abs(wanted.deviation[c] - (known?.deviation[c] ?? 0)) / size, name).toBeLessThan(1e-4);
        });
      }
    }),
  );
  expect(moved).toBeGreaterThan(0);
});
