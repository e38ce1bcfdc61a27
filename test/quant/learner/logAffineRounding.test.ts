import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkGradient } from "../../../src/autograd/index.ts";
import { assembleGraph } from "../../../src/graph/index.ts";
import { exportOnnx, importOnnx } from "../../../src/onnx/index.ts";
import { inferInteger, prepareInteger, proveEquality, readIntegerFile, writeIntegerFile } from "../../../src/quant/integer/index.ts";
import type { Learned, WeightLearner } from "../../../src/quant/learner/learner.ts";
import { levelRounding } from "../../../src/quant/learner/levelRounding.ts";
import { logAffineRounding } from "../../../src/quant/learner/logAffineRounding.ts";
import { adaround, regptq } from "../../../src/quant/methods/index.ts";
import { applySite, levelSite, type Plan, type SitePlan, tapOf } from "../../../src/quant/plan.ts";
import { type LogAffineOptions, logAffine } from "../../../src/quant/quantizer/logAffine.ts";
import type { LogAffineMode } from "../../../src/quant/quantizer/logAffineTables.ts";
import { makeScheme } from "../../../src/quant/scheme.ts";
import { cast, conv2d, full, mul, Rng, randn, relu, square, sum, Tensor, tensor } from "../../../src/tensor/index.ts";
import { convStack, planOf, rangeOf } from "../integer/plans.ts";
import { learned, learningOf, startPlan } from "../reconstruct/start.ts";

const list = (x: Tensor): number[] => Array.from(x.data as ArrayLike<number>);
const MODES: readonly LogAffineMode[] = ["exact", "shift"];
const RATES = { rounding: 0.06, grid: 0.003 };
const learnerOf = Object.fromEntries(MODES.map((mode) => [mode, logAffineRounding(mode, RATES)])) as Record<LogAffineMode, WeightLearner>;

function siteOf(w: Tensor, options: LogAffineOptions, bits = 4, axis: number | null = 0): SitePlan {
  const scheme = makeScheme({ bits, signed: true, mapping: "symmetricHalf", axis });
  const quantizer = logAffine(options);
  return levelSite(w, { quantizer, params: quantizer.init(rangeOf(w, axis), scheme, w), scheme }).site;
}

const value = fc.double({ min: -4, max: 4, noNaN: true }).map((v) => (Math.abs(v) < 1e-3 ? 0 : Math.fround(v)));
const weights = fc
  .array(value, { minLength: 4, maxLength: 24 })
  .map((values) => tensor(values.slice(0, values.length & ~1), [2, values.length >> 1]));
const drawn = fc.record({
  w: weights,
  mode: fc.constantFrom(...MODES),
  bits: fc.constantFrom(2, 3, 4, 8),
  axis: fc.constantFrom(0, null),
  seed: fc.integer({ min: 0, max: 1000 }),
});

/** What is learned, moved by chance: rounding far enough to turn, grids up to what a descent does. */
function moved(start: Learned, seed: number, most = 0.5): Learned {
  const rng = new Rng(seed);
  return Object.fromEntries(
    Object.entries(start).map(([name, x]) => {
      const by = randn(x.shape, rng, name === "rounding" ? 2 : most / 2);
      return [name, new Tensor(x.shape, x.dtype, x.data.map((v, i) => v + Math.max(-most, Math.min(most, by.data[i]))) as Float32Array)];
    }),
  );
}

