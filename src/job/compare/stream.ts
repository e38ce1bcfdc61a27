import { type Graph, runNode } from "../../graph/index.ts";
import type { Tap } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/index.ts";

/** A graph and how its tensors are read. */
export interface Side {
  readonly graph: Graph;
  readonly tap: Tap;
}

/**
 * A forward that runs as far as it is asked to. A tensor stays until the graph needs it no more and it was released as
 * often as `uses` says.
 */
export class Stream {
  readonly #side: Side;
  readonly #env: Map<string, Tensor>;
  readonly #uses: Map<string, number>;
  readonly #dead = new Set<string>();
  #next = 0;

  constructor(side: Side, x: Tensor, uses: ReadonlyMap<string, number>) {
    this.#side = side;
    this.#env = side.graph.begin(x, side.tap);
    this.#uses = new Map(uses);
  }

  /** Runs all nodes up to number `index`. */
  runTo(index: number): void {
    const { graph, tap } = this.#side;
    for (; this.#next <= index; this.#next++) {
      runNode(graph, graph.nodes[this.#next], this.#env, tap);
      for (const name of graph.dyingAfter(this.#next)) {
        if ((this.#uses.get(name) ?? 0) > 0) this.#dead.add(name);
        else this.#env.delete(name);
      }
    }
  }

  /** A tensor that was computed and is still needed. */
  get(name: string): Tensor {
    return (this.#env.get(name) ?? this.#side.graph.parameters.get(name)) as Tensor;
  }

  /** One use of a tensor has ended. */
  release(name: string): void {
    const left = (this.#uses.get(name) ?? 0) - 1;
    this.#uses.set(name, left);
    if (left <= 0 && this.#dead.delete(name)) this.#env.delete(name);
  }

  /** Runs the rest; the outputs by name. */
  finish(): Readonly<Record<string, Tensor>> {
    this.runTo(this.#side.graph.nodes.length - 1);
    return this.#side.graph.finish(this.#env);
  }
}
