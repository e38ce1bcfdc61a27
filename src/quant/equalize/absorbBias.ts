import type { Graph, Layer, NormStatistics } from "../../graph/index.ts";
import type { Conv2dAttrs } from "../../tensor/index.ts";
import { weightChannels } from "./channels.ts";
import { ChangedParameters, type Rewrite } from "./parameters.ts";
import { findSeams, type Seam } from "./seams.ts";

/** How much is absorbed. */
export interface AbsorbOptions {
  /** Deviations below the mean that are left in place. Default 3 (DFQ). */
  readonly deviations?: number;
}

/**
 * Mean and deviation of pre-activations, by the name of the tensor that the layer before the activation writes: measured, or
 * what batch normalisations promise (`graph.statistics`).
 */
export type PreActivations = ReadonlyMap<string, NormStatistics>;

/** Seams whose source has a bias to lower and whose readers have one to raise, with at most a ReLU between. */
export const absorbableSeams = (graph: Graph): Seam[] =>
  findSeams(graph).filter((seam) => seam.shift && seam.between !== "homogeneous" && seam.readers.every((l) => takesShift(graph, l)));

/** Whether adding c to every input value of a channel adds one number to each output channel: padding stays 0. */
function takesShift(graph: Graph, { kind, bias, attrs }: Layer): boolean {
  if (kind !== "conv2d" || bias === undefined) return false;
  const { padding } = attrs as Conv2dAttrs;
  return padding.every((p) => p === 0) && graph.nodes.filter((node) => node.inputs.includes(bias)).length === 1;
}

/**
 * Bias absorption: what the channels of an activation nearly always exceed, c = max(0, mean - 3 deviations), moves into the
 * bias of the layers that read it. Exact wherever the pre-activation is at least c; 99.865 % of a normal distribution is.
 * Seams without statistics stay as they are.
 *
 * Source: Nagel et al. 2019 (DFQ), section 4.1.3.
 *
 * Departure: layers that pad their input are left out, since padding stays 0 and borders would shift.
 */
export function absorbBias(graph: Graph, statistics: PreActivations, { deviations = 3 }: AbsorbOptions = {}): Rewrite {
  const parameters = new ChangedParameters(graph);
  const changed: string[] = [];
  for (const seam of absorbableSeams(graph)) {
    const known = statistics.get(seam.source);
    if (!known) continue;
    const c = known.mean.map((mean, i) => Math.max(0, mean - deviations * known.deviation[i]));
    if (c.every((v) => v === 0)) continue;
    changed.push(seam.tensor);
    move(parameters, seam, c);
  }
  return { graph: parameters.graph(), changed, keep: [] };
}

function move(parameters: ChangedParameters, { source, shift, readers }: Seam, c: Float64Array): void {
  if (!shift) return;
  parameters.lower(source, c);
  const lowered = parameters.of(shift.parameter);
  for (let i = 0; i < lowered.length; i++) lowered[i] -= c[shift.channelOf(i)];
  for (const reader of readers) {
    const weight = parameters.of(reader.weight);
    const raised = parameters.of(reader.bias as string);
    const { inputOf, outputOf } = weightChannels(reader, parameters.shapeOf(reader.weight));
    for (let i = 0; i < weight.length; i++) raised[outputOf(i)] += weight[i] * c[inputOf(i)];
  }
}
