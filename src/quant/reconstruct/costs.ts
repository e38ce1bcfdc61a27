import { type Graph, type GraphInput, runNode, type Unit } from "../../graph/index.ts";

/** Forwards that are timed; the first also builds kernels. */
const ROUNDS = 3;

/**
 * What a step of each unit takes beside one of the others: the least time of a forward on one input, and where `global` is
 * set of all nodes behind it too, through which its loss goes. Depends on the clock.
 */
export function timedCosts(graph: Graph, units: readonly Unit[], input: GraphInput, now: () => number, global: boolean): number[] {
  const best = new Map(graph.nodes.map((node) => [node, Number.POSITIVE_INFINITY]));
  for (let round = 0; round < ROUNDS; round++) {
    const env = graph.begin(input);
    for (const [i, node] of graph.nodes.entries()) {
      const began = now();
      runNode(graph, node, env);
      best.set(node, Math.min(best.get(node) as number, now() - began));
      for (const name of graph.dyingAfter(i)) env.delete(name);
    }
  }
  const sum = (nodes: Iterable<Unit["nodes"][number]>): number => [...nodes].reduce((total, node) => total + (best.get(node) as number), 0);
  const place = new Map(graph.nodes.map((node, i) => [node, i]));
  return units.map(({ nodes }) => {
    const own = sum(nodes);
    if (!global) return Math.max(own, LEAST);
    const end = nodes.reduce((last, node) => Math.max(last, place.get(node) as number), 0);
    return Math.max(own + sum(graph.nodes.slice(end + 1)), LEAST);
  });
}

/** Milliseconds that no unit is cheaper than. */
const LEAST = 0.01;
