import { describe, expect, it } from "vitest";
import type { Picture } from "../../src/data/index.ts";
import { assembleGraph, type Node } from "../../src/graph/index.ts";
import { type QuantizeOptions, quantize, type Sample } from "../../src/job/index.ts";
import { decodeModel } from "../../src/onnx/protobuf.ts";
import { pad, Rng } from "../../src/tensor/index.ts";
import { VERSION } from "../../src/version.ts";
import { tinyDetector } from "../quant/tiny.ts";

/** Small noisy pictures. */
function* pictures(count: number): Generator<Sample> {
  const rng = new Rng(9);
  for (let i = 0; i < count; i++) {
    const data = Uint8Array.from({ length: 16 * 16 * 3 }, () => rng.int(0, 255));
    const picture: Picture = { width: 16, height: 16, data };
    yield { name: `p${i}`, picture };
  }
}

const { graph, card } = tinyDetector(4);
const run = (options: Partial<QuantizeOptions> = {}) =>
  quantize(graph, { samples: pictures(6), sampleCount: 4, card, name: "tiny", ...options });

describe("quantize", () => {
  it("gives a file, an account and detections of the samples it took", async () => {
    const stages: string[] = [];
    const result = await run({ onProgress: (p) => stages.push(`${p.stage} ${p.fraction <= 1}`) });
    expect(result.fileName).toBe("tiny.w8a8.onnx");
    expect(result.record).toMatchObject({ version: 1, method: "inlierq", scheme: "W8A8", samples: ["p0", "p1", "p2", "p3"], seed: 0 });
    expect(result.record.macs.fraction).toBeGreaterThan(0.5);
    expect(result.before.map((d) => d.name)).toEqual(["p0", "p1", "p2", "p3"]);
    expect(new Set(stages)).toEqual(
      new Set(["observe true", "separate true", "select true", "refine true", "measure true", "detect true"]),
    );
  });

  it("writes method, bits and seed into the file's metadata", async () => {
    const { onnx } = await run({ scheme: "W4A8", method: "minmax", seed: 7 });
    const model = decodeModel(onnx, "tiny");
    const metadata = Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value]));
    expect(metadata).toMatchObject({ method: "minmax", scheme: "W4A8", seed: "7", policy: "inlierq" });
    expect([model.producerName, model.producerVersion]).toEqual(["inlierq", VERSION]);
  });

  it("is reproducible to the byte", async () => {
    const [a, b] = [await run(), await run()];
    expect(Buffer.compare(a.onnx, b.onnx)).toBe(0);
    expect(JSON.stringify(a.record)).toBe(JSON.stringify(b.record));
  });

  it("finds tau without labels and says how in the record", async () => {
    const seen: [string, number][] = [];
    const { record } = await run({ inlierq: { tau: "auto" }, onProgress: (p) => seen.push([p.stage, p.fraction]) });
    const { chosen, tried } = record.tuning ?? { chosen: 0, tried: [] };
    expect(tried.map((t) => t.value)).toContain(chosen);
    expect(record.config).toMatchObject({ inlierq: { tau: chosen, selection: "inliers" } });
    expect(seen.filter(([stage]) => stage === "tune")).toHaveLength(tried.length);
    expect(seen.map(([, fraction]) => fraction)).toEqual(seen.map(([, fraction]) => fraction).sort((a, b) => a - b));
    const given = await run({ inlierq: { tau: chosen } });
    expect(given.record.sites).toEqual(record.sites);
    expect(given.record.tuning).toBeUndefined();
  });

  it("names the active selection in the record", async () => {
    const { record } = await run({ inlierq: { selection: "random" } });
    expect(record.config).toMatchObject({ inlierq: { selection: "random", fisherTargets: "plugin", peaks: false } });
    const { sites } = (await run()).record;
    expect(record.sites.map((s) => s.inlierShare)).toEqual(sites.map((s) => s.inlierShare));
    expect(record.sites.map((s) => s.scale)).not.toEqual(sites.map((s) => s.scale));
  });

  it("takes async samples", async () => {
    async function* later(): AsyncGenerator<Sample> {
      yield* pictures(2);
    }
    expect((await run({ samples: later() })).record.samples).toEqual(["p0", "p1"]);
  });

  it("stops between samples when aborted", async () => {
    const abort = new AbortController();
    const job = run({ signal: abort.signal, onProgress: () => abort.abort() });
    await expect(job).rejects.toThrow(/^observe: the job must not be aborted, got an abort after step 1 of 4/);
  });

  it.each([
    [{ samples: [] }, "samples: needs at least 1 sample, got 0"],
    [{ scheme: "W9A8" }, 'parseScheme: expected "W<bits>A<bits>" with bits 2..8, got "W9A8"'],
    [{ gate: "ap50=-1" }, "gate: ap50 must come with annotated pictures"],
    [{ methd: "mse" }, 'quantize: keys must be known, got "methd" (did you mean "method"?)'],
  ])("refuses %j", async (options, message) => {
    await expect(run(options as Partial<QuantizeOptions>)).rejects.toThrow(message);
  });

  it("refuses to judge by ap50 where no box counts", async () => {
    const truth = [{ box: [0, 0, 8, 8] as const, label: 0, difficult: true }];
    const samples = [...pictures(2)].map((sample) => ({ ...sample, truth }));
    const message = "gate: ap50 must come with annotated pictures, got pictures on which no box counts";
    await expect(run({ samples, gate: "ap50=-1" })).rejects.toThrow(message);
  });

  it("says before the work that a network cannot be exported", async () => {
    const [stem, ...rest] = graph.nodes;
    const attrs = { pads: [0, 0, 0, 0], mode: "circular", value: 0 } as const;
    const turned: Node = { name: "turn", op: pad.def, attrs, inputs: stem.inputs.slice(0, 1), outputs: ["turned"] };
    const nodes = [turned, { ...stem, inputs: ["turned", ...stem.inputs.slice(1)] }, ...rest];
    const network = assembleGraph({ ...graph, nodes });
    let steps = 0;
    const job = quantize(network, { samples: pictures(2), card, onProgress: () => steps++ });
    await expect(job).rejects.toThrow('padding must be constant, reflect or replicate, got circular (node "turn")');
    expect(steps).toBe(0);
  });
});
