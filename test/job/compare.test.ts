import { beforeAll, describe, expect, it } from "vitest";
import { scene } from "../../src/data/index.ts";
import { detectorFrom } from "../../src/detect/index.ts";
import { AbortError } from "../../src/errors.ts";
import { Graph, type GraphParts, type Node, runNode } from "../../src/graph/index.ts";
import {
  type CompareOptions,
  compare,
  integerFileOf,
  parseKeptGate,
  type QuantizeResult,
  quantize,
  type Sample,
  Samples,
} from "../../src/job/index.ts";
import { tapFrom } from "../../src/nn/index.ts";
import { importOnnx } from "../../src/onnx/index.ts";
import { type ComparisonRecord, parseComparison, tapOf } from "../../src/quant/index.ts";
import { clamp, fakeQuant, relu, Tensor, tensor } from "../../src/tensor/index.ts";
import { tinyDetector } from "../quant/tiny.ts";

const samples: Sample[] = [0, 1, 2].map((i) => ({ name: `p${i}`, picture: scene("compare", i, { width: 48, height: 48 }).picture }));
const { graph: tiny, card } = tinyDetector(4);
/** With boxes of some size. */
const graph = tiny.withParameters(new Map([["sizeBias", tensor([4, 5])]]));
const detector = detectorFrom(graph, card);
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

  it("gives each layer what it does alone, and what has come together", async () => {
    const record = await run(graph, result.onnx);
    const { plan } = result;
    const inputs = new Samples(samples, card.input);
    const names = graph.layers.map((l) => l.name);
    expect(record.layers.map((l) => l.name)).toEqual(names);
    for (const row of record.layers) {
      const layer = graph.layers.find((l) => l.name === row.name)!;
      const sums = { signal: 0, alone: 0, together: 0 };
      for (const i of samples.keys()) {
        const floats = tensorsOf(graph, inputs.tensor(i));
        const quantized = tensorsOf(graph, inputs.tensor(i), tapOf(graph, plan));
        const env = new Map([[layer.input, floats.get(layer.input)!]]);
        runNode(graph, graph.nodes.find((n) => n.name === layer.name)!, env, tapOf(graph, plan));
        const x = floats.get(layer.output)!;
        x.data.forEach((v: number, k: number) => {
          sums.signal += v * v;
          sums.alone += (env.get(layer.output)!.data[k] - v) ** 2;
          sums.together += (quantized.get(layer.output)!.data[k] - v) ** 2;
        });
      }
      const alone = sums.alone === 0 ? null : expect.closeTo(10 * Math.log10(sums.signal / sums.alone), 9);
      expect(row.isolated.sqnr).toEqual(alone);
      expect(row.accumulated.sqnr).toBeCloseTo(10 * Math.log10(sums.signal / sums.together), 9);
    }
    expect(record.layers[0].isolated).toEqual(record.layers[0].accumulated);
    expect(record.layers[0].isolated.sqnr).toBeLessThan(60);
    expect(record.layers[1].isolated).not.toEqual(record.layers[1].accumulated);
  });

  it("is the same for a plan, its export and its integer file", async () => {
    const record = await run(graph, { graph, plan: result.plan });
    const differences = (r: ComparisonRecord) =>
      [r.layers, r.outputs].map((rows) => rows.map(({ isolated, accumulated }) => [isolated, accumulated]));
    for (const other of [result.onnx, integerFileOf(result)]) {
      const again = await run(graph, other);
      expect(again.detections).toEqual(record.detections);
      expect(differences(again)).toEqual(differences(record));
    }
  });

  it("swaps lost and new with its arguments", async () => {
    const [there, back] = [await run(graph, result.onnx), await run(result.onnx, graph)];
    const { detections: a } = there;
    const { detections: b } = back;
    expect([a.kept, a.lost, a.new]).toEqual([b.kept, b.new, b.lost]);
    expect(a.lost + a.new).toBeGreaterThan(0);
    expect(back.layers.map((l) => l.name)).toEqual(there.layers.map((l) => l.name));
    expect(back.layers.map((l) => l.accumulated.maxError)).toEqual(there.layers.map((l) => l.accumulated.maxError));
    // The float layer on the quantized model's inputs before they are quantized: only the layer's own quantization differs.
    expect(back.layers[0].isolated.maxError).toBe(there.layers[0].isolated.maxError);
  });

  it("points at the one layer whose weights changed", async () => {
    const weight = graph.parameters.get("depthwiseWeight")!;
    const damaged = graph.withParameters(
      new Map([
        [
          "depthwiseWeight",
          new Tensor(
            weight.shape,
            "f32",
            Float32Array.from(weight.data, (w) => -w),
          ),
        ],
      ]),
    );
    const { layers } = await run(graph, damaged);
    expect(layers.map((l) => l.isolated.maxError > 0)).toEqual([false, true, false, false]);
    expect(layers.map((l) => l.accumulated.maxError > 0)).toEqual([false, true, true, true]);
  });

  it("shows quantizers that belong to no layer", async () => {
    const quantized = quantizedAt(graph, graph.nodes.find((n) => n.name === "heat")!.outputs[0]);
    const { layers, outputs } = await run(graph, quantized);
    const differing = [...layers, ...outputs].filter((l) => l.isolated.maxError > 0);
    expect(differing.map((l) => [l.kind, l.role, l.tensor])).toEqual([["sigmoid", "operation", "heatmap"]]);
  });

  it("leaves out what is not finite, and counts it", async () => {
    const bias = new Tensor([6], "f32", Float32Array.of(0, 0, 3e38, 0, 0, 0));
    const weight = new Tensor([6, 3, 3, 3], "f32", new Float32Array(162).fill(3e38));
    const broken = graph.withParameters(
      new Map([
        ["stemWeight", weight],
        ["stemBias", bias],
      ]),
    );
    const { layers } = await run(graph, broken);
    expect(layers[0].isolated.nonFinite).toBeGreaterThan(0);
    expect(JSON.stringify(layers)).not.toMatch(/NaN|Infinity/);
  });

  it("makes the same record for the same arguments, and one that reads back", async () => {
    const [a, b] = [await run(graph, result.onnx), await run(graph, result.onnx)];
    expect(JSON.stringify(a)).toBe(JSON.stringify(b));
    expect(parseComparison(JSON.parse(JSON.stringify(a)))).toEqual(a);
    expect(() => parseComparison({ ...a, version: 2 }, "old.json")).toThrow(/^old\.json: version must fit the schema/);
  });
});

