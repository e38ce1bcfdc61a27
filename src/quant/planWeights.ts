import type { Graph, Layer } from "../graph/index.ts";
import type { Tensor } from "../tensor/index.ts";
import type { Assignment } from "./assign.ts";
import type { GraphModel } from "./evidence.ts";
import type { LayerRole, Method, WeightLevels } from "./method.ts";
import { matchesAny } from "./pattern.ts";
import { emptyPlan, type Plan } from "./plan.ts";
import { chooseQParams, type Range, type Scheme } from "./scheme.ts";

/** What grids of weights depend on beside the method. */
interface Context {
  /** Patterns of the layers of the head. */
  readonly head: readonly string[];
  /** Where degenerate rules that applied are written, by layer. */
  readonly flags: Map<string, string[]>;
}

/** The plan that rounds every weight to the nearest of its grid, activations still in float. */
export function planWeights({ graph }: GraphModel, { layers, weights }: Assignment, method: Method, { head, flags }: Context): Plan {
  let plan: Plan = { ...emptyPlan, layers: new Set(layers.map((l) => l.name)), weights: new Map() };
  for (const layer of layers) {
    const scheme = weights.get(layer.weight) as Scheme;
    const value = graph.parameters.get(layer.weight) as Tensor;
    const observer = method.weightObserver(scheme);
    const range = observer.result(observer.add(observer.init(), { x: value }));
    const found = method.weightLevels?.(layer, scheme, roleOf(graph, layer, head))?.(value, range, scheme);
    plan = found ? withSite(plan, layer, found) : withUniform(plan, layer, range, scheme, flags);
  }
  return plan;
}

const roleOf = (graph: Graph, layer: Layer, head: readonly string[]): LayerRole => ({
  head: matchesAny(head, layer.name),
  first: layer === graph.layers[0],
});

const withSite = (plan: Plan, { weight }: Layer, { site, tuned }: ReturnType<WeightLevels>): Plan => ({
  ...plan,
  weights: new Map([...plan.weights, [weight, site]]),
  tuned: new Map([...plan.tuned, [weight, tuned]]),
});

function withUniform(plan: Plan, layer: Layer, range: Range, scheme: Scheme, flags: Map<string, string[]>): Plan {
  const { params, flags: found } = chooseQParams(range, scheme);
  if (found.length > 0) flags.set(layer.name, found);
  return { ...plan, weights: new Map([...plan.weights, [layer.weight, { params, scheme }]]) };
}
