import { describe, expect, it } from "vitest";
import { type Graph, type NormStatistics, runNode } from "../../../src/graph/index.ts";
import { type QuantizeOptions, quantize } from "../../../src/job/index.ts";
import { importOnnx } from "../../../src/onnx/index.ts";
import { type Journal, requireLearnable, type UnitEntry } from "../../../src/quant/index.ts";
import { pdquant } from "../../../src/quant/methods/index.ts";
import { type CorrectionRun, correctSamples } from "../../../src/quant/reconstruct/distribution.ts";
import { fixedSteps, memoryShelf, timeBudget } from "../../../src/quant/reconstruct/index.ts";
import type { Tensor } from "../../../src/tensor/index.ts";
import { normalizedFile, promised } from "./normalized.ts";
import { residualSamples } from "./residual.ts";
import { learned, learningOf, plainPlan, startPlan } from "./start.ts";

const correction = { steps: 20, rate: 3e-3, share: 0.02 };
const run = (more: Partial<CorrectionRun> = {}): CorrectionRun => ({
  ...{ correction, batch: 2, budget: fixedSteps(0), costs: [1], shelf: memoryShelf, rest: async () => {} },
  ...more,
});
const same = (found: NormStatistics): NormStatistics => found;
const shifted = ({ mean, deviation }: NormStatistics): NormStatistics => ({
  mean: mean.map((m, c) => m + 0.1 * (c + 1)),
  deviation: deviation.map((d) => 1.3 * d),
});

/** Inputs and targets of a correction, and its record. */
async function corrected({ graph, unit, inputs }: ReturnType<typeof promised>, more: Partial<CorrectionRun> = {}) {
  const indices = inputs.map((_, i) => i);
  const { samples, record } = await correctSamples(graph, unit, indices, (i) => inputs[i], run(more));
  const float = (x: Readonly<Record<string, Tensor>>): Tensor => {
    const env = new Map(Object.entries(x));
    for (const node of unit.nodes) runNode(graph, node, env);
    return env.get(unit.outputs[0]) as Tensor;
  };
  const found = indices.map((i) => {
    const sample = samples.get(i);
    const moved = Object.fromEntries([...(sample?.inputs ?? [])].map(([name, kept]) => [name, kept.get()]));
    return { moved, target: sample?.targets[0].get() as Tensor, given: float(inputs[i]), again: float(moved) };
  });
  return { record, found };
}

describe("the correction of a unit's inputs", () => {
  it("changes nothing where the statistics are as promised", async () => {
    const { record, found } = await corrected(promised(1, 8, same));
    expect(record.before).toBeLessThan(1e-10);
    for (const { target, given } of found) {
      target.data.forEach((v: number, i: number) => expect(Math.abs(v - given.data[i])).toBeLessThan(1e-6));
    }
  });

  it("brings them closer where they are not, and targets are what the unit gives for what was moved", async () => {
    for (const seed of [1, 2, 3]) {
      const { record, found } = await corrected(promised(seed, 11, shifted));
      expect(record.steps).toBe(20);
      expect(record.after).toBeLessThan(0.97 * record.before);
      for (const { target, given, again } of found) {
        expect(target).toEqual(again);
        expect(target).not.toEqual(given);
      }
    }
  });

  it("moves inputs further the larger the share is", async () => {
    const unit = promised(4, 6, shifted);
    const lowest = async (share: number): Promise<number> =>
      (await corrected(unit, { correction: { ...correction, rate: 0.01, steps: 60, share } })).record.after;
    const found = [await lowest(0.002), await lowest(0.02), await lowest(0.2)];
    expect(found).toEqual([...found].sort((a, b) => b - a));
  });

  it("leaves targets as they are in 0 steps", async () => {
    const { record, found } = await corrected(promised(1, 5, shifted), { correction: { ...correction, steps: 0 } });
    expect(record.steps).toBe(0);
    expect(record.after).toBe(record.before);
    for (const { target, given } of found) expect(target).toEqual(given);
  });

  it("takes half of the unit's share of the time", async () => {
    let now = 0;
    // Every look at the clock is 1 ms: two steps of the first group are timed at half of that. 40 % are set aside.
    const budget = timeBudget(26, () => now++);
    const { record, found } = await corrected(promised(1, 16, shifted), { budget });
    expect(record.steps).toBe(6);
    for (const { target, given } of found) expect(target).not.toEqual(given);
    const none = await corrected(promised(1, 16, shifted), { budget: { probe: 4, steps: () => 0, now: () => 0 } });
    expect(none.record.steps).toBe(4);
    none.found.forEach(({ target, given }, i) => (i < 8 ? expect(target).not.toEqual(given) : expect(target).toEqual(given)));
  });
});

