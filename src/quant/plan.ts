import type { Graph, Layer } from "../graph/index.ts";
import type { Slot, Tap } from "../nn/index.ts";
import { fakeQuant, type Tensor, zeros } from "../tensor/index.ts";
import { biasOnGrid } from "./bias.ts";
import { emplace } from "./emplace.ts";
import { fakeQuantLevels, type LevelQuantizer, requireLevels } from "./quantizer/levels.ts";
import type { QParams, Scheme } from "./scheme.ts";

/** How one tensor is quantized. */
export interface SitePlan {
  /** Scale and zero point. */
  readonly params: QParams;
  /** The format of the codes. */
  readonly scheme: Scheme;
  /**
   * The levels of a weight that lies on no uniform grid, ascending, in units of the scale: [L] for all channels, or [C, L].
   * Its codes are qmin plus the index of the nearest level, ties to the lower one; zero points are 0 and say nothing.
   */
  readonly levels?: Tensor;
}

/**
 * A quantized model is the float graph and this: which layers run on the integer grid, with which
 * parameters. A quantized layer reads the fake-quantized input and weight and a bias on the int32
 * grid `scale_x * scale_w`; every other reader of the same tensor reads it in float.
 */
export interface Plan {
  /** Names of the quantized layers. */
  readonly layers: ReadonlySet<string>;
  /** By name of the activation tensor. */
  readonly activations: ReadonlyMap<string, SitePlan>;
  /** By name of the weight. */
  readonly weights: ReadonlyMap<string, SitePlan>;
  /** Float biases that replace the model's, by layer name (bias correction). */
  readonly biases: ReadonlyMap<string, Tensor>;
  /**
   * Weights that replace the model's, by name of the weight (learned rounding). They lie on their grids, so that rounding
   * them to nearest gives the learned codes.
   */
  readonly tuned: ReadonlyMap<string, Tensor>;
}

/** The plan that leaves every layer in float. */
export const emptyPlan: Plan = { layers: new Set(), activations: new Map(), weights: new Map(), biases: new Map(), tuned: new Map() };

/** Fake-quantizes a tensor with its site's parameters. Shape: any that the scale fits, kept. */
export function applySite(x: Tensor, { params, scheme, levels }: SitePlan): Tensor {
  if (levels) return fakeQuantLevels(x, { scale: params.scale, levels }, scheme);
  return fakeQuant(x, params.scale, params.zeroPoint, { qmin: scheme.qmin, qmax: scheme.qmax, axis: scheme.axis });
}

/**
 * The plan with a weight on the grid of a non-uniform quantizer: its site, and the value on the grid among the tuned ones.
 * Shapes: the value as the parameter.
 *
 * Errors: ArgumentError for levels that are no grid of the scheme.
 */
export function withLevels<P extends Readonly<Record<string, Tensor>>>(
  plan: Plan,
  weight: string,
  value: Tensor,
  quantized: { readonly quantizer: LevelQuantizer<P>; readonly params: P; readonly scheme: Scheme },
): Plan {
  const { site, tuned } = levelSite(value, quantized);
  return { ...plan, weights: new Map([...plan.weights, [weight, site]]), tuned: new Map([...plan.tuned, [weight, tuned]]) };
}

/**
 * A weight on the grid of a non-uniform quantizer, and that grid. Shapes: the value as the parameter. Errors: ArgumentError
 * for levels that are no grid of the scheme.
 */
export function levelSite<P extends Readonly<Record<string, Tensor>>>(
  value: Tensor,
  { quantizer, params, scheme }: { readonly quantizer: LevelQuantizer<P>; readonly params: P; readonly scheme: Scheme },
): { readonly site: SitePlan; readonly tuned: Tensor } {
  const { scale, levels } = quantizer.grid(params, scheme);
  requireLevels("withLevels", { scale, levels }, scheme);
  const site: SitePlan = { params: { scale, zeroPoint: zeros(scale.shape, "f32") }, scheme, levels };
  return { site, tuned: quantizer.dequantize(quantizer.quantize(value, params, scheme), params, scheme) };
}

/** The float bias of a layer under a plan: the corrected one where there is one. Shape: [Co]. */
export function biasOf(graph: Graph, plan: Plan, layer: Layer): Tensor | undefined {
  return plan.biases.get(layer.name) ?? (layer.bias === undefined ? undefined : graph.parameters.get(layer.bias));
}

/** The weight of a layer under a plan, before rounding: the learned one where there is one. Shape: the parameter's. */
export function weightOf(graph: Graph, plan: Plan, { weight }: Layer): Tensor {
  return plan.tuned.get(weight) ?? (graph.parameters.get(weight) as Tensor);
}

type LayerTap = (slot: Slot, x: Tensor) => Tensor;

/**
 * The tap under which `graph.forward` computes what the exported integer model computes.
 * Weights and biases are put on their grids once; an input shared by several layers is quantized once.
 */
export function tapOf(graph: Graph, plan: Plan): Tap {
  const shared = new Map<string, WeakMap<Tensor, Tensor>>();
  const taps = new Map<string, LayerTap>();
  for (const layer of graph.layers) {
    if (!plan.layers.has(layer.name)) continue;
    taps.set(layer.name, layerTap(graph, plan, layer, shared));
  }
  const none: Tap = Object.assign((_: Slot, x: Tensor) => x, { at: () => none });
  const at = (child: string): Tap => {
    const tap = taps.get(child);
    return tap ? Object.assign((slot: Slot, x: Tensor) => tap(slot, x), { at: () => none }) : none;
  };
  return Object.assign((_: Slot, x: Tensor) => x, { at });
}

function layerTap(graph: Graph, plan: Plan, layer: Layer, shared: Map<string, WeakMap<Tensor, Tensor>>): LayerTap {
  const activation = plan.activations.get(layer.input);
  const weight = plan.weights.get(layer.weight);
  const weightOnGrid = weight && applySite(weightOf(graph, plan, layer), weight);
  const bias = biasOf(graph, plan, layer);
  const gridBias = bias && activation && weight ? biasOnGrid(bias, layer, activation, weight) : bias;
  const quantized = emplace(shared, layer.input, () => new WeakMap<Tensor, Tensor>());
  return (slot, x) => {
    if (slot === "weight") return weightOnGrid ?? x;
    if (slot === "bias") return gridBias ?? x;
    if (slot !== "input" || !activation) return x;
    return emplace(quantized, x, () => applySite(x, activation));
  };
}
