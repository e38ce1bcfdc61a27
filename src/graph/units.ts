import { ArgumentError } from "../errors.ts";
import {
  type AnyOp,
  add,
  clamp,
  div,
  elu,
  erf,
  hardsigmoid,
  hardswish,
  leakyRelu,
  mul,
  prelu,
  relu,
  relu6,
  sigmoid,
  silu,
  softplus,
  sub,
  tanh,
} from "../tensor/index.ts";
import type { Graph } from "./graph.ts";
import type { Layer, Node } from "./layer.ts";

/** How much of a network is reconstructed at a time. */
export type Grain = "layer" | "block" | "network";

/** A part of a graph that is reconstructed together: what it reads comes in through `inputs`, what others read leaves through `outputs`. */
export interface Unit {
  /** Name of its last node; of the graph for the whole network. */
  readonly name: string;
  /** In execution order, the activation behind the last layer included. */
  readonly nodes: readonly Node[];
  /** Tensors it reads, without parameters: one, but for whole networks of several inputs. */
  readonly inputs: readonly string[];
  /** Tensors it writes for others: one, but for whole networks of several outputs. */
  readonly outputs: readonly string[];
  /** Its layers, in execution order. */
  readonly layers: readonly Layer[];
}

/** Layers a block holds at most; a larger branching part is cut into its inner blocks and layers. */
const LARGEST_BLOCK = 8;

/**
 * The units of a graph, in execution order, each layer in one of them: single layers, or blocks (what lies between a
 * tensor and the node where all branches from it meet again: residual, squeeze-and-excitation, inverted residual and
 * concatenated branches) and the layers between them, or all at once. A unit ends behind the activation that follows it.
 *
 * Source: BRECQ section 3.2 (units). Errors: ArgumentError for blocks of a graph that has none.
 */
export function findUnits(graph: Graph, grain: Grain): Unit[] {
  if (grain === "network") return [wholeNetwork(graph)];
  const wiring = new Wiring(graph);
  const blocks = grain === "block" ? findBlocks(graph, wiring) : [];
  if (grain === "block" && blocks.length === 0) {
    const others = `it has ${graph.layers.length} layers and no branches that meet again`;
    throw new ArgumentError("unit", `"block" must find blocks in the graph, got none (${others}: take "layer" or "network")`);
  }
  const taken = new Set(blocks.flat());
  const single = graph.nodes.filter((node) => graph.layerOf(node) && !taken.has(node)).map((node) => [node]);
  const parts = [...blocks, ...single].map((nodes) => [...nodes, ...tailOf(nodes[nodes.length - 1], wiring, taken)]);
  const place = new Map(graph.nodes.map((node, i) => [node, i]));
  const order = (nodes: readonly Node[]): Node[] => [...nodes].sort((a, b) => place.get(a)! - place.get(b)!);
  return parts
    .map(order)
    .sort((a, b) => place.get(a[0])! - place.get(b[0])!)
    .map((nodes) => unitOf(graph, nodes));
}

function wholeNetwork(graph: Graph): Unit {
  const [inputs, outputs] = [graph.inputs, graph.outputs].map((ports) => ports.map((p) => p.name));
  return { name: graph.name, nodes: graph.nodes, inputs, outputs, layers: graph.layers };
}

function unitOf(graph: Graph, nodes: readonly Node[]): Unit {
  const written = new Set(nodes.flatMap((n) => n.outputs));
  const inputs = [...new Set(nodes.flatMap((n) => n.inputs))].filter((name) => !graph.parameters.has(name) && !written.has(name));
  const last = nodes[nodes.length - 1];
  const layers = nodes.flatMap((n) => graph.layerOf(n) ?? []);
  return { name: last.name, nodes, inputs, outputs: [last.outputs[0]], layers };
}

