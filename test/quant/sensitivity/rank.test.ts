import { describe, expect, it } from "vitest";
import {
  type Assignment,
  assign,
  calibrate,
  damageOf,
  emptyPlan,
  type GraphModel,
  type Item,
  itemsOf,
  minmax,
  modes,
  rank,
  rankSteps,
  rulesOf,
  Steps,
} from "../../../src/quant/index.ts";
import { answerOf, DamageSums, Reference } from "../../../src/quant/sensitivity/damage.ts";
import { Tensor, tensor } from "../../../src/tensor/index.ts";
import { tinyDetector, tinyPair, tinyPairInput, tinySamples } from "../tiny.ts";

const tiny = tinyDetector(5);
const { graph, card } = tiny;
const samples = tinySamples(6, 4);
const at = (bits: number) => ({ weightBits: bits, activationBits: bits, firstLayerBits: bits, keep: [] });
const calibrated = (model: GraphModel, bits: number, source = samples) =>
  calibrate(model, source, minmax(), { assign: at(bits), seed: 0 }, new Steps([], {}));

async function plansOf(): Promise<{ plans: { low: typeof emptyPlan; high: typeof emptyPlan }; assignment: Assignment }> {
  const [low, high] = [await calibrated(tiny, 3), await calibrated(tiny, 8)];
  return { plans: { low: low.plan, high: high.plan }, assignment: low.assignment };
}

describe("a ranking", () => {
  it.each(["isolated", "accumulated"])("measures the %s variants as whole forwards would, to the bit", async (name) => {
    const { plans, assignment } = await plansOf();
    const [mode, items] = [modes[name], itemsOf(graph, assignment, 8)];
    expect(items.map((i) => `${i.kind} ${i.name}`)).toEqual([
      "activation input",
      "weight stem",
      "activation relu_1",
      "weight depthwise",
      "activation relu_3",
      "weight heat",
      "weight size",
    ]);
    const counted: number[] = [];
    const problem = { model: tiny, samples, plans, items, mode, minScore: 0.3 };
    const { whole, ranked } = await rank(problem, async (done) => {
      counted.push(done);
    });
    expect(counted).toEqual(items.map((_, i) => i + 1));
    expect(rankSteps(problem, items.length)).toBe(items.length);
    expect(whole).toEqual(damageOf(tiny, samples, plans.low, 0.3));
    expect(whole.total).toBeGreaterThan(0);
    for (const { item, damage, gain } of ranked) {
      expect(damage, item.name).toEqual(damageOf(tiny, samples, mode.variant(plans, item), 0.3));
      expect(gain).toBe(name === "isolated" ? damage.total : whole.total - damage.total);
    }
    expect(ranked.some((r) => r.gain > 0)).toBe(true);
  });

  it("lifts whole layers to float", async () => {
    const { plans, assignment } = await plansOf();
    const items = itemsOf(graph, assignment, "float");
    expect(items.map((i) => i.name)).toEqual(["stem", "depthwise", "heat", "size"]);
    const { ranked } = await rank({ model: tiny, samples, plans, items, mode: modes.accumulated, minScore: 0.3 }, async () => {});
    for (const { item, damage } of ranked) {
      const others = graph.layers.filter((l) => l.name !== item.name).map((l) => l.name);
      expect(damage).toEqual(damageOf(tiny, samples, { ...plans.low, layers: new Set(others) }, 0.3));
    }
  });

  it("writes rules that say what was lifted", async () => {
    const { assignment } = await plansOf();
    for (const high of [8, "float"] as const) {
      for (const item of itemsOf(graph, assignment, high)) {
        const lifted = assign(graph, { ...at(3), bits: rulesOf(item, high) });
        expect(changes(assignment, lifted), item.name).toEqual(expected(item, high));
      }
    }
  });

  it("measures a network without a card, with several inputs, by its outputs", async () => {
    const pair = tinyPair(2);
    const source = { names: ["a", "b"], input: (i: number) => tinyPairInput(i) };
    const model = { graph: pair.graph };
    const { plan, assignment } = await calibrated(model, 4, { names: source.names, input: source.input as never });
    const items = itemsOf(pair.graph, assignment, 8);
    const plans = { low: plan, high: emptyPlan };
    const { whole, ranked } = await rank({ model, samples: source, plans, items, mode: modes.isolated, minScore: 0 }, async () => {});
    expect(whole.boxes).toBe(0);
    expect(ranked.every((r) => r.damage.scores > 0 && r.damage.scores < 10)).toBe(true);
    expect(damageOf(model, source, emptyPlan, 0)).toEqual({ total: 0, scores: 0, boxes: 0 });
  });
});

