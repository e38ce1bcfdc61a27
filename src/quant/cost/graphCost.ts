import type { Graph, Layer } from "../../graph/index.ts";
import { itemBytes, sizeOf } from "../../tensor/index.ts";
import type { Assignment } from "../assign.ts";
import type { Plan } from "../plan.ts";
import type { Scheme } from "../scheme.ts";
import type { CostLayer } from "./layerCost.ts";

/** Which layers of a graph are quantized, and the formats of their weights and inputs. */
export interface CostFormats {
  /** Names of the quantized layers. */
  readonly layers: ReadonlySet<string>;
  /** By name of the weight. */
  readonly weights: ReadonlyMap<string, Scheme>;
  /** Numbers in the tables of levels, by name of the weight; a weight without one lies on a uniform grid. */
  readonly levels?: ReadonlyMap<string, number>;
  /** By name of the activation tensor. */
  readonly activations: ReadonlyMap<string, Scheme>;
}

const schemesOf = <V extends { readonly scheme: Scheme }>(sites: ReadonlyMap<string, V>): Map<string, Scheme> =>
  new Map([...sites].map(([name, { scheme }]) => [name, scheme]));

/** The formats that an assignment decides on: uniform grids, whatever the method makes of them. */
export const formatsOfAssignment = ({ layers, weights, sites }: Assignment): CostFormats => ({
  layers: new Set(layers.map((l) => l.name)),
  weights,
  activations: schemesOf(sites),
});

/** The formats of a finished plan. */
export const formatsOfPlan = ({ layers, weights, activations }: Plan): CostFormats => ({
  layers,
  weights: schemesOf(weights),
  levels: new Map([...weights].flatMap(([name, { levels }]) => (levels ? [[name, levels.size] as const] : []))),
  activations: schemesOf(activations),
});

/**
 * The layers of a graph, or some of them, with what they cost under the given formats. A weight or bias that several layers
 * read is stored with the first of them; where some read it as codes and some in float, once in each form.
 */
export function costLayers(graph: Graph, formats: CostFormats, layers: readonly Layer[] = graph.layers): CostLayer[] {
  const stored = new Set<string>();
  const first = (parameter: string | undefined, form: string): number => {
    if (parameter === undefined || stored.has(`${form} ${parameter}`)) return 0;
    stored.add(`${form} ${parameter}`);
    return sizeOf(graph.parameters.get(parameter)?.shape ?? [0]);
  };
  return layers.map((layer) => {
    const quantized = formats.layers.has(layer.name);
    const weight = quantized ? formats.weights.get(layer.weight) : undefined;
    return {
      name: layer.name,
      macs: graph.macs(layer.name),
      weights: first(layer.weight, weight ? "codes" : "float"),
      weightBits: weight?.bits ?? "float",
      activationBits: (quantized ? formats.activations.get(layer.input)?.bits : undefined) ?? "float",
      biases: first(layer.bias, "bias"),
      grids: weight ? gridsOf(graph, layer, weight) : 1,
      levels: weight && formats.levels?.get(layer.weight),
    };
  });
}

const gridsOf = ({ parameters }: Graph, { weight }: Layer, { axis }: Scheme): number =>
  axis === null ? 1 : (parameters.get(weight)?.shape[axis] ?? 1);

/** Bytes of the parameters that no layer reads as weight or bias: constants of other nodes, in their own type. */
export function otherBytes({ layers, parameters }: Graph): number {
  const counted = new Set(layers.flatMap((l) => [l.weight, l.bias]));
  let bytes = 0;
  for (const [name, { dtype, size }] of parameters) if (!counted.has(name)) bytes += itemBytes(dtype) * size;
  return bytes;
}
