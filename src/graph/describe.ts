import { formatShape } from "../tensor/index.ts";
import type { Graph } from "./graph.ts";
import type { Layer, Port } from "./layer.ts";

/** One layer in numbers. */
export interface LayerDescription {
  readonly name: string;
  readonly kind: Layer["kind"];
  readonly depthwise: boolean;
  /** Shapes written as "[1,3,8,8]". */
  readonly input: string;
  readonly weight: string;
  readonly macs: number;
}

/** A graph in numbers. */
export interface GraphDescription {
  readonly name: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** How often each op occurs, by name. */
  readonly ops: Readonly<Record<string, number>>;
  /** Elements of all parameters. */
  readonly parameters: number;
  /** Multiply-accumulates of all layers for a batch of one. */
  readonly macs: number;
  readonly layers: readonly LayerDescription[];
}

/** Counts what a graph holds: ops, parameters, multiply-accumulates, layers. */
export function describeGraph(graph: Graph): GraphDescription {
  const ops = new Map<string, number>();
  for (const { op } of graph.nodes) ops.set(op.name, (ops.get(op.name) ?? 0) + 1);
  let parameters = 0;
  for (const p of graph.parameters.values()) parameters += p.size;
  const shape = (name: string): string => formatShape(graph.metas.get(name)?.shape ?? []);
  return {
    name: graph.name,
    inputs: graph.inputs,
    outputs: graph.outputs,
    ops: Object.fromEntries([...ops].sort(([a], [b]) => (a < b ? -1 : 1))),
    parameters,
    macs: graph.macs(),
    layers: graph.layers.map((l) => ({
      name: l.name,
      kind: l.kind,
      depthwise: l.depthwise,
      input: shape(l.input),
      weight: shape(l.weight),
      macs: graph.macs(l.name),
    })),
  };
}
