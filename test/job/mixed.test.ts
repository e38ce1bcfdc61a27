import { describe, expect, it } from "vitest";
import { integerFileOf, type QuantizeOptions, quantize, type Sample } from "../../src/job/index.ts";
import { prepareInteger, proveEquality, readIntegerFile, tapOf } from "../../src/quant/index.ts";
import { gap, runInRuntime } from "../onnx/runtime.ts";
import { tinyDetector, tinySamples } from "../quant/tiny.ts";

const { graph, card } = tinyDetector(4);
const inputs = tinySamples(3, 6);
const samples: Sample[] = inputs.names.map((name, i) => ({ name, tensors: inputs.input(i) }));
const run = (options: Partial<QuantizeOptions> = {}) =>
  quantize(graph, { samples, card, name: "tiny", method: "minmax", gate: "kept=0", ...options });

const MIXED = {
  scheme: "W4A5",
  policy: { keep: ["size"] },
  bits: [
    { pattern: "*", by: "layer", weightBits: 3 },
    { pattern: "st*", weightBits: 6 },
    { pattern: "heat", weightBits: 8, activationBits: 7 },
    { pattern: "relu_1", by: "tensor", activationBits: 2 },
  ],
} as const satisfies Partial<QuantizeOptions>;

describe("bits of one's own", () => {
  it("reach every layer and tensor they name, the last match over earlier ones", async () => {
    const { record } = await run(MIXED);
    expect(record.policy).toBe("custom");
    expect(record.config).toMatchObject({ policy: MIXED.policy, bits: MIXED.bits });
    expect(record.layers.map((l) => [l.name, l.weightBits])).toEqual([
      ["stem", 6],
      ["depthwise", 3],
      ["heat", 8],
      ["size", null],
    ]);
    expect(record.layers.map((l) => l.weightMapping)).toEqual(["affine", "affine", "symmetricNarrow", null]);
    expect(record.sites.map((s) => [s.tensor, s.bits])).toEqual([
      ["input", 8],
      ["relu_1", 2],
      ["relu_3", 7],
    ]);
  });

  it("are what the export computes in onnxruntime-web and what the integer model computes", async () => {
    const { onnx, plan } = await run(MIXED);
    for (let i = 0; i < 3; i++) {
      const x = inputs.input(i);
      const simulated = graph.forward(x, tapOf(graph, plan));
      const outside = await runInRuntime(onnx, { input: x });
      for (const [name, y] of Object.entries(simulated)) expect(gap(outside[name], y), name).toBeLessThan(1e-5);
      const { codes, boundary, violations } = proveEquality(prepareInteger(graph, plan), x);
      expect(violations).toBe(0);
      expect(codes).toBeGreaterThan(0);
      expect(boundary).toBeLessThanOrEqual(0.01 * codes);
    }
  });

  it("are stored at their own width and come back", async () => {
    const [mixed, wide] = [await run(MIXED), await run({ ...MIXED, bits: [{ pattern: "*", weightBits: 8 }] })];
    expect(mixed.record.bytes.after).toBeLessThan(wide.record.bytes.after);
    expect(mixed.onnx.length).toBeGreaterThan(0);
    const { plan } = readIntegerFile(integerFileOf(mixed), "tiny");
    expect([...plan.weights].map(([name, site]) => [name, site.scheme.bits])).toEqual([
      ["stemWeight", 6],
      ["depthwiseWeight", 3],
      ["heatWeight", 8],
    ]);
    expect([...plan.activations.values()].map((site) => site.scheme.bits)).toEqual([8, 2, 7]);
  });

  it("leave layers in float, and take them back", async () => {
    const float = await run({ policy: { keep: [] }, bits: [{ pattern: "relu_3", float: true }] });
    expect(float.record.layers.map((l) => l.quantized)).toEqual([true, true, false, false]);
    const back = await run({
      policy: { keep: [] },
      bits: [
        { pattern: "relu_3", float: true },
        { pattern: "size", weightBits: 5 },
      ],
    });
    expect(back.record.layers.map((l) => l.weightBits)).toEqual([8, 8, null, 5]);
  });

  it("correct biases where they go below 8", async () => {
    const of = async (options: Partial<QuantizeOptions>) => (await run(options)).record.layers.some((l) => l.biasCorrection);
    expect(await of({ bits: [{ pattern: "depthwise", weightBits: 4 }] })).toBe(true);
    expect(await of({ bits: [{ pattern: "depthwise", activationBits: 4 }] })).toBe(false);
    expect(await of({ bits: [{ pattern: "depthwise", weightBits: 4 }], biasCorrection: false })).toBe(false);
  });
});

describe("what is refused", () => {
  const rows: [string, Partial<QuantizeOptions>, string][] = [
    [
      "a rule that matches nothing",
      { bits: [{ pattern: "depthwize", weightBits: 4 }] },
      'bits: every pattern must match a layer or a tensor it reads, got "depthwize" (did you mean "depthwise"?)',
    ],
    [
      "a tensor that is a layer's name",
      { bits: [{ pattern: "relu1", by: "tensor", activationBits: 4 }] },
      'bits: every pattern must match a tensor that a layer reads, got "relu1" (did you mean "relu_1"?)',
    ],
    [
      "bits of a layer in float",
      { bits: [{ pattern: "heat", weightBits: 4 }] },
      'bits: a rule must match a layer that the policy quantizes, got only layers it keeps in float, as "heat" (pattern "heat")',
    ],
    [
      "a rule without bits",
      { bits: [{ pattern: "stem" }] },
      "bits: a rule must give weightBits or activationBits, or else float, got neither",
    ],
    [
      "bits of float",
      { bits: [{ pattern: "stem", weightBits: 4, float: true }] },
      "bits: a rule must give weightBits or activationBits, or else float, got both",
    ],
    ["9 bits", { bits: [{ pattern: "stem", weightBits: 9 }] }, "quantize: bits.0.weightBits must fit the schema, got 9"],
    [
      "a policy that matches nothing",
      { policy: { keep: ["head"] } },
      'policy: every pattern must match a layer, got "head" (did you mean "heat"?)',
    ],
    [
      "an unknown policy",
      { policy: "mine" as "inlierq" },
      'quantize: policy must fit the schema, got "mine" (a policy is "inlierq", "regptq" or',
    ],
    [
      "an exclude that matches nothing",
      { exclude: ["stam"] },
      'exclude: every pattern must match a layer, got "stam" (did you mean "stem"?)',
    ],
  ];
  it.each(rows)("%s", async (_, options, message) => {
    await expect(run(options)).rejects.toThrow(message);
  });
});
