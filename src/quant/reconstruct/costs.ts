import { type Graph, type GraphInput, runNode, type Unit } from "../../graph/index.ts";

/** Forwards that are timed; the first also builds kernels. */
const ROUNDS = 3;

/**
 * What a step of each unit takes beside one of the others: the least time of a forward on one input, and a share
 * `behind` of all nodes behind it, through which a global loss goes now and then. Depends on the clock.
 */
export function timedCosts(graph: Graph, units: readonly Unit[], input: GraphInput, now: () => number, behind: number): number[] {
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
    const end = nodes.reduce((last, node) => Math.max(last, place.get(node) as number), 0);
    return Math.max(own + behind * sum(graph.nodes.slice(end + 1)), LEAST);
  });
}

/** Milliseconds that no unit is cheaper than. */
const LEAST = 0.01;
