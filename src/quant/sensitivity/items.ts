import type { Graph, Layer } from "../../graph/index.ts";
import { sizeOf } from "../../tensor/index.ts";
import type { Assignment } from "../assign.ts";
import type { BitRule } from "../bitRules.ts";
import type { Plan } from "../plan.ts";

/** One thing that can be quantized or left alone by itself. */
export interface Item {
  /** An activation tensor, the weight of a layer, or a layer with both its weight and its input. */
  readonly kind: "activation" | "weight" | "layer";
  /** Name of the tensor, or of the layer. */
  readonly name: string;
  /** The quantized layers it belongs to. */
  readonly layers: readonly Layer[];
  /** Bits of its codes; of a layer those of its weight. */
  readonly bits: number;
  /** Elements of the tensor for a batch of one, or of the weight. */
  readonly elements: number;
  /** Number of the first node that reads it. */
  readonly at: number;
}

/** What items are lifted to: more bits, or float. */
export type High = number | "float";

/**
 * What can be lifted to `high`, in order of execution: to bits the activation tensors and weights that have fewer, to float
 * whole layers.
 */
export function itemsOf(graph: Graph, { layers, weights, sites }: Assignment, high: High): Item[] {
  const places = new Map(graph.nodes.map(({ name }, i) => [name, i]));
  const at = (of: readonly Layer[]): number => of.reduce((least, { name }) => Math.min(least, places.get(name) ?? 0), graph.nodes.length);
  const size = (name: string): number => sizeOf(graph.metas.get(name)?.shape ?? [0]);
  const item = (kind: Item["kind"], name: string, of: readonly Layer[], tensor: string, bits = 0): Item => ({
    kind,
    name,
    layers: of,
    bits,
    elements: size(tensor),
    at: at(of),
  });
  if (high === "float") return layers.map((l) => item("layer", l.name, [l], l.weight, weights.get(l.weight)?.bits));
  const activations = [...sites.values()].map((s) => item("activation", s.tensor, s.readers, s.tensor, s.scheme.bits));
  const coded = [...weights].map(([weight, { bits }]) => {
    const of = layers.filter((l) => l.weight === weight);
    return item("weight", of[0].name, of, weight, bits);
  });
  return [...activations, ...coded].filter(({ bits }) => bits < high).sort((a, b) => a.at - b.at);
}

/**
 * The rules that lift an item: one for each of its layers, all of them quantized. A rule for a tensor would also reach the
 * layers that read it in float, and give them bits.
 */
export function rulesOf({ kind, layers }: Item, high: High): BitRule[] {
  const lifted: Omit<BitRule, "pattern"> =
    high === "float" ? { float: true } : kind === "activation" ? { activationBits: high } : { weightBits: high };
  return layers.map((l) => ({ pattern: l.name, by: "layer", ...lifted }));
}

const only = <V>(map: ReadonlyMap<string, V>, names: readonly string[]): Map<string, V> =>
  new Map([...map].filter(([name]) => names.includes(name)));

const without = <V>(map: ReadonlyMap<string, V>, names: readonly string[]): Map<string, V> =>
  new Map([...map].filter(([name]) => !names.includes(name)));

/** The plan that quantizes nothing but the item. Rounded weights keep the biases that were corrected for them. */
export function isolate(plan: Plan, { kind, layers }: Item): Plan {
  const names = layers.map((l) => l.name);
  const withWeights = kind !== "activation";
  return {
    layers: new Set(names),
    activations:
      kind === "weight"
        ? new Map()
        : only(
            plan.activations,
            layers.map((l) => l.input),
          ),
    weights: withWeights
      ? only(
          plan.weights,
          layers.map((l) => l.weight),
        )
      : new Map(),
    biases: withWeights ? only(plan.biases, names) : new Map(),
    tuned: withWeights
      ? only(
          plan.tuned,
          layers.map((l) => l.weight),
        )
      : new Map(),
  };
}

/** The plan with just the item on the grids of another one; a layer in float where that one has it so. */
export function lift(low: Plan, high: Plan, { kind, layers }: Item): Plan {
  const names = layers.map((l) => l.name);
  if (kind === "layer") return { ...low, layers: new Set([...low.layers].filter((name) => !names.includes(name))) };
  if (kind === "activation") {
    return {
      ...low,
      activations: new Map([
        ...low.activations,
        ...only(
          high.activations,
          layers.map((l) => l.input),
        ),
      ]),
    };
  }
  const weights = layers.map((l) => l.weight);
  return {
    ...low,
    weights: new Map([...low.weights, ...only(high.weights, weights)]),
    biases: without(low.biases, names),
    tuned: without(low.tuned, weights),
  };
}
