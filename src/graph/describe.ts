import { formatShape } from "../tensor/index.ts";
import type { Graph } from "./graph.ts";
import type { Layer, Port } from "./layer.ts";

/** One layer in numbers. */
export interface LayerDescription {
  /** Name of the layer's node. */
  readonly name: string;
  /** What it computes. */
  readonly kind: Layer["kind"];
  /** Whether every input channel meets its own filters only. */
  readonly depthwise: boolean;
  /** Shapes written as "[1,3,8,8]". */
  readonly input: string;
  /** Shape of the weight, written likewise. */
  readonly weight: string;
  /** Multiply-accumulates for a batch of one. */
  readonly macs: number;
}

/** A graph in numbers. */
export interface GraphDescription {
  /** Name of the graph. */
  readonly name: string;
  /** Its inputs, in order. */
  readonly inputs: readonly Port[];
  /** Its outputs, in order. */
  readonly outputs: readonly Port[];
  /** How often each op occurs, by name. */
  readonly ops: Readonly<Record<string, number>>;
  /** Elements of all parameters. */
  readonly parameters: number;
  /** Multiply-accumulates of all layers for a batch of one. */
  readonly macs: number;
  /** Its layers, in order of execution. */
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
