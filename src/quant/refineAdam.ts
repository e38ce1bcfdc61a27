import { log } from "../elementary.ts";
import { adam, cosine, minimize } from "../nn/index.ts";
import { add, exp, fakeQuant, mul, roundHalfEven, square, sub, sum, Tensor } from "../tensor/index.ts";
import { gridRefiner, type Refined, type RefineProblem, type Refiner } from "./refine.ts";
import { product, RefineObjective } from "./refineObjective.ts";
import type { QParams, Range, Scheme } from "./scheme.ts";

/** How `adamRefiner` descends. */
export interface AdamRefinerOptions {
  /** Optimisation steps after the grid. Default 100. */
  readonly steps?: number | undefined;
  /** Learning rate of ln(scale), falling to 0 by a cosine. Default 0.02: a step is a share of the scale. */
  readonly scaleRate?: number | undefined;
  /** Learning rate of the zero point, in codes. Default 0.1. */
  readonly zeroPointRate?: number | undefined;
}

/** The defaults of `adamRefiner`. */
export const ADAM_DEFAULTS = { steps: 100, scaleRate: 0.02, zeroPointRate: 0.1 } as const satisfies AdamRefinerOptions;

/**
 * Gradient refinement by straight-through estimation (InlierQ Algorithm 1, line 8): Adam on ln(scale) and
 * a real zero point, started from the grid's result and kept only where it lowers the objective.
 *
 * Unstated: optimiser, rates and number of steps.
 */
export const adamRefiner = ({
  steps = ADAM_DEFAULTS.steps,
  scaleRate = ADAM_DEFAULTS.scaleRate,
  zeroPointRate = ADAM_DEFAULTS.zeroPointRate,
}: AdamRefinerOptions = {}): Refiner => ({
  name: "adam",
  refine(problem) {
    const start = gridRefiner().refine(problem);
    const found = descendFrom(problem, start.params, steps, scaleRate, zeroPointRate);
    const objective = new RefineObjective(problem);
    const before = totalOf(objective.evaluate(start.params));
    const after = totalOf(objective.evaluate(found));
    objective.close();
    if (!(after < before)) return start;
    return { params: found, range: rangeOf(found, problem.scheme), curve: [...start.curve, after] } satisfies Refined;
  },
});

const totalOf = (values: Float64Array): number => values.reduce((a, v) => a + v, 0);

function descendFrom(
  problem: RefineProblem,
  { scale, zeroPoint }: QParams,
  steps: number,
  scaleRate: number,
  zeroPointRate: number,
): QParams {
  const { qmin, qmax, axis } = { ...problem.scheme, axis: scale.size > 1 ? 0 : null };
  const terms = problem.readers.map((r) => {
    const target = product(r.weight, r.rows.patches);
    const weights = new Tensor(target.shape, "f32", normalised(r.importance.elements, target.data as Float32Array));
    return { ...r, target, weights };
  });
  const start = new Map([
    ["logScale", new Tensor(scale.shape, "f32", Float32Array.from(scale.data as Float32Array, log))],
    ["shift", new Tensor(zeroPoint.shape, "f32", new Float32Array(zeroPoint.size))],
  ]);
  const paramsOf = (p: ReadonlyMap<string, Tensor>): QParams => ({
    scale: exp(p.get("logScale") as Tensor),
    zeroPoint: add(zeroPoint, mul(p.get("shift") as Tensor, zeroPointRate / scaleRate)),
  });
  const { params } = minimize(
    (p) => {
      const { scale: s, zeroPoint: z } = paramsOf(p);
      const errors = terms.map((t) => {
        const y = product(t.quantizedWeight, fakeQuant(t.rows.patches, s, z, { qmin, qmax, axis }));
        return sum(mul(t.weights, square(sub(y, t.target))));
      });
      return errors.reduce((a, e) => add(a, e));
    },
    start,
    { optimizer: adam(), lr: cosine(scaleRate, steps), steps, keepBest: true },
  );
  return settled(paramsOf(params), problem.scheme);
}

/** Objective weights divided by the weighted energy of the target. */
function normalised(weights: Float64Array, target: Float32Array): Float32Array {
  let energy = 0;
  for (let i = 0; i < target.length; i++) energy += weights[i] * target[i] * target[i];
  return Float32Array.from(weights, (w) => w / (energy || 1));
}

/** Parameters as they are exported: an integer zero point inside the code range. */
function settled({ scale, zeroPoint }: QParams, { qmin, qmax }: Scheme): QParams {
  const codes = Float32Array.from(zeroPoint.data as Float32Array, (z) => Math.min(qmax, Math.max(qmin, roundHalfEven(z))));
  return { scale, zeroPoint: new Tensor(zeroPoint.shape, "f32", codes) };
}

function rangeOf({ scale, zeroPoint }: QParams, { qmin, qmax }: Scheme): Range {
  const ends = (code: number) => Float64Array.from(scale.data as Float32Array, (s, c) => s * (code - zeroPoint.data[c]));
  return { min: ends(qmin), max: ends(qmax) };
}
