import { ShapeError } from "../errors.ts";
import type { BatchNormStatistics } from "../nn/index.ts";
import { batchNorm, type Meta, type Tensor } from "../tensor/index.ts";
import type { Node } from "./layer.ts";

/** What a batch normalisation promises of the channels of what it writes, [C] each, in activation units. */
export interface NormStatistics {
  /** Mean: [C]. */
  readonly mean: Float64Array;
  /** Standard deviation: [C]. */
  readonly deviation: Float64Array;
}

/**
 * The promise of a batch normalisation whose input has the mean and variance it was trained on: the mean of its output is
 * the shift, the deviation |weight| sqrt(variance / (variance + epsilon)). Shape: [C] each.
 */
export const normStatistics = ({ weight, bias, variance, epsilon }: Omit<BatchNormStatistics, "mean">): NormStatistics => ({
  mean: Float64Array.from(bias.data),
  deviation: Float64Array.from(weight.data, (w, c) => Math.abs(w) * Math.sqrt(variance.data[c] / (variance.data[c] + epsilon))),
});

/** The promises of all normalisations among `nodes` whose parameters are known, by the name of the tensor they write. */
export function statisticsOfNodes(nodes: readonly Node[], parameters: ReadonlyMap<string, Tensor>): Map<string, NormStatistics> {
  const found = new Map<string, NormStatistics>();
  for (const { op, attrs, inputs, outputs } of nodes) {
    if (op !== batchNorm.def) continue;
    const [, weight, bias, mean, variance] = inputs.map((name) => parameters.get(name));
    if (!weight || !bias || !mean || !variance) continue;
    found.set(outputs[0], normStatistics({ weight, bias, variance, epsilon: (attrs as { eps: number }).eps }));
  }
  return found;
}

/** Those of tensors that there are. Errors: ShapeError where a tensor has another number of channels. */
export function presentStatistics(
  statistics: ReadonlyMap<string, NormStatistics>,
  metas: ReadonlyMap<string, Meta>,
): Map<string, NormStatistics> {
  const present = new Map<string, NormStatistics>();
  for (const [name, known] of statistics) {
    const channels = metas.get(name)?.shape[1];
    if (channels === undefined) continue;
    for (const { length } of [known.mean, known.deviation]) {
      if (length !== channels)
        throw new ShapeError("graph", `statistics of "${name}" must have one entry per channel = ${channels}, got ${length}`);
    }
    present.set(name, known);
  }
  return present;
}

/** Those of tensors that do not depend on the named parameters. */
export function unreachedStatistics(
  statistics: ReadonlyMap<string, NormStatistics>,
  nodes: readonly Node[],
  changed: Iterable<string>,
): Map<string, NormStatistics> {
  const reached = new Set(changed);
  for (const { inputs, outputs } of nodes) {
    if (inputs.some((name) => reached.has(name))) for (const name of outputs) reached.add(name);
  }
  return new Map([...statistics].filter(([name]) => !reached.has(name)));
}