describe("levels that learn with rounding", () => {
  it("start where rounding alone does, to the bit", () =>
    fc.assert(
      fc.property(drawn, ({ w, mode, bits, axis }) => {
        const site = siteOf(w, { mode }, bits, axis);
        const [learner, alone] = [learnerOf[mode], levelRounding(RATES.rounding)];
        const start = learner.start(w, site);
        expect(list(start.rounding)).toEqual(list(alone.start(w, site).rounding));
        expect(list(learner.soft(w, site, start))).toEqual(list(alone.soft(w, site, { rounding: start.rounding })));
        const { tuned, site: after } = learner.harden(w, site, start);
        expect(list(tuned)).toEqual(list(alone.harden(w, site, { rounding: start.rounding }).tuned));
        expect(after).toEqual(site);
      }),
    ));

  it("give hardened weights that lie on them, with zeros kept and shifts still shifts", () =>
    fc.assert(
      fc.property(drawn, fc.constantFrom<LogAffineOptions["centre"]>("zero", "median"), (draw, centre = "zero") => {
        const { w, mode, bits, axis, seed } = draw;
        const site = siteOf(w, { mode, centre }, bits, axis);
        const learner = learnerOf[mode];
        const { tuned, site: after } = learner.harden(w, site, moved(learner.start(w, site), seed));
        expect(list(applySite(tuned, after))).toEqual(list(tuned));
        const levels = after.levels as Tensor;
        const count = levels.shape[levels.shape.length - 1];
        expect([levels.shape.length, levels.size / count]).toEqual([site.levels!.shape.length, site.levels!.size / count]);
        list(levels).forEach((v, k) => k % count > 0 && expect(v).toBeGreaterThan(levels.data[k - 1]));
        if (centre === "zero" && bits > 2) w.data.forEach((v, i) => v === 0 && expect(Math.abs(tuned.data[i])).toBe(0));
        if (mode === "exact") expect(after.params).toEqual(site.params);
        else expect(levels).toEqual(site.levels);
      }),
    ));

  it("have the slopes of central differences", () => {
    const shape = [2, 7];
    for (const mode of MODES) {
      for (let seed = 0; seed < 20; seed++) {
        const w = cast(randn(shape, new Rng(seed)), "f64");
        const site = siteOf(w, { mode }, 4);
        const learner = learnerOf[mode];
        const names = Object.keys(learner.start(w, site));
        // Roundings stay off the ends of h, where it has a kink.
        const at: Learned = { ...moved(learner.start(w, site), seed, 0.3), rounding: randn(shape, new Rng(seed + 1), 0.5, "f64") };
        const of = (xs: readonly Tensor[]): Learned => Object.fromEntries(names.map((name, k) => [name, xs[k]]));
        const seen = randn(shape, new Rng(seed + 2), 1, "f64");
        const point = names.map((name) => at[name]);
        const output = (...xs: Tensor[]): Tensor => sum(square(mul(learner.soft(w, site, of(xs)), seen)));
        expect(checkGradient(output, point, new Rng(seed)).gap).toBeLessThan(1e-6);
        const pull = (...xs: Tensor[]): Tensor => learner.pull?.(of(xs), full([], 3, "f64"), w, site) as Tensor;
        expect(checkGradient(pull, point, new Rng(seed)).gap).toBeLessThan(1e-6);
      }
    }
  });

  it("of mode exact become those of another k and a, each side its own", () => {
    const w = tensor([0.5, -0.25, 0.07, 0.9, -0.8, -0.01, 0.3, 0], [1, 8]);
    const site = siteOf(w, { mode: "exact" });
    const start = learnerOf.exact.start(w, site);
    const [down, up] = [0.3, -0.2];
    const two = (a: number, b: number): Tensor => tensor([a, b], [2, 1, 1]);
    const { site: after } = learnerOf.exact.harden(w, site, { ...start, stretch: two(down, up), gain: two(0.1, 0.05) });
    const ratios = (values: readonly number[]): number[] => values.slice(1).map((v, k) => Math.log(v / values[k]));
    const sides = ({ levels }: SitePlan): number[][] => [-1, 1].map((s) => list(levels!).filter((v) => v * s > 0));
    sides(after).forEach((side, s) => {
      const t = Math.exp([down, up][s]);
      const before = ratios(sides(site)[s]);
      ratios(side).forEach((r, k) => expect(r / before[k]).toBeCloseTo(t, 4));
    });
  });

  it("refuse a uniform grid", () => {
    const w = tensor([1, 2], [1, 2]);
    const { levels: _, ...site } = siteOf(w, { mode: "shift" });
    expect(() => learnerOf.shift.start(w, site)).toThrow("levelRounding: the grid must have levels, got a uniform one");
  });
});

describe("a model on levels that learned", () => {
  const { graph, x } = convStack({ layers: 2, channels: 4, size: 6, batch: 1 });
  const learnedPlan = (mode: LogAffineMode): Plan => {
    const plain = planOf(graph, x);
    const [tuned, grids] = [new Map<string, Tensor>(), new Map<string, SitePlan>()];
    for (const { weight } of graph.layers) {
      const w = graph.parameters.get(weight)!;
      const site = siteOf(w, { mode });
      const hard = learnerOf[mode].harden(w, site, moved(learnerOf[mode].start(w, site), 7, 0.2));
      tuned.set(weight, hard.tuned);
      grids.set(weight, hard.site);
    }
    return { ...plain, weights: grids, tuned };
  };

  it("still runs as shifts, with the simulation's codes", () => {
    const model = prepareInteger(graph, learnedPlan("shift"));
    expect(model.steps.map((s) => s.kind)).toEqual(["quantize", "shift", "shift"]);
    expect(proveEquality(model, x).violations).toBe(0);
    expect(inferInteger(prepareInteger(graph, learnedPlan("exact")), x)).toEqual(graph.forward(x, tapOf(graph, learnedPlan("exact"))));
  });

  it.each(MODES)("is written and read back, mode %s", (mode) => {
    const plan = learnedPlan(mode);
    const expected = graph.forward(x, tapOf(graph, plan));
    const read = readIntegerFile(writeIntegerFile({ graph, plan }));
    expect(read.graph.forward(x, tapOf(read.graph, read.plan))).toEqual(expected);
    expect(read.plan.weights.get("w0")?.levels).toEqual(plan.weights.get("w0")?.levels);
    const again = Object.values(importOnnx(exportOnnx(graph, plan)).forward(x));
    Object.values(expected).forEach(({ data }, k) => expect(again[k].data).toEqual(data));
  });
});