/** Who writes and who reads each tensor. */
class Wiring {
  readonly place = new Map<string, number>();
  readonly #graph: Graph;
  readonly #readers = new Map<string, Node[]>();
  readonly #ends: ReadonlySet<string>;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#ends = new Set(graph.outputs.map((p) => p.name));
    graph.nodes.forEach((node, i) => {
      for (const name of node.outputs) this.place.set(name, i);
      for (const name of new Set(node.inputs)) this.#readers.set(name, [...(this.#readers.get(name) ?? []), node]);
    });
  }

  /** The tensors a node reads, parameters left out. */
  reads(node: Node): string[] {
    return [...new Set(node.inputs)].filter((name) => !this.#graph.parameters.has(name));
  }

  readers(name: string): readonly Node[] {
    return this.#readers.get(name) ?? [];
  }

  /** Whether only nodes of `inside` read the tensor. */
  staysIn(name: string, inside: ReadonlySet<Node>): boolean {
    return !this.#ends.has(name) && this.readers(name).every((node) => inside.has(node));
  }

  isEnd(name: string): boolean {
    return this.#ends.has(name);
  }

  sameShape(a: string, b: string): boolean {
    return this.#graph.metas.get(a)?.shape.join() === this.#graph.metas.get(b)?.shape.join();
  }

  /**
   * The nodes between the tensor that all branches into `merge` come from and `merge`, with that tensor; undefined where
   * something inside is read outside.
   */
  region(merge: Node): { readonly entry: string; readonly nodes: readonly Node[] } | undefined {
    const nodes: Node[] = [];
    const open = new Set(this.reads(merge));
    while (open.size > 1) {
      const latest = [...open].reduce((a, b) => (this.#placeOf(a) >= this.#placeOf(b) ? a : b));
      const at = this.place.get(latest);
      if (at === undefined) return undefined;
      const node = this.#graph.nodes[at];
      for (const name of node.outputs) open.delete(name);
      for (const name of this.reads(node)) open.add(name);
      nodes.push(node);
    }
    const inside = new Set([...nodes, merge]);
    const [entry] = open;
    const closed = nodes.every((node) => node.outputs.every((name) => this.staysIn(name, inside)));
    return closed && entry !== undefined ? { entry, nodes: [...nodes.reverse(), merge] } : undefined;
  }

  #placeOf(name: string): number {
    return this.place.get(name) ?? -1;
  }
}

/** The largest blocks that do not overlap, each with its merging node last. */
function findBlocks(graph: Graph, wiring: Wiring): Node[][] {
  const merges = graph.nodes.filter((node) => wiring.reads(node).length > 1);
  const layers = (nodes: readonly Node[]): number => nodes.filter((n) => graph.layerOf(n)).length;
  const found = merges
    .flatMap((merge) => wiring.region(merge) ?? [])
    .map(({ nodes }) => [...nodes])
    .filter((nodes) => layers(nodes) > 0 && layers(nodes) <= LARGEST_BLOCK)
    .sort((a, b) => layers(b) - layers(a) || b.length - a.length);
  const taken = new Set<Node>();
  const kept: Node[][] = [];
  for (const nodes of found) {
    if (nodes.some((n) => taken.has(n))) continue;
    for (const n of nodes) taken.add(n);
    kept.push(nodes);
  }
  return kept;
}

/** The activation behind a node: elementwise nodes that alone read its result, also where they branch and meet (x * sigmoid(x)). */
function tailOf(last: Node, wiring: Wiring, taken: ReadonlySet<Node>): Node[] {
  const tail: Node[] = [];
  let end = last.outputs[0];
  for (;;) {
    const next = activationOf(end, wiring);
    if (!next || next.some((n) => taken.has(n))) return tail;
    tail.push(...next);
    end = next[next.length - 1].outputs[0];
  }
}

function activationOf(name: string, wiring: Wiring): readonly Node[] | undefined {
  const readers = wiring.readers(name);
  if (wiring.isEnd(name) || readers.length === 0) return undefined;
  const merges = readers.filter((n) => wiring.reads(n).length > 1);
  const nodes = merges.length === 0 ? [readers[0]] : wiring.region(merges[merges.length - 1])?.nodes;
  if (!nodes || !wiring.staysIn(name, new Set(nodes)) || !nodes.every((n) => isActivation(n, name, wiring))) return undefined;
  return nodes;
}

/** What activations are made of. */
const ACTIVATIONS: ReadonlySet<AnyOp> = new Set(
  [
    relu,
    relu6,
    clamp,
    sigmoid,
    tanh,
    hardsigmoid,
    hardswish,
    leakyRelu,
    prelu,
    silu,
    elu,

    softplus,
    erf,
    mul,
    add,
    div,
    sub,
  ].map((op): AnyOp => op.def),
);

/** Whether a node maps a tensor of the shape of `name` to another, element by element. */
const isActivation = (node: Node, name: string, wiring: Wiring): boolean =>
  ACTIVATIONS.has(node.op) && wiring.sameShape(node.outputs[0], name);
