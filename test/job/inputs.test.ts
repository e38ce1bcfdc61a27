import { describe, expect, it } from "vitest";
import { Graph } from "../../src/graph/index.ts";
import { type QuantizeOptions, quantize, type Sample, tensorSamples } from "../../src/job/index.ts";
import { importOnnx } from "../../src/onnx/index.ts";
import { inferInteger, prepareInteger, proveEquality, readIntegerFile, tapOf, writeIntegerFile } from "../../src/quant/index.ts";
import { ones, Rng, type Tensor, zeros } from "../../src/tensor/index.ts";
import { gap, runInRuntime } from "../onnx/runtime.ts";
import { tinyDetector, tinyPair, tinyPairInput, tinySamples } from "../quant/tiny.ts";

const one = tinyDetector(4);
const pair = tinyPair(4);
const x = tinyPairInput(1);
const inputs = [1, 2, 3].map(tinyPairInput);
const without = (all: Record<string, Tensor>, key: string): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(all).filter(([name]) => name !== key));

/** Small noisy pictures with the depth map of each. */
function pictures(): Sample[] {
  const rng = new Rng(9);
  return inputs.map(({ depth }, i) => {
    const data = Uint8Array.from({ length: 16 * 16 * 3 }, () => rng.int(0, 255));
    return { name: `p${i}`, picture: { width: 16, height: 16, data }, tensors: { depth } };
  });
}

describe("a network with several inputs", () => {
  const run = (options: Partial<QuantizeOptions> = {}) =>
    quantize(pair.graph, { card: pair.card, name: "pair", samples: tensorSamples(inputs), ...options });

  it.each([
    ["inlierq", "W8A8"],
    ["inlierq", "W4A8"],
    ["mse", "W4A4"],
    ["percentile", "W8A8"],
    ["entropy", "W8A8"],
  ] as const)("is quantized with %s at %s, and the export computes the simulation", async (method, scheme) => {
    const { onnx, plan, record } = await run({ method, scheme, biasCorrection: scheme === "W4A8" });
    expect(record.sites.map((s) => s.tensor)).toEqual(expect.arrayContaining(["input", "depth"]));
    expect(record).toMatchObject({ method, sampleKind: "tensors", samples: ["sample 1", "sample 2", "sample 3"] });
    const simulated = pair.graph.forward(x, tapOf(pair.graph, plan));
    const again = importOnnx(onnx, { name: "again" });
    expect(again.inputs.map((p) => p.name)).toEqual(["input", "depth", "factors"]);
    expect(again.forward(x).heatmap.data).toEqual(simulated.heatmap.data);
    const theirs = await runInRuntime(onnx, x);
    for (const [name, y] of Object.entries(simulated)) expect(gap(theirs[name], y)).toBeLessThan(1e-5);
  });

  it("runs in integers, from memory and from a file, and in batches", async () => {
    const { plan } = await run();
    const model = prepareInteger(pair.graph, plan);
    const { codes, boundary, violations } = proveEquality(model, x);
    expect(violations).toBe(0);
    expect(boundary).toBeLessThan(0.01 * codes);
    const read = readIntegerFile(writeIntegerFile({ graph: pair.graph, plan, card: pair.card }), "pair");
    const expected = inferInteger(model, x);
    expect(inferInteger(prepareInteger(read.graph, read.plan), x)).toEqual(expected);
    const twice = Object.fromEntries(
      Object.entries(x).map(([name, t]) => {
        const shape = name === "factors" ? t.shape : [2, ...t.shape.slice(1)];
        const both = zeros(shape);
        for (let k = 0; k < both.size; k += t.size) both.data.set(t.data, k);
        return [name, both];
      }),
    );
    const all = inferInteger(model, twice);
    expect(all.heatmap.shape[0]).toBe(2);
    expect([...all.heatmap.data.subarray(expected.heatmap.size)]).toEqual([...expected.heatmap.data]);
    expect(() => inferInteger(model, without(x, "depth"))).toThrow('input "depth" must be given');
  });

  it("takes pictures whose samples and card give the other inputs", async () => {
    const { record, before } = await run({ samples: pictures() });
    expect(record.samples).toEqual(["p0", "p1", "p2"]);
    expect(record.sampleKind).toBeUndefined();
    expect(before).toHaveLength(3);
    const bare = pictures().map(({ name, picture }) => ({ name, picture }) as Sample);
    await expect(run({ samples: bare })).rejects.toThrow('samples: p0 must fit the network, got input "depth" must be given');
  });

  it("lets the card fill in what a sample leaves out", async () => {
    const some = inputs.map((all) => without(all, "factors"));
    const [full, filled] = [await run(), await run({ samples: tensorSamples(some) })];
    expect(Buffer.compare(full.onnx, filled.onnx)).toBe(0);
  });

  it("says what is wrong with an input", async () => {
    const given = (wrong: Record<string, Tensor>) => run({ samples: [{ name: "a.npz", tensors: wrong }] });
    await expect(given(without(x, "input"))).rejects.toThrow('samples: a.npz must fit the network, got input "input" must be given');
    await expect(given({ ...x, dept: x.depth })).rejects.toThrow('got "dept" (did you mean "depth"?)');
    await expect(given({ ...x, depth: ones([1, 1, 8, 8]) })).rejects.toThrow(
      "samples: a.npz must fit the network, got depth must be f32[-1,1,16,16], got f32[1,1,8,8]",
    );
    const batch = { ...x, input: ones([2, 3, 16, 16]), depth: ones([2, 1, 16, 16]) };
    await expect(given(batch)).rejects.toThrow("got a batch of 2 where one sample is a batch of 1");
  });

  it("checks what a card says about inputs", async () => {
    const card = (more: object) => run({ card: { ...pair.card, ...more } });
    await expect(card({ pictureInput: "inptu" })).rejects.toThrow(
      'card: pictureInput must name an input of the network, got "inptu" (did you mean "input"?)',
    );
    await expect(card({ constants: { factor: [1, 1] } })).rejects.toThrow('constants must name an input of the network, got "factor"');
    await expect(card({ constants: { factors: [1] } })).rejects.toThrow("constants.factors must hold 2 values for [1,2,1,1], got 1");
  });
});

