import type { Graph, Layer, Unit } from "../../graph/index.ts";
import { runNode } from "../../graph/index.ts";
import type { Slot, Tap } from "../../nn/index.ts";
import { add, mul, sub, type Tensor, zeros } from "../../tensor/index.ts";
import type { Learned } from "../learner/learner.ts";
import { applySite, biasOf, type Plan, weightOf } from "../plan.ts";
import type { LearningStage } from "./reconstruction.ts";
import type { RestLoss } from "./restLoss.ts";

/** What a unit learns: values by weight, by activation tensor and by layer with a bias. */
export interface UnitValues {
  readonly biases: ReadonlyMap<string, Learned>;
  readonly weights: ReadonlyMap<string, Learned>;
  readonly activations: ReadonlyMap<string, Learned>;
}

/** Nothing is learned: weights, grids and biases as the plan has them. */
export const unlearned: UnitValues = { weights: new Map(), activations: new Map(), biases: new Map() };

/** A unit as a function of what it learns. */
export interface UnitTask {
  readonly graph: Graph;
  readonly unit: Unit;
  readonly stage: LearningStage;
  /** Grids at the start. */
  readonly plan: Plan;
  /** Its layers that are quantized. */
  readonly layers: readonly Layer[];
  /** Names of the weights and activations of earlier units of the walk, which were judged with them as they are. */
  readonly settled: ReadonlySet<string>;
  /** What is behind it, for stages with a global objective. */
  readonly rest?: RestLoss | undefined;
}

/** Names of the activation tensors that the unit quantizes. */
export const sitesOf = ({ layers, plan }: UnitTask): string[] => [
  ...new Set(layers.map((l) => l.input).filter((name) => plan.activations.has(name))),
];

/** Where learning starts: at the float weights. What an earlier unit of the walk shares with this one stays as it is. */
export function startOf(task: UnitTask): UnitValues {
  const { graph, plan, stage, layers, settled } = task;
  const weights = new Map<string, Learned>();
  const activations = new Map<string, Learned>();
  const biases = new Map<string, Learned>();
  for (const layer of layers) {
    const site = plan.weights.get(layer.weight);
    if (stage.weights && site && !settled.has(layer.weight)) weights.set(layer.weight, stage.weights.start(floatOf(graph, layer), site));
    const bias = biasOf(graph, plan, layer);
    if (stage.biasRate !== undefined && bias) biases.set(layer.name, { offset: zeros(bias.shape) });
  }
  for (const name of sitesOf(task)) {
    const site = plan.activations.get(name);
    if (stage.activations && site && !settled.has(name)) activations.set(name, stage.activations.start(site));
  }
  return { weights, activations, biases };
}

const floatOf = (graph: Graph, { weight }: Layer): Tensor => graph.parameters.get(weight) as Tensor;
const siteOf = (plan: Plan, layer: Layer) => plan.weights.get(layer.weight)!;

/**
 * The output tensors of the unit on one sample, with weights and grids as `values` has them. `masks` are 1 where an
 * element is quantized and 0 where it stays float, by activation tensor; absent: all are quantized.
 *
 * Shape: inputs and outputs [1,...] as the graph has them.
 */
export function runUnit(
  task: UnitTask,
  values: UnitValues,
  inputs: Readonly<Record<string, Tensor>>,
  masks: Readonly<Record<string, Tensor>>,
): Map<string, Tensor> {
  const env = new Map(Object.entries(inputs));
  const tap = softTap(task, values, masks);
  for (const node of task.unit.nodes) runNode(task.graph, node, env, tap);
  return env;
}

/** The tap under which a unit computes what its plan would, softened where it learns; for one sample. */
export function softTap(task: UnitTask, values: UnitValues, masks: Readonly<Record<string, Tensor>>): Tap {
  const shared = new Map<string, Tensor>();
  const none: Tap = Object.assign((_: Slot, x: Tensor) => x, { at: () => none });
  const taps = new Map(
    task.layers.map((layer) => {
      const at = (slot: Slot, x: Tensor): Tensor => {
        if (slot === "weight") return softWeight(task, layer, values);
        if (slot === "bias") return softBias(task, layer, x, values);
        if (slot !== "input" || !task.stage.quantizesActivations) return x;
        const known = shared.get(layer.input) ?? softActivation(task, layer.input, x, values, masks);
        shared.set(layer.input, known);
        return known;
      };
      return [layer.name, Object.assign(at, { at: () => none })] as const;
    }),
  );
  return Object.assign((_: Slot, x: Tensor) => x, { at: (child: string) => taps.get(child) ?? none });
}

function softWeight({ graph, plan, stage }: UnitTask, layer: Layer, { weights }: UnitValues): Tensor {
  const learned = weights.get(layer.weight);
  const site = plan.weights.get(layer.weight);
  if (site && learned && stage.weights) return stage.weights.soft(floatOf(graph, layer), site, learned);
  const w = weightOf(graph, plan, layer);
  return site ? applySite(w, site) : w;
}

function softBias({ graph, plan }: UnitTask, layer: Layer, x: Tensor, { biases }: UnitValues): Tensor {
  const bias = biasOf(graph, plan, layer) ?? x;
  const learned = biases.get(layer.name);
  return learned ? add(bias, learned.offset) : bias;
}

function softActivation(
  { plan, stage }: UnitTask,
  name: string,
  x: Tensor,
  { activations }: UnitValues,
  masks: Readonly<Record<string, Tensor>>,
): Tensor {
  const site = plan.activations.get(name);
  if (!site) return x;
  const learned = activations.get(name);
  const quantized = learned && stage.activations ? stage.activations.soft(x, site, learned) : applySite(x, site);
  const mask = masks[name];
  // Exact for masks of 0 and 1: what is quantized stays on its grid.
  return mask ? add(mul(mask, quantized), mul(sub(1, mask), x)) : quantized;
}

/** The plan with what was learned put on its grids. */
export function hardened({ graph, plan, stage, layers }: UnitTask, values: UnitValues): Plan {
  const tuned = new Map(plan.tuned);
  const weights = new Map(plan.weights);
  const activations = new Map(plan.activations);
  for (const layer of layers) {
    const learned = values.weights.get(layer.weight);
    if (!learned || !stage.weights) continue;
    const hard = stage.weights.harden(floatOf(graph, layer), siteOf(plan, layer), learned);
    tuned.set(layer.weight, hard.tuned);
    weights.set(layer.weight, hard.site);
  }
  for (const [name, learned] of values.activations) {
    if (stage.activations) activations.set(name, stage.activations.harden(plan.activations.get(name)!, learned));
  }
  const biases = new Map(plan.biases);
  for (const layer of layers) {
    const learned = values.biases.get(layer.name);
    const bias = biasOf(graph, plan, layer);
    if (learned && bias) biases.set(layer.name, add(bias, learned.offset));
  }
  return { ...plan, tuned, weights, activations, biases };
}
