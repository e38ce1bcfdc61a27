import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Graph, runNode } from "../../src/graph/index.ts";
import {
  assign,
  type CalibrateOptions,
  type Calibration,
  calibrate,
  emptyPlan,
  type InlierqOptions,
  inlierq,
  type Method,
  methods,
  minmax,
  type Plan,
  type SampleSource,
  Steps,
  tapOf,
} from "../../src/quant/index.ts";
import type { Tensor } from "../../src/tensor/index.ts";
import { tinyDetector, tinySamples } from "../quant/tiny.ts";
import { runs } from "../runs.ts";

const RUNS = { numRuns: runs(3) };
const METHODS: readonly [string, () => Method][] = [
  ...Object.entries(methods).map(([name, make]): [string, () => Method] => [name, () => quick(make)]),
  ["inlierq that learns", () => inlierq({ weights: "adaround", learn: { steps: 5 } })],
  ["inlierq self", () => inlierq({ objective: "self" })],
  ["inlierq adam", () => inlierq({ refine: "adam", adam: { steps: 10 } })],
  ["inlierq literal", () => inlierq({ monotone: false, refine: "none" })],
  ["inlierq rank1", () => inlierq({ fisher: "rank1" })],
  ["inlierq both sets", () => inlierq({ lambdaAnomaly: 0.5 })],
];

/** Few steps for methods that learn, layer by layer: the tiny network has no blocks. */
function quick(make: (options?: object) => Method): Method {
  return make().reconstruction ? make({ unit: "layer", steps: 5 }) : make();
}

const optionsOf = (bits: number, more: Partial<CalibrateOptions> = {}): CalibrateOptions => ({
  assign: { weightBits: bits, activationBits: bits, keep: ["heat", "size"] },
  seed: 3,
  ...more,
});

function run(seed: number, method: Method, options: CalibrateOptions): Promise<Calibration> {
  return calibrate(tinyDetector(seed), tinySamples(seed + 1, 4), method, options, new Steps([], {}));
}

/** Mean output of every layer per channel, one array a sample, under a plan. */
function channelMeans(graph: Graph, plan: Plan, samples: SampleSource): Map<string, Float64Array[]> {
  const means = new Map<string, Float64Array[]>(graph.layers.map((l) => [l.name, []]));
  samples.names.forEach((_, i) => {
    const tap = tapOf(graph, plan);
    const env = graph.begin(samples.input(i), tap);
    for (const node of graph.nodes) runNode(graph, node, env, tap);
    for (const layer of graph.layers) {
      const { shape, data } = env.get(layer.output) as Tensor;
      const area = shape[2] * shape[3];
      const perChannel = Float64Array.from({ length: shape[1] }, (_, c) => {
        return (data.slice(c * area, (c + 1) * area) as Float32Array).reduce((a, v) => a + v, 0) / area;
      });
      means.get(layer.name)?.push(perChannel);
    }
  });
  return means;
}

/** By how much the mean output of a layer differs per channel between two plans, over the samples `i` with `chosen(i)`. */
function shiftOf(
  layer: string,
  [float, quantized]: readonly ReadonlyMap<string, readonly Float64Array[]>[],
  chosen: (i: number) => boolean = () => true,
): Float64Array {
  const [want, got] = [float, quantized].map((means) => (means.get(layer) as Float64Array[]).filter((_, i) => chosen(i)));
  return got[0].map((_, c) => got.reduce((sum, m, i) => sum + m[c] - want[i][c], 0) / got.length);
}

const meanSquare = (values: Float64Array): number => values.reduce((sum, v) => sum + v * v, 0) / values.length;

const seeds = fc.integer({ min: 0, max: 1000 });
const bits = fc.constantFrom(4, 6, 8);

describe.each(METHODS)("calibration with %s", (_, make) => {
  it("gives every site and weight a finite positive normal scale and an integer zero point in range", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, bits, async (seed, b) => {
        const { plan } = await run(seed, make(), optionsOf(b));
        for (const { params, scheme } of [...plan.activations.values(), ...plan.weights.values()]) {
          for (const s of params.scale.data) expect(s >= 2 ** -126 && Number.isFinite(s)).toBe(true);
          for (const z of params.zeroPoint.data) {
            expect(Number.isInteger(z) && z >= scheme.qmin && z <= scheme.qmax).toBe(true);
          }
        }
      }),
      RUNS,
    );
  });

  it("never ends a refinement worse than its start", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, bits, async (seed, b) => {
        const method = make();
        const { refined } = await run(seed, method, optionsOf(b));
        expect(refined.size > 0).toBe(method.refinement !== undefined);
        for (const { curve } of refined.values()) {
          curve.forEach((value, i) => expect(i === 0 || value < curve[i - 1]).toBe(true));
        }
      }),
      RUNS,
    );
  });

  it("gives the same plan for the same seed", async () => {
    const [a, b] = [await run(5, make(), optionsOf(6)), await run(5, make(), optionsOf(6))];
    expect([...a.plan.activations]).toEqual([...b.plan.activations]);
    expect([...a.plan.biases]).toEqual([...b.plan.biases]);
    expect([...a.plan.tuned]).toEqual([...b.plan.tuned]);
  });

  it("keeps the method's range within the observed one", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const { ranges, observed } = await run(seed, make(), optionsOf(8));
        for (const [name, { min, max }] of ranges) {
          const all = observed.extremes.get(name);
          min.forEach((v, c) => expect(v).toBeGreaterThanOrEqual(Math.min(0, all?.min[c] ?? 0)));
          max.forEach((v, c) => expect(v).toBeLessThanOrEqual(Math.max(0, all?.max[c] ?? 0)));
        }
      }),
      RUNS,
    );
  });
});