describe("tensors in place of pictures", () => {
  const list = [0, 1, 2].map((i) => tinySamples(5, 3).input(i));
  const run = (options: Partial<QuantizeOptions> = {}) => quantize(one.graph, { samples: tensorSamples(list), name: "tiny", ...options });

  it("give a detector detections in pixels of the network input", async () => {
    const { record, before, gate } = await run({ card: one.card });
    expect(record.detections?.float).toBeGreaterThan(0);
    expect(before[0].predictions.length).toBeGreaterThan(0);
    expect(gate.rule).toBe("kept");
  });

  it("quantize a network that no card describes, judged by its outputs", async () => {
    const graph = unknown();
    for (const method of ["minmax", "mse", "percentile", "entropy"] as const) {
      const { record, before, gate, onnx } = await quantize(graph, { samples: tensorSamples(list), method, scheme: "W8A8" });
      expect(record).toMatchObject({ detector: null, detections: null, gate: { rule: "sqnr", limit: 10, passed: true } });
      expect(record.layers.filter((l) => l.quantized).map((l) => l.name)).toEqual(["stem", "depthwise"]);
      expect(gate.message).toMatch(/^gate passed: lowest SQNR of an output \d+\.\d dB \(needed 10 dB\)$/);
      expect(before).toEqual([]);
      expect(importOnnx(onnx, { name: "again" }).outputs.map((p) => p.name)).toEqual(["map", "plain"]);
    }
    const failed = await quantize(graph, { samples: tensorSamples(list), method: "minmax", scheme: "W2A2", gate: "sqnr=90" });
    expect(failed.gate).toMatchObject({ passed: false, message: expect.stringContaining("needed 90 dB; try weights that are learned") });
  });

  it("need a card where a method or gate looks at detections", async () => {
    const bare = (options: Partial<QuantizeOptions>) => quantize(unknown(), { samples: tensorSamples(list), ...options });
    await expect(bare({})).rejects.toThrow(
      "method: inlierq must have the class scores of a detector, got a network without a detector card (give a card, or take minmax, percentile, mse, entropy, adaround, adaquant, brecq, qdrop, pdquant, subsetq)",
    );
    await expect(bare({ method: "mse", gate: "kept=0.9" })).rejects.toThrow("gate: kept must have detections to compare");
    await expect(bare({ method: "mse", samples: pictures() })).rejects.toThrow(
      "the network must have a class heatmap output that a preset knows",
    );
  });

  it("work with an sqnr gate on a detector too", async () => {
    const { gate, record } = await run({ card: one.card, gate: "sqnr=5" });
    expect(gate).toMatchObject({ rule: "sqnr", passed: true });
    expect(record.detections).not.toBeNull();
  });

  it("score boxes in input pixels for an ap50 gate", async () => {
    const samples: Sample[] = list.map((tensors, i) => ({ name: `t${i}`, tensors, truth: [{ box: [0, 0, 8, 8], label: 0 }] }));
    expect((await run({ card: one.card, samples, gate: "ap50=-100" })).gate.passed).toBe(true);
  });
});

/** The tiny network with outputs no preset knows. */
function unknown() {
  const { graph } = tinyDetector(4);
  const names = new Map([
    ["heatmap", "map"],
    ["size", "plain"],
  ]);
  const nodes = graph.nodes.map((n) => ({
    ...n,
    outputs: n.outputs.map((o) => names.get(o) ?? o),
    inputs: n.inputs.map((o) => names.get(o) ?? o),
  }));
  const outputs = graph.outputs.map((p) => ({ ...p, name: names.get(p.name) ?? p.name }));
  return new Graph({ name: "unknown", inputs: graph.inputs, outputs, nodes, parameters: graph.parameters });
}
