import { describe, expect, it } from "vitest";
import { EQUALIZER_NAMES, type QuantizeOptions, quantize, type Sample, type SensitivityOptions, sensitivity } from "../../src/job/index.ts";
import type { Progress } from "../../src/quant/index.ts";
import { isLifted } from "../../src/report/index.ts";
import { normChain } from "../quant/equalize/chains.ts";
import { tinyDetector, tinyPair, tinyPairInput, tinySamples } from "../quant/tiny.ts";

const { graph, card } = tinyDetector(4);
const inputs = tinySamples(3, 6);
const samples: Sample[] = inputs.names.map((name, i) => ({ name, tensors: inputs.input(i) }));
const POLICY = { keep: ["size"] };
/** Of the two readers of one tensor, one stays in float. */
const HALF = { policy: { keep: [] }, bits: [{ pattern: "size", by: "layer" as const, float: true as const }] };
const rankTiny = (options: Partial<SensitivityOptions> = {}) =>
  sensitivity(graph, { samples, card, name: "tiny", method: "minmax", scheme: "W3A3", policy: POLICY, ...options });
const run = (options: Partial<QuantizeOptions> = {}) =>
  quantize(graph, { samples, card, name: "tiny", method: "minmax", scheme: "W3A3", policy: POLICY, gate: "kept=0", ...options });

describe("sensitivity", () => {
  it("gives an account that is the same every time", async () => {
    const [a, b] = [await rankTiny(), await rankTiny()];
    expect(JSON.stringify(a)).toBe(JSON.stringify(b));
    expect(a.record).toMatchObject({ model: "tiny", scheme: "W3A3", policy: "custom", mode: "isolated", high: 8, samples: inputs.names });
    expect(a.record.items.map((i) => i.name).sort()).toEqual(["depthwise", "heat", "relu_1", "relu_3"]);
    const gains = a.record.items.map((i) => i.gain);
    expect(gains).toEqual([...gains].sort((x, y) => y - x));
    expect(a.config).toBeUndefined();
  });

  it("reports work that only goes forward", async () => {
    const seen: Progress[] = [];
    await rankTiny({ mode: "accumulated", onProgress: (p) => seen.push(p) });
    const fractions = seen.map((p) => p.fraction);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
    expect(seen.at(-1)).toMatchObject({ stage: "rank", done: 4, total: 4 });
  });

  it("stops when aborted", async () => {
    const abort = new AbortController();
    const job = rankTiny({ signal: abort.signal, onProgress: (p) => p.stage === "rank" && abort.abort() });
    await expect(job).rejects.toThrow(/^rank: the job must not be aborted, got an abort after step 1 of 4/);
  });

  it("proposes a configuration that quantize takes, and lifts nothing else", async () => {
    const given = [{ pattern: "heat", weightBits: 5 }];
    const { record, config } = await rankTiny({ budget: "elements=30%", bits: given, exclude: [] });
    expect(record.proposal?.spent).toBeLessThanOrEqual(0.3);
    expect(record.proposal?.lifted).toHaveLength(1);
    expect(config?.bits?.slice(0, 1)).toEqual(given);
    const { samples: _, ...rest } = { ...config, samples: undefined };
    const { record: quantized } = await run(rest);
    const lifted = record.proposal?.lifted[0];
    expect(quantized.sites.map((s) => s.bits)).toEqual(quantized.sites.map((s) => (s.tensor === "input" || s.tensor === lifted ? 8 : 3)));
    expect(quantized.layers.find((l) => l.name === "heat")?.weightBits).toBe(5);
  });

  it.each(["elements=100%", "bops=1G"])("leaves float what was asked to stay so, for %s", async (budget) => {
    const { record, config } = await rankTiny({ budget, ...HALF });
    expect(record.proposal?.lifted).toContain("relu_3");
    const { samples: _, ...rest } = { ...config, samples: undefined };
    const { record: quantized } = await run(rest);
    expect(quantized.sites.find((s) => s.tensor === "relu_3")).toMatchObject({ bits: 8, readers: ["heat"] });
    expect(quantized.layers.find((l) => l.name === "size")).toMatchObject({ quantized: false, weightBits: null });
  });

  it.each([
    ["elements=50%", 8],
    ["storage=480B", 8],
    ["bops=1.5M", 8],
    ["bops=2.5M", "float"],
  ] as const)("marks what is lifted and nothing else, for %s to %s", async (budget, high) => {
    const { record } = await rankTiny({ budget, high });
    const marked = record.items.filter((item) => isLifted(item, record.proposal)).map((i) => i.name);
    expect(marked.sort()).toEqual([...(record.proposal?.lifted ?? [])].sort());
    expect(marked.length).toBeGreaterThan(0);
    expect(marked.length).toBeLessThan(record.items.length);
    expect(record.items.some((item) => isLifted(item, null))).toBe(false);
  });

  it("proposes layers to leave out where all have 8 bits", async () => {
    const { record, config } = await rankTiny({ scheme: "W8A8", budget: "bops=1G" });
    expect(record.high).toBe("float");
    expect(record.items.every((i) => i.kind === "layer")).toBe(true);
    expect(config?.bits?.every((rule) => rule.float === true && rule.by === "layer")).toBe(true);
  });

  it("ranks a network without a card by its outputs", async () => {
    const { graph: bare } = tinyPair(2);
    const list: Sample[] = [0, 1].map((i) => ({ name: `s${i}`, tensors: tinyPairInput(i) }));
    const { record } = await sensitivity(bare, { samples: list, method: "minmax", scheme: "W4A4", policy: { keep: [] } });
    expect(record.detector).toBeNull();
    expect(record.items.every((i) => i.gain > 0 && i.damage.boxes === 0)).toBe(true);
  });

  it.each([
    [{ mode: "isolate" }, 'mode: must be a known one, got "isolate" (did you mean "isolated"?)'],
    [{ high: 9 }, 'high: must be a whole number from 3 to 8, or "float", got 9'],
    [{ scheme: "W8A8", high: 8 }, "lift: something must have fewer than 8 bits to be lifted, got nothing"],
    [{ budget: "storage=1B" }, "budget: storage must be at least"],
    [{ promote: 0.5 } as object, "promote: must be left to quantize, got 0.5"],
  ] as [Partial<SensitivityOptions>, string][])("refuses %j", async (options, message) => {
    await expect(rankTiny(options)).rejects.toThrow(message);
  });
});