describe("pdquant with its correction", () => {
  const samples = residualSamples(1, 18);
  const method = (options: object) => learningOf(pdquant({ steps: 12, distribution: true, ...options }));

  it("corrects the units that normalise, says so in the record, and learns no correction in 0 steps", async () => {
    const model = { graph: importOnnx(normalizedFile(1)) };
    const start = await startPlan(model, samples);
    const [plain, none, whole] = [
      await learned(model, samples, start, learningOf(pdquant({ steps: 12 }))),
      await learned(model, samples, start, method({ correctionSteps: 0 })),
      await learned(model, samples, start, method({})),
    ];
    expect(plainPlan(none.plan)).toEqual(plainPlan(plain.plan));
    expect(none.units).toEqual(plain.units);
    expect(plainPlan(whole.plan)).not.toEqual(plainPlan(plain.plan));
    expect(whole.units.map((u) => u.correction !== undefined)).toEqual([true, true, false]);
    for (const { correction: c } of whole.units) if (c) expect(c.after).toBeLessThan(c.before);
    expect(whole.units.map((u) => u.start)).toEqual(expect.arrayContaining([plain.units[0].start]));
  });

  /** A run through the whole job, with a journal that knows some units already. */
  async function job(known: readonly UnitEntry[] = [], options: Partial<QuantizeOptions> = {}) {
    const written: UnitEntry[] = [];
    let config: Readonly<Record<string, unknown>> = {};
    const journal = (given: Readonly<Record<string, unknown>>): Journal => {
      config = given;
      return {
        find: (stage, unit) => known.find(({ record }) => record.stage === stage && record.unit === unit),
        add: (entry) => written.push(entry),
        spent: () => 0,
      };
    };
    const list = samples.names.map((name, i) => ({ name, tensors: samples.input(i) }));
    const pd = { steps: 12, distribution: true };
    const result = await quantize(normalizedFile(1), {
      ...{ samples: list, method: "pdquant", scheme: "W3A4", gate: "sqnr=-100", pdquant: pd, journal },
      ...options,
    });
    return { result, written, config };
  }

  it("gives the same bytes again, and when it is resumed", async () => {
    const [first, second] = [await job(), await job()];
    expect(second.result.onnx).toEqual(first.result.onnx);
    expect(second.result.record.units).toEqual(first.result.record.units);
    expect(first.config).toMatchObject({ pdquant: { distribution: true, correctionSteps: 20, correctionShare: 0.02 } });
    expect(first.written.map(({ record }) => record.correction !== undefined)).toEqual([true, true]);
    const resumed = await job(first.written.slice(0, 1));
    expect(resumed.written).toHaveLength(1);
    expect(resumed.result.onnx).toEqual(first.result.onnx);
    expect(resumed.result.record.units).toEqual(first.result.record.units);
    const off = await job([], { pdquant: { steps: 12 } });
    expect(off.config).toMatchObject({ pdquant: { distribution: false } });
    const soft = ({ result }: Awaited<ReturnType<typeof job>>) => result.record.units?.map((u) => u.soft);
    expect(soft(off)).not.toEqual(soft(first));
  });

  it("is refused before the work where nothing is normalised", async () => {
    const refusal =
      /^distribution: a quantized unit must hold a batch normalisation, got a network where none does \(it has no batch normalisations, or they were folded before export: leave distribution off\)$/;
    const graph = importOnnx(normalizedFile(1, false));
    const require = (g: Graph, options: object, layers = g.layers.map((l) => l.name)) =>
      requireLearnable({ graph: g }, method(options), new Set(layers));
    expect(() => require(graph, {})).toThrow(refusal);
    expect(() => require(graph, { distribution: false })).not.toThrow();
    const normalized = importOnnx(normalizedFile(1));
    expect(() => require(normalized, {})).not.toThrow();
    expect(() => require(normalized, {}, ["Conv_y"])).toThrow(refusal);
    let began = false;
    const list = samples.names.map((name, i) => ({ name, tensors: samples.input(i) }));
    const run = quantize(normalizedFile(1, false), {
      ...{ samples: list, method: "pdquant", scheme: "W3A4", gate: "sqnr=-100", pdquant: { distribution: true } },
      onEstimate: () => {
        began = true;
      },
    });
    await expect(run).rejects.toThrow(refusal);
    expect(began).toBe(false);
  });
});
