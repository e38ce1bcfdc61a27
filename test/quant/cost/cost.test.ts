import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Graph, type Layer } from "../../../src/graph/index.ts";
import {
  assign,
  bitOperations,
  type CostLayer,
  costOf,
  costOfGraph,
  effectiveMacs,
  flopRules,
  formatsOfAssignment,
  storageBytes,
} from "../../../src/quant/index.ts";
import { tinyDetector } from "../tiny.ts";

const rules = Object.values(flopRules);
const bits = fc.oneof(fc.integer({ min: 2, max: 8 }), fc.constant("float" as const));
const layer: fc.Arbitrary<CostLayer> = fc.record({
  name: fc.string(),
  macs: fc.nat(1e6),
  weights: fc.nat(1e4),
  weightBits: bits,
  activationBits: bits,
  biases: fc.nat(100),
  grids: fc.nat(100),
  extraFloats: fc.nat(4),
  levels: fc.option(fc.nat(100), { nil: undefined }),
});
const layers = fc.array(layer, { maxLength: 6 });
const order = (b: CostLayer["weightBits"]): number => (b === "float" ? 32 : b);

describe("cost", () => {
  it("adds over layers", () => {
    fc.assert(
      fc.property(layers, layers, (a, b) => {
        const all = [...a, ...b];
        expect(bitOperations(all)).toBe(bitOperations(a) + bitOperations(b));
        expect(storageBytes(all).total).toBe(storageBytes(a).total + storageBytes(b).total);
        for (const rule of rules) expect(effectiveMacs(all, rule)).toBeCloseTo(effectiveMacs(a, rule) + effectiveMacs(b, rule), 3);
      }),
    );
  });

  it("never falls with more bits", () => {
    fc.assert(
      fc.property(layer, bits, bits, (one, w, a) => {
        const [low, high] = [one.weightBits, w].sort((p, q) => order(p) - order(q));
        const [less, more] = [one.activationBits, a].sort((p, q) => order(p) - order(q));
        const small = [{ ...one, weightBits: low, activationBits: less }];
        const large = [{ ...one, weightBits: high, activationBits: more }];
        expect(bitOperations(small)).toBeLessThanOrEqual(bitOperations(large));
        for (const rule of rules) expect(effectiveMacs(small, rule)).toBeLessThanOrEqual(effectiveMacs(large, rule));
        expect(storageBytes(small).weights).toBeLessThanOrEqual(storageBytes(large).weights);
      }),
    );
  });

  it("is the float total where all is float, by every rule", () => {
    fc.assert(
      fc.property(layers, (list) => {
        const float = list.map((l) => ({ ...l, weightBits: "float" as const, activationBits: "float" as const }));
        const macs = list.reduce((sum, l) => sum + l.macs, 0);
        for (const rule of rules) expect(effectiveMacs(float, rule)).toBe(macs);
        expect(bitOperations(float)).toBe(1024 * macs);
        expect(storageBytes(float)).toMatchObject({ scales: 0, zeroPoints: 0, extras: 0 });
      }),
    );
  });

  it("stores the same whatever the activations are", () => {
    fc.assert(
      fc.property(layer, bits, (one, a) => {
        expect(storageBytes([one])).toEqual(storageBytes([{ ...one, activationBits: a }]));
      }),
    );
  });

  it("is the worked value: 10 weights of 3 bits in 2 channels of LLAQ, 1000 MACs at 3 x 4 bits", () => {
    const one: CostLayer = { name: "l", macs: 1000, weights: 10, weightBits: 3, activationBits: 4, biases: 2, grids: 2, extraFloats: 3 };
    expect(costOf([one])).toEqual({
      bops: 12000,
      effectiveFlops: { paper128: 93.75, bops1024: 11.71875, dorefa64: 187.5 },
      bytes: { weights: 4, scales: 8, zeroPoints: 2, biases: 8, extras: 24, total: 46 },
    });
  });
});

describe("cost of a graph", () => {
  const { graph, card } = tinyDetector(1);
  const formats = (weightBits: number, activationBits: number) =>
    formatsOfAssignment(assign(graph, { weightBits, activationBits, keep: card.head }));

  it("counts codes, grids and what stays float", () => {
    const { bytes, bops } = costOfGraph(graph, formats(4, 8));
    // stem: 162 weights at 8 bits; depthwise: 54 at 4 bits; two heads of 12 float weights each
    expect(bytes).toEqual({ weights: 162 + 27 + 96, scales: 48, zeroPoints: 12, biases: 4 * 16, extras: 0, total: 285 + 48 + 12 + 64 });
    const heads = 1024 * (graph.macs("heat") + graph.macs("size"));
    expect(bops).toBe(64 * graph.macs("stem") + 32 * graph.macs("depthwise") + heads);
  });

  it("is the float graph without formats", () => {
    const none = { layers: new Set<string>(), weights: new Map(), activations: new Map() };
    const cost = costOfGraph(graph, none);
    expect(cost.effectiveFlops).toEqual({ paper128: graph.macs(), bops1024: graph.macs(), dorefa64: graph.macs() });
    expect(cost.bytes.total).toBe(4 * [...graph.parameters.values()].reduce((sum, p) => sum + p.size, 0));
  });

  it("stores a weight that two layers share once", () => {
    const [heat, size] = ["heat", "size"].map((name) => graph.layers.find((l) => l.name === name) as Layer);
    const twice = graph.nodes.map((node) =>
      node.name === "size" ? { ...node, inputs: [size.input, heat.weight, heat.bias as string] } : node,
    );
    const parameters = new Map([...graph.parameters].filter(([name]) => name !== size.weight && name !== size.bias));
    const shared = new Graph({ ...graph, nodes: twice, parameters });
    expect(shared.layers.filter((l) => l.weight === heat.weight)).toHaveLength(2);
    const none = { layers: new Set<string>(), weights: new Map(), activations: new Map() };
    expect(costOfGraph(shared, none).bytes.total).toBe(4 * [...parameters.values()].reduce((sum, p) => sum + p.size, 0));
  });
});
