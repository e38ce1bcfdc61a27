import type { Graph, Node } from "../../graph/index.ts";
import { type Pairing, quantizerMade } from "./pairing.ts";

/** A tensor that is compared, and what it takes to compute it from tensors both graphs have. */
export interface Point {
  readonly name: string;
  /** The op's name. */
  readonly kind: string;
  readonly role: "layer" | "operation" | "output";
  readonly tensor: string;
  readonly otherTensor: string;
  /** Number of the last node of the first graph that makes anything the point needs. */
  readonly at: number;
  /** Number of the node of the second graph that makes the tensor. */
  readonly otherAt: number;
  /** Tensors of the second graph the tensor is computed from, as names in the first. */
  readonly sources: ReadonlyMap<string, string>;
  /** Nodes of the second graph between the sources and the tensor. */
  readonly nodes: readonly Node[];
}

/** What is compared of two graphs, each in the first one's order of execution. */
export interface Points {
  /** Layers, and other operations that read a quantized tensor in either graph. */
  readonly layers: readonly Point[];
  /** Outputs that are not a layer's. */
  readonly outputs: readonly Point[];
}

/** The tensors of two graphs that are worth comparing. */
export function pointsOf(model: Graph, other: Graph, pairing: Pairing): Points {
  const where = numbersOf(model);
  const otherWhere = numbersOf(other);
  const partners = new Map(Array.from(pairing.tensors, ([theirs, ours]) => [ours, theirs]));
  const made = quantizerMade(model);
  const otherMade = quantizerMade(other);
  const point = (name: string, role: Point["role"], tensor: string, otherTensor: string): Point => {
    const kind = model.nodes[where.get(tensor) ?? -1]?.op.name ?? "input";
    const part = { ...pathTo(other, otherWhere.get(otherTensor) ?? -1, otherTensor, pairing.tensors) };
    const needed = [tensor, ...part.sources.values()].map((source) => where.get(source) ?? -1);
    return { name, kind, role, tensor, otherTensor, at: Math.max(...needed), otherAt: otherWhere.get(otherTensor) ?? -1, ...part };
  };
  const layers = model.nodes.flatMap((node) => {
    const partner = partners.get(node.outputs[0]);
    const twin = partner === undefined ? undefined : other.nodes[otherWhere.get(partner) ?? -1];
    const worth = model.layerOf(node) || readsAny(node, made) || (twin && readsAny(twin, otherMade));
    return partner === undefined || !worth ? [] : [point(node.name, model.layerOf(node) ? "layer" : "operation", node.outputs[0], partner)];
  });
  const covered = new Set(layers.map((p) => `${p.tensor}\n${p.otherTensor}`));
  const outputs = [...pairing.outputs].filter(([ours, theirs]) => !covered.has(`${ours}\n${theirs}`));
  return { layers, outputs: outputs.map(([ours, theirs]) => point(ours, "output", ours, theirs)) };
}

const readsAny = (node: Node, names: ReadonlySet<string>): boolean => node.inputs.some((name) => names.has(name));

/** The number of the node that makes each tensor. */
const numbersOf = ({ nodes }: Graph): Map<string, number> =>
  new Map(nodes.flatMap(({ outputs }, i) => outputs.map((name): [string, number] => [name, i])));

/** The way back from a tensor, made by node number `last`, to the nearest tensors that have a counterpart. */
function pathTo(graph: Graph, last: number, tensor: string, counterparts: ReadonlyMap<string, string>): Pick<Point, "sources" | "nodes"> {
  const wanted = new Set([tensor]);
  const sources = new Map<string, string>();
  const nodes: Node[] = [];
  for (let i = last; i >= 0; i--) {
    const node = graph.nodes[i];
    if (!node.outputs.some((name) => wanted.has(name))) continue;
    nodes.push(node);
    for (const name of node.inputs) {
      const counterpart = counterparts.get(name);
      if (counterpart !== undefined) sources.set(name, counterpart);
      else if (!graph.parameters.has(name)) wanted.add(name);
    }
  }
  return { sources, nodes: nodes.reverse() };
}
