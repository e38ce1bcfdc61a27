import { describe, expect, it } from "vitest";
import { gmm1d } from "../../../src/em/index.ts";
import { diskShelf, startThreads } from "../../../src/node/index.ts";
import { applySite, choosers, requireLearnable, tapOf } from "../../../src/quant/index.ts";
import { adaquant, adaround, brecq, lidarptq, pdquant, qdrop } from "../../../src/quant/methods/index.ts";
import { fisherError } from "../../../src/quant/objective/reconstruction.ts";
import { uniformAffine } from "../../../src/quant/quantizer/uniformAffine.ts";
import { salient } from "../../../src/quant/reconstruct/evidence.ts";
import { boundedShelf } from "../../../src/quant/reconstruct/index.ts";
import type { Tensor } from "../../../src/tensor/index.ts";
import { setThreads } from "../../../src/wasm/index.ts";
import { runs } from "../../runs.ts";
import { tinyDetector, tinySamples } from "../tiny.ts";
import { residualNetwork, residualSamples } from "./residual.ts";
import { learned, learningOf, plainPlan, startPlan } from "./start.ts";

const steps = 15;
const METHODS = {
  adaround: adaround({ unit: "layer", steps }),
  adaquant: adaquant({ unit: "layer", steps }),
  brecq: brecq({ unit: "block", steps }),
  qdrop: qdrop({ unit: "block", steps }),
  network: qdrop({ unit: "network", steps }),
  pdquant: pdquant({ unit: "layer", steps, globalEvery: 4 }),
};
const NAMES = Object.keys(METHODS) as (keyof typeof METHODS)[];
const seeds = Array.from({ length: runs(2) }, (_, i) => i);
const network = (seed: number) => ({ model: { graph: residualNetwork(seed) }, samples: residualSamples(seed, 18) });

const same = (a: Tensor, b: Tensor): boolean =>
  a.data.every((v: number, i: number) => Object.is(v, b.data[i]) || (v === 0 && b.data[i] === 0));

describe.each(NAMES)("%s", (name) => {
  const reconstruction = learningOf(METHODS[name]);

  it("changes nothing in 0 steps", async () => {
    const { model, samples } = network(0);
    const start = await startPlan(model, samples);
    const { plan, units } = await learned(model, samples, start, { ...reconstruction, descent: { ...reconstruction.descent, steps: 0 } });
    expect(plainPlan(plan)).toEqual(plainPlan(start));
    expect(units.every((u) => u.steps === 0 && !u.kept)).toBe(true);
  });

  it("keeps what is better on grids it lies on, and else what it had", async () => {
    for (const seed of seeds) {
      const { model, samples } = network(seed);
      const start = await startPlan(model, samples);
      const { plan, units } = await learned(model, samples, start, reconstruction);
      for (const { biases, hard, kept } of units) {
        expect(biases).toBeLessThanOrEqual(1);
        expect(kept).toBe(hard < biases);
      }
      expect(units.some((u) => u.kept) || units.length === 1).toBe(true);
      const changed = new Set(units.filter((u) => u.kept).flatMap((u) => u.layers));
      for (const layer of model.graph.layers) {
        if (!changed.has(layer.name)) expect(plan.tuned.has(layer.weight), layer.name).toBe(false);
      }
      for (const [weight, tuned] of plan.tuned) expect(same(applySite(tuned, plan.weights.get(weight)!), tuned), weight).toBe(true);
    }
  });

  it("gives the same plan wherever activations wait and on any number of threads", async () => {
    const { model, samples } = network(3);
    const start = await startPlan(model, samples);
    const wanted = await learned(model, samples, start, reconstruction);
    const disk = diskShelf();
    const spilled = await learned(model, samples, start, reconstruction, boundedShelf(20_000, disk)).finally(() => disk.close());
    expect(disk.bytes).toBeGreaterThan(0);
    expect(plainPlan(spilled.plan)).toEqual(plainPlan(wanted.plan));
    expect(spilled.units).toEqual(wanted.units);
    const pool = startThreads(2, { least: 0 });
    const threaded = await learned(model, samples, start, reconstruction).finally(() => {
      setThreads(undefined);
      pool?.close();
    });
    expect(plainPlan(threaded.plan)).toEqual(plainPlan(wanted.plan));
    expect(threaded.units).toEqual(wanted.units);
  });
});