describe("inlierq against min-max", () => {
  const plain: InlierqOptions = { tau: 0, fisher: "none", refine: "none" };

  it("equals min-max exactly at tau 0 without weights and refinement", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, bits, async (seed, b) => {
        const [ours, theirs] = [await run(seed, inlierq(plain), optionsOf(b)), await run(seed, minmax(), optionsOf(b))];
        expect([...ours.plan.activations]).toEqual([...theirs.plan.activations]);
      }),
      RUNS,
    );
  });

  it("narrows its ranges as tau rises", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const at = (tau: number) => run(seed, inlierq({ ...plain, tau, floorShare: 0 }), optionsOf(8));
        const [loose, tight] = [await at(0.2), await at(0.8)];
        for (const [name, { min, max }] of tight.ranges) {
          const wide = loose.ranges.get(name);
          // A site whose mask is empty everywhere falls back to all volumes, which is outside the nesting.
          if (tight.separations.get(name)?.inlierShare === 0) continue;
          min.forEach((v, c) => expect(v).toBeGreaterThanOrEqual(wide?.min[c] ?? 0));
          max.forEach((v, c) => expect(v).toBeLessThanOrEqual(wide?.max[c] ?? 0));
        }
      }),
      RUNS,
    );
  });
});

describe("plans", () => {
  it("stay close to the float model at 8 bits", async () => {
    const model = tinyDetector(1);
    const samples = tinySamples(2, 3);
    const { plan } = await calibrate(model, samples, minmax(), optionsOf(8), new Steps([], {}));
    const layers = assign(model.graph, optionsOf(8).assign).layers;
    expect(plan.layers).toEqual(new Set(layers.map((l) => l.name)));
    const float = model.graph.forward(samples.input(0));
    const quantized = model.graph.forward(samples.input(0), tapOf(model.graph, plan));
    quantized.heatmap.data.forEach((v, i) => expect(Math.abs(v - float.heatmap.data[i])).toBeLessThan(0.05));
  });

  it("lower the held-out shift of channel means by bias correction, or leave the bias alone", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const { corrections, plan } = await run(seed, minmax(), optionsOf(4, { biasCorrection: true }));
        const { graph } = tinyDetector(seed);
        const samples = tinySamples(seed + 1, 4);
        const float = channelMeans(graph, emptyPlan, samples);
        expect(corrections.map((c) => c.layer)).toEqual(["stem", "depthwise"]);
        const earlier = new Map<string, Tensor>();
        for (const { layer, before, after, kept } of corrections) {
          const means = [float, channelMeans(graph, { ...plan, activations: new Map(), biases: earlier }, samples)];
          const [even, odd] = [shiftOf(layer, means, (i) => i % 2 === 0), shiftOf(layer, means, (i) => i % 2 === 1)];
          expect(Math.abs(before / meanSquare(odd) - 1)).toBeLessThan(1e-4);
          expect(Math.abs(after / meanSquare(odd.map((d, c) => d - even[c])) - 1)).toBeLessThan(1e-4);
          expect(kept).toBe(after < before);
          expect(plan.biases.has(layer)).toBe(kept);
          if (kept) earlier.set(layer, plan.biases.get(layer) as Tensor);
        }
      }),
      RUNS,
    );
  });

  it("leave no mean shift behind rounded weights where a bias was corrected", async () => {
    let corrected = 0;
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const { corrections, plan } = await run(seed, minmax(), optionsOf(4, { biasCorrection: true }));
        const { graph } = tinyDetector(seed);
        const samples = tinySamples(seed + 1, 4);
        const means = [emptyPlan, { ...plan, activations: new Map() }].map((p) => channelMeans(graph, p, samples));
        for (const { layer, kept } of corrections) {
          if (!kept) continue;
          corrected++;
          for (const shift of shiftOf(layer, means)) expect(Math.abs(shift)).toBeLessThan(1e-6);
        }
      }),
      { ...RUNS, examples: [[1]] },
    );
    expect(corrected).toBeGreaterThan(0);
  });
});