describe("layers find each other", () => {
  it("by position where the names differ", async () => {
    const by = await run(graph, renamed(graph.withParameters(new Map([["heatBias", tensor([0.5, 0.1])]]))));
    expect(by.matchedBy).toBe("position");
    expect(by.layers.map((l) => l.isolated.maxError > 0)).toEqual([false, false, true, false]);
    expect(by.layers[1].otherTensor).toBe(`other ${by.layers[1].tensor}`);
    const quantized = await run(graph, renamed(importOnnx(result.onnx)));
    const named = await run(graph, result.onnx);
    expect(quantized.matchedBy).toBe("position");
    expect(quantized.layers.map((l) => l.isolated)).toEqual(named.layers.map((l) => l.isolated));
    expect(quantized.detections).toEqual(named.detections);
  });

  it("also where quantizers swallow clips, in both directions", async () => {
    const clipped = withParts(graph, {
      nodes: graph.nodes.map((n) => (n.op === relu.def ? { ...n, op: clamp.def, attrs: { min: 0, max: 6 } } : n)),
    });
    const { onnx, plan } = await quantize(clipped, { samples, card: seen, scheme: "W8A3", method: "minmax", gate: "kept=0" });
    const simulated = { graph: clipped, plan };
    for (const [a, b] of [
      [await run(clipped, onnx), await run(clipped, simulated)],
      [await run(onnx, clipped), await run(simulated, clipped)],
    ]) {
      expect(a.layers.map((l) => [l.name, l.isolated, l.accumulated])).toEqual(b.layers.map((l) => [l.name, l.isolated, l.accumulated]));
      expect(a.layers[1].isolated.maxError).toBeGreaterThan(0);
    }
  });

  it("or the error says how many did", async () => {
    const other = tinyDetector(4).graph;
    const fewer = withParts(other, {
      nodes: other.nodes.map((n) => (n.name === "depthwise" ? { ...n, op: relu.def, inputs: [n.inputs[0]], name: "gone" } : n)),
    });
    await expect(run(graph, fewer)).rejects.toThrow(
      'compare: every layer must have a counterpart in the other model, got 3 of 4 matched by name; the first without a counterpart is "depthwise" (nor by position: the numbers of layers differ, 4 and 3)',
    );
  });
});

describe("the job", () => {
  it("judges by the share of detections kept", async () => {
    const { record, gate } = await compare(graph, result.onnx, { samples, card: seen, gate: "kept=1" });
    expect(gate?.passed).toBe(false);
    expect(gate?.message).toMatch(/^gate: .* needed 100\.0 %; look at the layers/);
    expect(record.gate).toEqual({ rule: "kept", value: record.detections.keptShare, limit: 1, passed: false });
    expect((await compare(graph, graph, { samples, card: seen })).gate).toBeUndefined();
    expect(() => parseKeptGate("ap50=-1")).toThrow(
      /^gate: a comparison without annotations must be judged by "kept=<share>", got "ap50=-1"/,
    );
  });

  it("reports its progress and stops when aborted", async () => {
    const fractions: number[] = [];
    await run(graph, graph, { onProgress: (p) => fractions.push(p.fraction) });
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
    const abort = new AbortController();
    const job = run(graph, graph, { signal: abort.signal, onProgress: () => abort.abort() });
    await expect(job).rejects.toThrow(AbortError);
  });

  it("reads pictures in the way of the first model's card", async () => {
    const record = await run(graph, result.onnx, { sampleCount: 2, name: "a", otherName: "b", seed: 5 });
    expect(record).toMatchObject({ model: "a", other: "b", seed: 5, samples: ["p0", "p1"], detector: "tiny" });
    const x = new Samples(samples, card.input).tensor(0);
    const visible = detector.decode(graph.forward(x))[0].filter((p) => p.score >= seen.visibleThreshold);
    const { kept, lost } = record.detections.pictures[0];
    expect(kept.length + lost.length).toBe(visible.length);
  });
});
