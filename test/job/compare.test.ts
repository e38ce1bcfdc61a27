import { beforeAll, describe, expect, it } from "vitest";
import { scene } from "../../src/data/index.ts";
import { Graph, type GraphParts, type Node } from "../../src/graph/index.ts";
import {
  type CompareOptions,
  compare,
  integerFileOf,
  parseKeptGate,
  type QuantizeResult,
  quantize,
  type Sample,
} from "../../src/job/index.ts";
import { tapFrom } from "../../src/nn/index.ts";
import { type ComparisonRecord, parseComparison, sqnr, tapOf } from "../../src/quant/index.ts";
import { fakeQuant, type Tensor, tensor } from "../../src/tensor/index.ts";
import { tinyDetector } from "../quant/tiny.ts";

const samples: Sample[] = [0, 1, 2].map((i) => ({ name: `p${i}`, picture: scene("compare", i, { width: 16, height: 16 }).picture }));
const { graph, card, detector } = tinyDetector(4);
// Low enough that there is something to keep.
const seen = { ...card, visibleThreshold: 0.05 };

const run = async (
  model: Parameters<typeof compare>[0],
  other: Parameters<typeof compare>[1],
  options: Partial<CompareOptions> = {},
): Promise<ComparisonRecord> => (await compare(model, other, { samples, card: seen, ...options })).record;

/** The same graph with some parts replaced. */
const withParts = ({ name, inputs, outputs, nodes, parameters }: Graph, parts: Partial<GraphParts>): Graph =>
  new Graph({ name, inputs, outputs, nodes, parameters, ...parts });

/** All names below the graph's inputs and outputs replaced. */
function renamed(from: Graph): Graph {
  const fixed = new Set([...from.inputs, ...from.outputs].map((p) => p.name));
  const to = (name: string): string => (fixed.has(name) ? name : `other ${name}`);
  const nodes = from.nodes.map((n) => ({ ...n, name: to(n.name), inputs: n.inputs.map(to), outputs: n.outputs.map(to) }));
  return withParts(from, { nodes, parameters: new Map(Array.from(from.parameters, ([name, value]) => [to(name), value])) });
}

/** The graph with a coarse fakeQuant between a tensor and its readers. */
function quantizedAt(from: Graph, name: string): Graph {
  const quantizer: Node = {
    name: `${name}/q`,
    op: fakeQuant.def,
    attrs: { qmin: 0, qmax: 255, axis: null },
    inputs: [name, "s", "z"],
    outputs: [`${name}/dq`],
  };
  const nodes = from.nodes.flatMap((n) => {
    const moved = { ...n, inputs: n.inputs.map((input) => (input === name ? `${name}/dq` : input)) };
    return n.outputs.includes(name) ? [moved, quantizer] : [moved];
  });
  return withParts(from, { nodes, parameters: new Map([...from.parameters, ["s", tensor([0.05])], ["z", tensor([20])]]) });
}

/** Every tensor of a graph on one picture. */
function tensorsOf(of: Graph, x: Tensor, tap = tapFrom((_path, _slot, t) => t)): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  const both = Object.assign((_: unknown, t: Tensor) => t, {
    at: (child: string) =>
      Object.assign(
        (slot: Parameters<typeof tap>[0], t: Tensor) => {
          const y = tap.at(child)(slot, t);
          if (slot === "output") found.set(child, y);
          return y;
        },
        { at: tap.at },
      ),
  });
  of.forward(x, both);
  return found;
}

let result: QuantizeResult;
beforeAll(async () => {
  result = await quantize(graph, { samples, card: seen, scheme: "W3A4", method: "minmax", policy: "regptq", gate: "kept=0" });
});

describe("compare", () => {
  it("finds nothing between a model and itself", async () => {
    for (const model of [graph, result.onnx]) {
      const record = await run(model, model);
      const exact = { sqnr: null, cosine: 1, maxError: 0, nonFinite: 0 };
      for (const row of [...record.layers, ...record.outputs]) expect(row).toMatchObject({ isolated: exact, accumulated: exact });
      const { model: count, kept, lost, new: added, keptShare, meanIou, largestScoreChange } = record.detections;
      expect(count).toBeGreaterThan(3);
      expect({ kept, lost, added, keptShare }).toEqual({ kept: count, lost: 0, added: 0, keptShare: 1 });
      expect(meanIou).toBeCloseTo(1, 12);
      expect(largestScoreChange).toBe(0);
    }
  });
});