describe("sensitivity with equalize", () => {
  it.each(EQUALIZER_NAMES)("ranks the network that quantize calibrates after %s", async (name) => {
    const { model, record: quantized } = await run({ equalize: [name] });
    const { record } = await rankTiny({ equalize: [name] });
    const known = graph.layers.map((l) => l.name);
    const branches = model.graph.layers.map((l) => l.name).filter((layer) => !known.includes(layer));
    const { record: alone } = await sensitivity(model.graph, {
      ...{ samples, card, name: "tiny", method: "minmax", scheme: "W3A3", policy: POLICY, exclude: branches },
    });
    expect(record.equalize).toEqual(quantized.equalize);
    expect([record.whole, record.items]).toEqual([alone.whole, alone.items]);
  });

  it("proposes a configuration that rewrites and lifts the same", async () => {
    const { record, config } = await rankTiny({ equalize: ["low-rank", "smooth"], budget: "elements=60%" });
    expect(config?.equalize).toEqual(["low-rank", "smooth"]);
    const { samples: _, ...rest } = { ...config, samples: undefined };
    const { record: quantized } = await run(rest);
    const lifted = quantized.sites.filter((s) => s.bits === 8 && s.tensor !== "input").map((s) => s.tensor);
    expect(lifted.length).toBeGreaterThan(0);
    expect(lifted.sort()).toEqual([...(record.proposal?.lifted ?? [])].sort());
  });

  it("reports the rewriting too, and only goes forward", async () => {
    const seen: Progress[] = [];
    await rankTiny({ equalize: ["smooth"], onProgress: (p) => seen.push(p) });
    const fractions = seen.map((p) => p.fraction);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect([seen[0].stage, fractions.at(-1)]).toEqual(["equalize", 1]);
  });

  it("refuses a rewrite that finds nothing to work on", async () => {
    const { graph: bare, x } = normChain(1);
    const job = sensitivity(bare, { samples: [{ name: "s", tensors: x }], method: "minmax", scheme: "W4A4", equalize: ["absorb-bias"] });
    await expect(job).rejects.toThrow(/^equalize: absorb-bias must find a layer with a bias/);
  });
});

describe("a budget that cannot be met", () => {
  it.each(["storage=1B", "bops=1"])("of %s is refused before anything is calibrated", async (budget) => {
    const told: string[] = [];
    const job = rankTiny({ budget, onProgress: ({ stage }) => told.push(stage) });
    await expect(job).rejects.toThrow(/^budget: (storage|bops) must be at least .*, what it takes with nothing lifted, got 1/);
    expect(told).toEqual([]);
  });
});

describe("promotion", () => {
  it("leaves float what was asked to stay so", async () => {
    const { record, plan } = await run({ promote: 1, ...HALF });
    expect(record.promotion?.tensors.map((t) => t.tensor)).toContain("relu_3");
    expect(record.sites.find((s) => s.tensor === "relu_3")).toMatchObject({ bits: 8, readers: ["heat"] });
    expect(plan.layers.has("size")).toBe(false);
  });

  it("gives 8 bits to tensors within the share, and says which", async () => {
    const seen: Progress[] = [];
    const { record, onnx } = await run({ promote: 0.3, onProgress: (p) => seen.push(p) });
    expect(record.promotion).toMatchObject({ bits: 8, limit: 0.3, samples: 6 });
    expect(record.promotion?.share).toBeGreaterThan(0);
    expect(record.promotion?.share).toBeLessThanOrEqual(0.3);
    const promoted = record.promotion?.tensors.map((t) => t.tensor) ?? [];
    expect(promoted).toHaveLength(1);
    for (const { tensor, bits } of record.sites) expect(bits).toBe(tensor === "input" || promoted.includes(tensor) ? 8 : 3);
    const fractions = seen.map((p) => p.fraction);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect([...new Set(seen.map((p) => p.stage))]).toContain("promote: rank");
    expect(seen.at(-1)?.fraction).toBe(1);
    const again = await run({ promote: 0.3 });
    expect(Buffer.compare(onnx, again.onnx)).toBe(0);
  });

  it("goes to the bits that are asked for, on top of given ones", async () => {
    const { record } = await run({ promote: 1, promoteBits: 5, bits: [{ pattern: "relu_1", activationBits: 6 }] });
    expect(record.sites.map((s) => [s.tensor, s.bits])).toEqual([
      ["input", 8],
      ["relu_1", 6],
      ["relu_3", 5],
    ]);
  });

  it("is refused where nothing has fewer bits, and absent where not asked for", async () => {
    await expect(run({ scheme: "W4A8", promote: 0.25 })).rejects.toThrow(/^lift: something must have fewer than 8 bits to be lifted/);
    await expect(run({ promote: 25 })).rejects.toThrow(/promote must fit the schema, got 25/);
    expect((await run()).record).not.toHaveProperty("promotion");
  });
});
