import { describeGraph, type GraphDescription } from "../graph/index.ts";
import { assign, policies } from "../quant/index.ts";
import { endLayers, findCard, loadModel } from "./model.ts";
import { type ModelSource, readGraph } from "./source.ts";

/** What quantizing a model would do, before anything is run. */
export interface Inspection {
  /** Name of the graph. */
  readonly name: string;
  /** Ops, parameters, layers and multiply-accumulates. */
  readonly description: GraphDescription;
  /** True where a preset matched; otherwise `card` is a template to complete. */
  readonly matched: boolean;
  /** The card that matches, or one to complete. */
  readonly card: unknown;
  /** Per policy: layers that would be quantized and the share of multiply-accumulates they hold. */
  readonly policies: Readonly<Record<string, { readonly layers: readonly string[]; readonly macsFraction: number }>>;
}

/** Reads a model without running it. Errors: ArgumentError naming every unsupported operator at once. */
export function inspect(model: ModelSource, name = "model"): Inspection {
  const graph = readGraph(model, { name });
  const found = findCard(graph);
  const total = graph.macs();
  const lists = endLayers(found.matched ? loadModel(graph, name, found.card) : { graph });
  const perPolicy = Object.values(policies).map((policy) => {
    const { layers } = assign(graph, { weightBits: 8, activationBits: 8, keep: policy.keep(lists) });
    const macs = layers.reduce((sum, l) => sum + graph.macs(l.name), 0);
    return [policy.name, { layers: layers.map((l) => l.name), macsFraction: total === 0 ? 0 : macs / total }] as const;
  });
  return { name, description: describeGraph(graph), matched: found.matched, card: found.card, policies: Object.fromEntries(perPolicy) };
}