describe("learning one layer", () => {
  const CHANNELS = 6;
  const attrs = { stride: [1, 1], padding: [1, 1, 1, 1], dilation: [1, 1], groups: 1 };
  const port = (name: string) => ({ name, shape: [-1, CHANNELS, 6, 6], dtype: "f32" as const });

  /** A convolution whose inputs depend on each other, its samples, and a plan whose grid is too wide by half. */
  async function layerOn(mode: LogAffineMode, seed: number) {
    const rng = new Rng(`one layer/${seed}`);
    const w = randn([CHANNELS, CHANNELS, 3, 3], rng, 0.2);
    const graph = assembleGraph({
      name: "one",
      inputs: [port("x")],
      outputs: [port("y")],
      nodes: [{ name: "conv", op: conv2d.def, attrs, inputs: ["x", "w", "b"], outputs: ["y"] }],
      parameters: new Map([
        ["w", w],
        ["b", randn([CHANNELS], rng, 0.1)],
      ]),
    });
    const mixer = randn([CHANNELS, 3, 3, 3], rng, 0.4);
    const inputs = Array.from({ length: 24 }, () => relu(conv2d(randn([1, 3, 6, 6], rng), mixer, { padding: 1 })));
    const samples = { names: inputs.map((_, i) => `s${i}`), input: (i: number) => inputs[i] };
    const fit = siteOf(w, { mode }, 3);
    const site = { ...fit, params: { ...fit.params, scale: mul(fit.params.scale, 1.5) } };
    const start = await startPlan({ graph }, samples, { activationBits: 8 });
    const plan: Plan = { ...start, weights: new Map([["w", site]]), tuned: new Map() };
    return async (weights: WeightLearner, steps: number) => {
      const { stages, ...rest } = learningOf(adaround({ unit: "layer", steps }));
      const result = await learned({ graph }, samples, plan, { stages: stages.map((stage) => ({ ...stage, weights })), ...rest });
      return { before: plan, plan: result.plan, unit: result.units[0] };
    };
  }

  it.each(MODES)("lowers the error of its output more than rounding alone where the grid is too wide, mode %s", async (mode) => {
    const learners = [levelRounding(RATES.rounding), logAffineRounding(mode, { ...RATES, grid: 0 }), learnerOf[mode]];
    const errors = [0, 0, 0];
    const seeds = [0, 1, 2, 3, 4, 5];
    for (const seed of seeds) {
      const learn = await layerOn(mode, seed);
      for (const [k, learner] of learners.entries()) {
        const { unit, plan } = await learn(learner, 60);
        errors[k] += unit.hard / seeds.length;
        if (!unit.kept) continue;
        const tuned = plan.tuned.get("w")!;
        expect(list(applySite(tuned, plan.weights.get("w")!))).toEqual(list(tuned));
      }
    }
    const [alone, still, both] = errors;
    expect(both).toBeLessThan(0.9 * Math.min(alone, still));
  });

  it.each(MODES)("keeps the grid in 0 steps, mode %s", async (mode) => {
    const { before, plan } = await (await layerOn(mode, 0))(learnerOf[mode], 0);
    expect(plan.weights.get("w")).toBe(before.weights.get("w"));
    expect(plan.tuned.size).toBe(0);
  });
});

it("is what regptq learns on the grids of the head, unless its rate is 0", () => {
  const nameOf = (options: Parameters<typeof regptq>[0]) => learningOf(regptq(options)).stages[0].weights?.name;
  expect(nameOf({})).toBe("rounding/logAffineRounding-shift");
  expect(nameOf({ logAffine: "exact" })).toBe("rounding/logAffineRounding-exact");
  expect(nameOf({ gridRate: 0 })).toBe("rounding/levelRounding");
  expect(nameOf({ logAffine: "none" })).toBe("rounding/levelRounding");
});
