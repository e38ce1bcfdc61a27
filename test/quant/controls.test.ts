import { describe, expect, it } from "vitest";
import { ArgumentError, StateError } from "../../src/errors.ts";
import {
  type CalibrateOptions,
  type Calibration,
  calibrate,
  type GraphDetector,
  type InlierqOptions,
  inlierq,
  type Method,
  minmax,
  outputSqnr,
  Steps,
  tuneMethod,
} from "../../src/quant/index.ts";
import { tinyDetector, tinySamples } from "./tiny.ts";

const OPTIONS: CalibrateOptions = { assign: { weightBits: 4, activationBits: 4, keep: ["heat", "size"] }, seed: 3, biasCorrection: false };

const run = (method: Method, seed = 5, model: GraphDetector = tinyDetector(seed)): Promise<Calibration> =>
  calibrate(model, tinySamples(seed + 1, 4), method, OPTIONS, new Steps([], {}));

const PLAIN: InlierqOptions = { fisher: "none", refine: "none" };
const CONTROLS: readonly InlierqOptions[] = [
  { selection: "random" },
  { selection: "magnitude" },
  { selection: "soft" },
  { selection: "soft", lambdaAnomaly: 0.5 },
  { selection: "all" },
  { selection: "anomalies" },
  { monotone: false },
  { topKMode: "joint" },
  { separator: "kmeans" },
  { separator: "svm" },
  { fisherTargets: "expected" },
  { peaks: true },
  { minScore: 0.3 },
];

describe("controls of inlierq", () => {
  it.each(CONTROLS)("%j gives the same grids again, ranges within min-max, and its options to the record", async (options) => {
    const method = inlierq(options);
    expect(method.options).toMatchObject(options);
    const [a, b] = [await run(method), await run(inlierq(options))];
    expect([...a.plan.activations]).toEqual([...b.plan.activations]);
    for (const [name, { min, max }] of a.ranges) {
      const all = a.observed.extremes.get(name);
      min.forEach((v, c) => expect(v).toBeGreaterThanOrEqual(Math.min(0, all?.min[c] ?? 0)));
      max.forEach((v, c) => expect(v).toBeLessThanOrEqual(Math.max(0, all?.max[c] ?? 0)));
    }
    for (const { curve } of a.refined.values()) expect(curve[curve.length - 1]).toBeLessThanOrEqual(curve[0]);
  });

  it.each(CONTROLS)("%j works with learned weights", async (options) => {
    const { units, plan } = await run(inlierq({ ...options, weights: "adaround", learn: { steps: 5 } }));
    expect(units.length).toBeGreaterThan(0);
    for (const { params } of plan.activations.values()) expect(params.scale.data.every((s) => s > 0)).toBe(true);
  });

  it.each(["adaround", "qdrop"] as const)("learns weights by %s in the units it is told", async (weights) => {
    const unitOf = (learn: NonNullable<InlierqOptions["learn"]>) => inlierq({ weights, learn }).reconstruction?.unit;
    expect(unitOf({})).toBe(weights === "qdrop" ? "block" : "layer");
    for (const unit of ["layer", "block", "network"] as const) expect(unitOf({ unit })).toBe(unit);
    const layersOf = async (unit: "layer" | "network") =>
      (await run(inlierq({ weights, learn: { unit, steps: 3 } }))).units.map((u) => u.layers);
    expect(await layersOf("layer")).toEqual([["stem"], ["depthwise"]]);
    expect(await layersOf("network")).toEqual([["stem", "depthwise"]]);
  });

  it("refuses blocks of a network without any before it reads a sample, unless weights are rounded to nearest", async () => {
    const model = tinyDetector(5);
    const unread = { names: ["a"], input: (): never => expect.fail("a sample was read") };
    for (const weights of ["adaround", "qdrop"] as const) {
      const method = inlierq({ weights, learn: { unit: "block" } });
      await expect(calibrate(model, unread, method, OPTIONS, new Steps([], {}))).rejects.toThrow(/^unit: "block" must find blocks/);
    }
    expect((await run(inlierq({ learn: { unit: "block" } }))).units).toEqual([]);
    expect(inlierq.schema.safeParse({ learn: { unit: "blocks" } }).success).toBe(false);
  });

  it("all without weights and refinement is plain min-max", async () => {
    for (const seed of [1, 2, 3]) {
      const [ours, theirs] = [await run(inlierq({ ...PLAIN, selection: "all" }), seed), await run(minmax(), seed)];
      expect([...ours.plan.activations]).toEqual([...theirs.plan.activations]);
    }
  });

  it("soft has the ranges of min-max before refinement", async () => {
    const [ours, theirs] = [await run(inlierq({ ...PLAIN, selection: "soft" })), await run(minmax())];
    expect([...ours.plan.activations]).toEqual([...theirs.plan.activations]);
  });

  it("refuses peaks of a detector whose score map is no grid", async () => {
    const model = tinyDetector(5);
    const { maps: _, ...detector } = model.detector;
    const bare = { ...model, detector };
    await expect(run(inlierq({ peaks: true }), 5, bare)).rejects.toThrow(
      'saliency: peaks must be asked of a detector whose score map is a grid, got "tiny", whose is none',
    );
  });
});

describe("tau without labels", () => {
  const problem = (method: Method) => ({ model: tinyDetector(5), samples: tinySamples(6, 5), method, options: OPTIONS });

  it("takes the candidate of the highest held-out output SQNR", async () => {
    const stages: string[] = [];
    const { method, tuning } = await tuneMethod(problem(inlierq({ tau: "auto" })), {
      onProgress: (p) => stages.push(`${p.done}/${p.total}`),
    });
    expect(stages).toEqual(["1/5", "2/5", "3/5", "4/5", "5/5"]);
    expect(tuning?.samples).toEqual({ fitted: 3, heldOut: 2 });
    expect(tuning?.tried.map((t) => t.value)).toEqual([0.1, 0.3, 0.5, 0.7, 0.9]);
    const best = Math.max(...(tuning?.tried ?? []).map((t) => t.sqnr));
    expect(tuning?.tried.find((t) => t.sqnr === best)?.value).toBe(tuning?.chosen);
    expect(method.options.tau).toBe(tuning?.chosen);
    const { model, samples } = problem(method);
    const pick = (places: readonly number[]) => ({
      names: places.map((i) => samples.names[i]),
      input: (i: number) => samples.input(places[i]),
    });
    const { plan } = await calibrate(model, pick([0, 2, 4]), method, { ...OPTIONS, measureSamples: 1 }, new Steps([], {}));
    expect(await outputSqnr(model, plan, pick([1, 3]), async () => {})).toBe(best);
  });

  it("leaves a complete method as it is", async () => {
    const method = inlierq({ tau: 0.3 });
    expect(await tuneMethod(problem(method), {})).toEqual({ method });
  });

  it("must be chosen before calibration, and must have a say", async () => {
    await expect(run(inlierq({ tau: "auto" }))).rejects.toThrow(StateError);
    expect(() => inlierq({ tau: "auto", separator: "svm" })).toThrow('got separator "svm"');
    expect(() => inlierq({ tau: "auto", selection: "all" })).toThrow(ArgumentError);
  });
});
