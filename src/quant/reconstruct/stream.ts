import { StateError } from "../../errors.ts";
import { type Graph, type GraphInput, type Node, runNode } from "../../graph/index.ts";
import type { Tap } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import type { Kept, Shelf } from "./shelf.ts";

/** All samples on their way through a network, as far as it has been walked: the tensors that somebody will still read. */
export class Stream {
  readonly #graph: Graph;
  readonly #shelf: Shelf;
  readonly #samples: Map<string, Kept>[];

  /** Nothing has run yet. */
  constructor(graph: Graph, inputs: Iterable<GraphInput>, shelf: Shelf) {
    this.#graph = graph;
    this.#shelf = shelf;
    this.#samples = Array.from(inputs, (x) => new Map([...graph.begin(x)].map(([name, t]) => [name, shelf.put(t)])));
  }

  /** A tensor of a sample. Errors: StateError where it was dropped or not yet computed. */
  get(sample: number, name: string): Tensor {
    const kept = this.#samples[sample].get(name);
    if (!kept) throw new StateError("stream", `tensor "${name}" must be at hand, got nothing (graph ${this.#graph.name})`);
    return kept.get();
  }

  /** The named tensors of a sample. */
  pick(sample: number, names: readonly string[]): Record<string, Tensor> {
    return Object.fromEntries(names.map((name) => [name, this.get(sample, name)]));
  }

  /** Runs nodes on one sample and keeps what `kept` says of their outputs. */
  run(sample: number, nodes: readonly Node[], tap: Tap, kept: (name: string) => boolean): void {
    const at = this.#samples[sample];
    const env = new Map<string, Tensor>();
    for (const name of new Set(nodes.flatMap((n) => n.inputs))) {
      const found = at.get(name);
      if (found) env.set(name, found.get());
    }
    for (const node of nodes) runNode(this.#graph, node, env, tap);
    for (const name of nodes.flatMap((n) => n.outputs)) if (kept(name)) at.set(name, this.#shelf.put(env.get(name) as Tensor));
  }

  /** Lets go of everything. */
  clear(): void {
    for (const at of this.#samples) this.drop([...at.keys()]);
  }

  /** Lets go of tensors of all samples. */
  drop(names: readonly string[]): void {
    for (const at of this.#samples) {
      for (const name of names) {
        at.get(name)?.drop();
        at.delete(name);
      }
    }
  }
}
