import {
  type AssignOptions,
  calibrate,
  type GraphModel,
  type Method,
  mse,
  type Plan,
  type Reconstruction,
  type SampleSource,
  type Shelf,
  Steps,
} from "../../../src/quant/index.ts";
import { memoryShelf, reconstruct, type UnitRecord } from "../../../src/quant/reconstruct/index.ts";

/** Steps that nobody watches. */
export const unwatched = (): Steps => new Steps([], {});

/** The plan of nearest rounding that learning starts from. */
export async function startPlan(model: GraphModel, samples: SampleSource, bits: Partial<AssignOptions> = {}): Promise<Plan> {
  const assign: AssignOptions = { weightBits: 3, activationBits: 4, firstLayerBits: 4, keep: [], ...bits };
  return (await calibrate(model, samples, mse(), { assign, seed: 0, biasCorrection: false }, unwatched())).plan;
}

/** What learning makes of a plan. */
export const learned = (
  model: GraphModel,
  samples: SampleSource,
  plan: Plan,
  reconstruction: Reconstruction,
  shelf: Shelf = memoryShelf,
): Promise<{ plan: Plan; units: UnitRecord[] }> =>
  reconstruct({ model, samples, seed: 5, shelf, steps: unwatched(), done: 0 }, plan, reconstruction);

/** How a method learns. */
export function learningOf({ reconstruction, name }: Method): Reconstruction {
  if (!reconstruction) throw new Error(`${name} learns nothing`);
  return reconstruction;
}

/** A plan as plain values, for comparing. */
export const plainPlan = (plan: Plan): unknown => ({
  tuned: [...plan.tuned].map(([name, { data }]) => [name, [...data]]),
  biases: [...plan.biases].map(([name, { data }]) => [name, [...data]]),
  weights: [...plan.weights].map(([name, { params, scheme }]) => [name, [...params.scale.data], [...params.zeroPoint.data], scheme]),
  activations: [...plan.activations].map(([name, { params, scheme }]) => [
    name,
    [...params.scale.data],
    [...params.zeroPoint.data],
    scheme,
  ]),
});