/** Bits by tensor and layer that differ, "float" where a layer is gone. */
function changes(before: Assignment, after: Assignment): Record<string, number | "float"> {
  const found: Record<string, number | "float"> = {};
  for (const [name, { scheme }] of before.sites) {
    const now = after.sites.get(name)?.scheme.bits;
    if (now !== undefined && now !== scheme.bits) found[name] = now;
  }
  for (const layer of before.layers) {
    if (!after.layers.includes(layer)) found[layer.name] = "float";
    else if (after.weights.get(layer.weight)?.bits !== before.weights.get(layer.weight)?.bits) found[layer.name] = 8;
  }
  return found;
}

const expected = ({ name }: Item, high: number | "float"): Record<string, number | "float"> => ({ [name]: high });

describe("damage", () => {
  const heads = (heat: readonly number[]) => ({
    heatmap: new Tensor([1, 2, 1, 2], "f32", Float32Array.from(heat)),
    size: new Tensor([1, 2, 1, 2], "f32", Float32Array.from([1, 1, 1, 1])),
  });
  const model: GraphModel = {
    graph,
    detector: { ...tiny.detector, logScores: ({ heatmap }) => heatmap, decode: () => [[]] },
  };

  it("is the weighted relative squared error of the log scores, cut at 1e-4", () => {
    const ln = (values: readonly number[]) => heads(values.map(Math.log));
    const reference = new Reference(model, answerOf(model, ln([0.5, 1e-6, 1e-6, 0.01])), 0.3);
    const sums = new DamageSums();
    reference.addTo(sums, answerOf(model, ln([0.25, 0.5, 1e-9, 0.02])));
    const square = (x: number) => x * x;
    const signal = 0.5 * square(Math.log(0.5)) + 2 * 1e-4 * square(Math.log(1e-4)) + 0.01 * square(Math.log(0.01));
    const noise = 0.5 * square(Math.log(2)) + 0.5 * square(Math.log(0.5 / 1e-4)) + 0.02 * square(Math.log(2));
    expect(sums.result().scores).toBeCloseTo(noise / signal, 5);
    expect(sums.result().boxes).toBe(0);
  });

  it("is a number also where scores are not", () => {
    const reference = new Reference(model, answerOf(model, heads([-1, -Infinity, -2, -3])), 0.3);
    const sums = new DamageSums();
    reference.addTo(sums, answerOf(model, heads([-1, Number.NaN, -Infinity, -3])));
    expect(sums.result().total).toBeGreaterThan(0);
    expect(sums.result().total).toBeLessThan(100);
  });

  it("weighs squared distances of boxes by the float network's scores", () => {
    // Three positions; the third one's score is below the least that counts.
    const boxed: GraphModel = {
      graph,
      detector: { ...tiny.detector, logScores: ({ heatmap }) => heatmap, boxes: ({ sizes }) => sizes, decode: () => [[]] },
    };
    const answer = (lefts: readonly number[]) =>
      answerOf(boxed, {
        heatmap: tensor([0.8, 0.4, 1e-5].map(Math.log), [1, 1, 3]),
        sizes: tensor([...lefts, 0, 0, 0, ...lefts.map((x) => x + 1), 1, 1, 1], [1, 4, 3]),
      });
    const reference = new Reference(boxed, answer([0, 0, 0]), card.visibleThreshold);
    const sums = new DamageSums();
    reference.addTo(sums, answer([0.25, 5, 5]));
    expect(sums.result().scores).toBe(0);
    expect(sums.result().boxes).toBeCloseTo((0.8 * 0.4 ** 2 + 0.4) / 1.2, 6);
    const unchanged = new DamageSums();
    new Reference(boxed, answer([0, 0, 0]), card.visibleThreshold).addTo(unchanged, answer([0, 0, 0]));
    expect(unchanged.result()).toEqual({ total: 0, scores: 0, boxes: 0 });
  });

  it("counts squared distances of detections where positions have no boxes, and lost ones in full", () => {
    const box = (x: number) => ({ box: [x, 0, x + 10, 10] as const, score: 0.9, label: 0 });
    let found = [box(0), box(100), { ...box(200), score: 0.1 }];
    const { boxes: _, ...boxless } = tiny.detector;
    const boxed: GraphModel = { graph, detector: { ...boxless, logScores: ({ heatmap }) => heatmap, decode: () => [found] } };
    const answer = answerOf(boxed, heads([-1, -2, -3, -4]));
    const reference = new Reference(boxed, answer, card.visibleThreshold);
    found = [box(2)];
    const sums = new DamageSums();
    reference.addTo(sums, answer);
    expect(sums.result()).toMatchObject({ scores: 0, boxes: (1 + (1 - 8 / 12) ** 2) / 2 });
  });
});
