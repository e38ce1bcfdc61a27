import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findUnits, type Grain, type Graph } from "../../../src/graph/index.ts";
import { MaskPool } from "../../../src/quant/reconstruct/masks.ts";
import { routeOf } from "../../../src/quant/reconstruct/route.ts";
import { Rng } from "../../../src/tensor/index.ts";
import { drawWith } from "../../laws/draw.ts";
import { runs } from "../../runs.ts";
import { drawNetwork } from "../integer/networks.ts";
import { tinyDetector, tinyPair } from "../tiny.ts";
import { residualNetwork } from "./residual.ts";

/** The units of a graph, by layers where it has no blocks. */
function unitsOf(graph: Graph, grain: Grain) {
  try {
    return findUnits(graph, grain);
  } catch (error) {
    if (grain !== "block" || !(error as Error).message.startsWith('unit: "block" must find blocks')) throw error;
    return findUnits(graph, "layer");
  }
}

function requireLaws(graph: Graph, grain: Grain): void {
  const units = unitsOf(graph, grain);
  const place = new Map(graph.nodes.map((node, i) => [node, i]));
  const at = (node: (typeof graph.nodes)[number]): number => place.get(node)!;
  expect(units.flatMap((u) => u.layers.map((l) => l.name)).sort()).toEqual(graph.layers.map((l) => l.name).sort());
  const firsts = units.map((u) => at(u.nodes[0]));
  expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
  const all = units.flatMap((u) => u.nodes);
  expect(new Set(all).size).toBe(all.length);
  for (const { nodes, inputs, outputs } of units) {
    const [first, last] = [at(nodes[0]), at(nodes[nodes.length - 1])];
    const own = new Set(nodes);
    const between = graph.nodes.slice(first, last).filter((node) => !own.has(node));
    const written = new Set(between.flatMap((node) => node.outputs));
    expect(inputs.filter((name) => written.has(name))).toEqual([]);
    const needed = new Set([...graph.nodes.filter((n) => !own.has(n)).flatMap((n) => n.inputs), ...graph.outputs.map((p) => p.name)]);
    const left = nodes.flatMap((n) => n.outputs).filter((name) => needed.has(name));
    for (const name of left) expect(outputs).toContain(name);
  }
  const route = routeOf(graph, units).flatMap((stop) => stop.nodes);
  expect([...route].sort((a, b) => at(a) - at(b))).toEqual([...graph.nodes]);
  const ready = new Set([...graph.parameters.keys(), ...graph.inputs.map((p) => p.name)]);
  for (const node of route) {
    for (const name of node.inputs) expect(ready.has(name), `${node.name} reads ${name}`).toBe(true);
    for (const name of node.outputs) ready.add(name);
  }
}

describe.each(["layer", "block", "network"] as const)("units by %s", (grain) => {
  it("cover every layer once, in an order that can be walked", () => {
    for (const graph of [residualNetwork(1), tinyDetector(1).graph, tinyPair(1).graph]) requireLaws(graph, grain);
    fc.assert(
      fc.property(fc.gen(), (g) => {
        requireLaws(drawNetwork(drawWith(g, "f32"), false).graph, grain);
      }),
      { numRuns: runs(60) },
    );
  });
});

it("a residual network has its blocks as units", () => {
  const units = findUnits(residualNetwork(1), "block");
  expect(units.map((u) => u.layers.map((l) => l.name))).toEqual([
    ["stem"],
    ["one/a", "one/b"],
    ["two/a", "two/b"],
    ["depthwise"],
    ["last"],
  ]);
});

describe("MaskPool", () => {
  it("has about the share of ones it was asked for, and the same for the same seed", () => {
    for (const kept of [0, 0.1, 0.5, 0.9, 1]) {
      const draws = (): Float32Array[] => {
        const pool = new MaskPool(5000, kept, new Rng("pool"));
        const rng = new Rng("places");
        return [[5000], [1, 8, 25, 25], [1], []].map((shape) => pool.draw(shape, rng).data as Float32Array);
      };
      const first = draws();
      expect(draws()).toEqual(first);
      expect(first.map((d) => d.length)).toEqual([5000, 5000, 1, 1]);
      const ones = first[0].reduce((a, b) => a + b, 0) / first[0].length;
      expect(Math.abs(ones - kept)).toBeLessThanOrEqual(5 * Math.sqrt((kept * (1 - kept)) / first[0].length));
      for (const mask of first) expect(mask.every((v) => v === 0 || v === 1)).toBe(true);
    }
  });
});
