import { describe, expect, it } from "vitest";
import { EQUALIZER_NAMES, type QuantizeOptions, quantize, type Sample } from "../../src/job/index.ts";
import { decodeModel } from "../../src/onnx/protobuf.ts";
import { Rng } from "../../src/tensor/index.ts";
import { normChain } from "../quant/equalize/chains.ts";
import { tinyDetector } from "../quant/tiny.ts";

function* pictures(count: number): Generator<Sample> {
  const rng = new Rng(9);
  for (let i = 0; i < count; i++) {
    yield { name: `p${i}`, picture: { width: 16, height: 16, data: Uint8Array.from({ length: 16 * 16 * 3 }, () => rng.int(0, 255)) } };
  }
}

const { graph, card } = tinyDetector(4);
const run = (options: Partial<QuantizeOptions> = {}) =>
  quantize(graph, { samples: pictures(4), card, name: "tiny", method: "minmax", scheme: "W4A8", ...options });

describe("quantize with equalize", () => {
  it.each(EQUALIZER_NAMES)("%s changes the network before calibration and says so", async (name) => {
    const stages: string[] = [];
    const { record, model, onnx } = await run({ equalize: [name], onProgress: (p) => stages.push(p.stage) });
    expect(record.config.equalize).toEqual([name]);
    expect(record.equalize?.applied).toHaveLength(1);
    const [{ name: applied, changed }] = record.equalize?.applied ?? [];
    expect(applied).toBe(name);
    if (name !== "absorb-bias") expect(changed.length).toBeGreaterThan(0);
    const { outputSqnr } = record.equalize ?? {};
    if (typeof outputSqnr === "number") expect(outputSqnr).toBeGreaterThan(100);
    expect(stages.filter((s) => s === "equalize")).toHaveLength(["cross-layer", "low-rank"].includes(name) ? 0 : 4);
    expect(decodeModel(onnx, "tiny").graph?.node.length).toBeGreaterThan(0);
    expect(model.graph.layers.length).toBe(name === "low-rank" ? graph.layers.length + 2 * changed.length : graph.layers.length);
  });

  it("keeps low-rank branches in float and counts them", async () => {
    const [plain, branched] = [await run(), await run({ equalize: ["low-rank"] })];
    const branches = branched.record.layers.filter((l) => l.name.includes("/lowRank/"));
    expect(branches.map((l) => l.quantized)).toEqual([false, false, false, false].slice(0, branches.length));
    expect(branched.record.macs.total).toBeGreaterThan(plain.record.macs.total);
    expect(branched.record.cost.bops).toBeGreaterThan(plain.record.cost.bops);
  });

  it("applies several in order, and gives the same bytes again", async () => {
    const options = { equalize: ["cross-layer", "smooth"] } as const;
    const [a, b] = [await run({ ...options, equalize: [...options.equalize] }), await run({ equalize: [...options.equalize] })];
    expect(a.record.equalize?.applied.map((e) => e.name)).toEqual(["cross-layer", "smooth"]);
    expect(Buffer.compare(a.onnx, b.onnx)).toBe(0);
  });

  it("says nothing in the record where nothing was asked for", async () => {
    expect((await run()).record).not.toHaveProperty("equalize");
  });

  it("refuses what finds nothing to work on, before the work starts", async () => {
    const bare = normChain(1);
    const samples = [{ name: "s", tensors: bare.x }];
    const told: string[] = [];
    const job = quantize(bare.graph, { samples, method: "minmax", equalize: ["absorb-bias"], onEstimate: () => told.push("estimate") });
    await expect(job).rejects.toThrow(
      "equalize: absorb-bias must find a layer with a bias, at most a ReLU, and unpadded convolutions with biases after it, got none in 3 layers (graph chain)",
    );
    expect(told).toEqual([]);
  });

  it("refuses an unknown name", async () => {
    await expect(run({ equalize: ["smoth"] as never })).rejects.toThrow(/^quantize: equalize\.0 must fit the schema, got "smoth"/);
  });
});

describe("the cost in the record", () => {
  it("adds up, names its rule and holds the size of the file", async () => {
    const { record, onnx } = await run();
    const { cost, macs } = record;
    expect(cost.floatBops).toBe(1024 * macs.total);
    expect(cost.effectiveFlops[cost.convention]).toBeCloseTo(cost.bops / 1024, 6);
    expect(cost.bytes.file).toBe(onnx.length);
    expect(cost.bytes.total).toBe(record.bytes.after);
  });
});