describe("learned rounding", () => {
  it("takes the code below or above", async () => {
    const { graph } = tinyDetector(2);
    const samples = tinySamples(2, 6);
    const start = await startPlan({ graph }, samples);
    const { plan } = await learned({ graph }, samples, start, learningOf(adaround({ unit: "layer", steps: 60, rate: 0.1 })));
    expect(plan.tuned.size).toBeGreaterThan(0);
    for (const [weight, tuned] of plan.tuned) {
      const { params, scheme } = plan.weights.get(weight)!;
      const w = graph.parameters.get(weight)!;
      const codes = uniformAffine.quantize(tuned, params, scheme);
      const per = w.size / params.scale.size;
      w.data.forEach((v: number, i: number) => {
        const [s, z] = [params.scale, params.zeroPoint].map((p) => p.data[Math.floor(i / per)]);
        const low = Math.floor(Math.fround(v / s));
        const allowed = [low, low + 1].map((code) => Math.min(scheme.qmax, Math.max(scheme.qmin, code + z)));
        expect(allowed).toContain(codes.data[i]);
      });
    }
  });

  it("of 16 bits gives the outputs of the float network", async () => {
    const { model, samples } = network(1);
    const start = await startPlan(model, samples, { weightBits: 16, firstLayerBits: 16 });
    const { plan } = await learned(model, samples, start, learningOf(METHODS.adaround));
    const x = samples.input(0);
    const [float] = Object.values(model.graph.forward(x));
    const [quantized] = Object.values(model.graph.forward(x, tapOf(model.graph, { ...plan, activations: new Map() })));
    float.data.forEach((v: number, i: number) => {
      expect(Math.abs(v - quantized.data[i])).toBeLessThan(1e-3);
    });
  });
});

it("dropping nothing is not dropping", async () => {
  const { model, samples } = network(4);
  const start = await startPlan(model, samples);
  const { stages, ...rest } = learningOf(qdrop({ unit: "block", steps, kept: 1 }));
  const without = stages.map(({ kept: _, ...stage }) => stage);
  const [a, b] = [
    await learned(model, samples, start, { stages, ...rest }),
    await learned(model, samples, start, { stages: without, ...rest }),
  ];
  expect(plainPlan(a.plan)).toEqual(plainPlan(b.plan));
  expect(a.units).toEqual(b.units);
});

it("a loss behind the unit is looked at every so many steps, and not between", async () => {
  const { model, samples } = network(2);
  const start = await startPlan(model, samples);
  const after = async (steps: number, globalEvery: number) =>
    (await learned(model, samples, start, learningOf(pdquant({ unit: "layer", steps, globalEvery })))).units.map((u) => u.soft);
  expect(await after(6, 6)).toEqual(await after(6, 100));
  expect(await after(7, 6)).not.toEqual(await after(7, 100));
  expect(await after(6, 6)).not.toEqual(await after(6, 1));
});

it("a loss of detections needs a network that makes some", async () => {
  const { model, samples } = network(0);
  const start = await startPlan(model, samples);
  const layers = new Set(start.layers);
  const { stages, ...rest } = learningOf(METHODS.brecq);
  const weighed = stages.map((stage) => ({
    ...stage,
    objective: fisherError(salient({ topK: 5, mode: "joint" }, { separator: gmm1d(), chooser: choosers.inliers, maxScores: 100 }), {
      added: 0,
    }),
  }));
  expect(() => requireLearnable(model, { stages: weighed, ...rest }, layers)).toThrow(
    /^fisherDiag: the model must be a detector, got a network without a card/,
  );
  expect(() => requireLearnable(model, learningOf(lidarptq()), layers)).toThrow(
    /^pseudoLabels: the model must be a detector, got a network without a card/,
  );
  expect(() => requireLearnable(model, learningOf(METHODS.pdquant), layers)).not.toThrow();
  expect(() => requireLearnable({ graph: tinyDetector(1).graph }, learningOf(METHODS.qdrop), layers)).toThrow(
    /^unit: "block" must find blocks/,
  );
});
