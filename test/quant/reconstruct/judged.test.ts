import { expect, it } from "vitest";
import { adaquant, adaround, inlierq, qdrop } from "../../../src/quant/methods/index.ts";
import { fisherError, fullFisherError } from "../../../src/quant/objective/reconstruction.ts";
import { divergence } from "../../../src/quant/reconstruct/evidence.ts";
import { memoryShelf, reconstruct, type UnitEntry } from "../../../src/quant/reconstruct/index.ts";
import { mul, tensor, zeros } from "../../../src/tensor/index.ts";
import { tinyDetector, tinySamples } from "../tiny.ts";
import { residualNetwork, residualSamples } from "./residual.ts";
import { learned, learningOf, startPlan, unwatched } from "./start.ts";

it("a grid that several units read changes with the first of them only", async () => {
  const { graph } = tinyDetector(3);
  const samples = tinySamples(3, 18);
  const start = await startPlan({ graph }, samples);
  // Grids that are too wide by half, so that every unit that reads one is better with another.
  const wide = [...start.activations].map(
    ([name, site]) => [name, { ...site, params: { ...site.params, scale: mul(site.params.scale, 1.5) } }] as const,
  );
  const entries: UnitEntry[] = [];
  const journal = { find: () => undefined, add: (entry: UnitEntry) => void entries.push(entry), spent: () => 0 };
  const context = { model: { graph }, samples, seed: 5, shelf: memoryShelf, steps: unwatched(), done: 0, journal };
  const { stages, ...rest } = learningOf(qdrop({ unit: "layer", steps: 40, scaleRate: 0.02 }));
  const onlyGrids = stages.map(({ weights: _, biasRate: __, ...stage }) => stage);
  await reconstruct(context, { ...start, activations: new Map(wide) }, { stages: onlyGrids, ...rest });
  const readers = new Map<string, number>();
  for (const { input } of graph.layers) readers.set(input, (readers.get(input) ?? 0) + 1);
  expect(Math.max(...readers.values())).toBeGreaterThan(1);
  const changed = entries.flatMap((e) => [...e.activations.keys()]);
  expect(changed.length).toBeGreaterThan(0);
  expect(new Set(changed).size).toBe(changed.length);
});

it("a unit that is exact on the samples it is judged on stays", async () => {
  const graph = residualNetwork(6);
  const { names, input } = residualSamples(6, 16);
  // Samples 7 and 15 are held out; nothing but the bias comes out of the stem there.
  const samples = { names, input: (i: number) => (i % 8 === 7 ? zeros([1, 3, 8, 8]) : input(i)) };
  const start = await startPlan({ graph }, samples);
  const { units } = await learned({ graph }, samples, start, learningOf(adaround({ unit: "layer", steps: 10 })));
  const [stem] = units;
  expect(stem).toMatchObject({ start: 0, steps: 0, kept: false });
  expect(units.some((u) => u.steps > 0)).toBe(true);
});

it("errors at a tensor that the loss does not depend on count alike", () => {
  for (const { weighing } of [fisherError(divergence, { added: 0 }), fullFisherError(divergence, 0)]) {
    expect([...weighing!.weigh(zeros([1, 2, 2]), undefined).data]).toEqual([1, 1, 1, 1]);
    expect([...weighing!.weigh(tensor([0, -2], [1, 2]), undefined).data].map(Math.sign)).toEqual([0, 1]);
  }
});

it("biases stay at a rate of 0", async () => {
  const graph = residualNetwork(1);
  const samples = residualSamples(1, 18);
  const start = await startPlan({ graph }, samples);
  const { plan } = await learned({ graph }, samples, start, learningOf(adaquant({ unit: "layer", steps: 5, biasRate: 0 })));
  expect([...plan.biases]).toEqual([...start.biases]);
});

it("errors of inliers are weighed one by one", () => {
  expect(() => inlierq({ weights: "adaround", fisher: "rank1", learn: { errors: "inliers" } })).toThrow(
    /^inlierq: learn\.errors "inliers" must weigh single errors, got fisher "rank1"/,
  );
});
