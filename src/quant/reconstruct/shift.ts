import { runNode } from "../../graph/index.ts";
import { Tensor } from "../../tensor/index.ts";
import { ChannelMeans, difference, shifted } from "../biasCorrection.ts";
import { biasOf, type Plan } from "../plan.ts";
import { evenIndices } from "../samples.ts";
import type { UnitSamples } from "./learn.ts";
import { softTap, type UnitTask, unlearned } from "./unitTask.ts";

/** Samples that shifts are measured on, spread over those that are learned on. */
const SAMPLES = 16;

/**
 * The plan with the biases of a unit lowered by what its quantization moves the mean of every channel: each layer's output is
 * held against the float unit's on float inputs, with the layers before it corrected. Layers without a bias stay.
 *
 * Source: Nagel et al. 2019 (DFQ), section 4.2, inside a unit.
 */
export function withoutShifts(task: UnitTask, samples: UnitSamples): Plan {
  const { graph, unit, plan, layers } = task;
  const { train } = samples;
  const runs = evenIndices(train.length, SAMPLES)
    .map((k) => train[k])
    .map((i) => ({
      float: new Map(Object.entries(samples.float(i))),
      rounded: new Map(Object.entries(samples.at(i).inputs)),
      // A tap quantizes each tensor once.
      tap: softTap(task, unlearned, {}),
    }));
  const biases = new Map(plan.biases);
  for (const node of unit.nodes) {
    for (const { float, rounded, tap } of runs) {
      runNode(graph, node, float);
      runNode(graph, node, rounded, tap);
    }
    const layer = graph.layerOf(node);
    const bias = layer && layers.includes(layer) ? biasOf(graph, plan, layer) : undefined;
    if (!layer || !bias) continue;
    const means = { float: new ChannelMeans(), rounded: new ChannelMeans() };
    runs.forEach(({ float, rounded }, i) => {
      means.float.add(layer.name, float.get(layer.output) as Tensor, i);
      means.rounded.add(layer.name, rounded.get(layer.output) as Tensor, i);
    });
    const shift = difference(means.rounded.overall(layer.name), means.float.overall(layer.name));
    if (!shift) continue;
    const lowered = Float32Array.from(bias.data as Float32Array, (b, c) => b - shift[c]);
    biases.set(layer.name, new Tensor(bias.shape, "f32", lowered));
    for (const { rounded } of runs) rounded.set(layer.output, shifted(rounded.get(layer.output) as Tensor, shift));
  }
  return { ...plan, biases };
}
