import type { Graph, Node, Unit } from "../../graph/index.ts";

/** Nodes that run together, and the unit they are, if any. */
export interface Stop {
  readonly unit: Unit | undefined;
  readonly nodes: readonly Node[];
  /** Tensors that nothing after this reads. */
  readonly dying: readonly string[];
}

/**
 * The order in which a network is walked unit by unit: a unit runs as a whole where its first node stands, which is
 * sound because it reads nothing that is computed in between.
 */
export function routeOf(graph: Graph, units: readonly Unit[]): Stop[] {
  const unitOf = new Map(units.flatMap((unit) => unit.nodes.map((node) => [node, unit] as const)));
  const groups: { unit: Unit | undefined; nodes: readonly Node[] }[] = [];
  const placed = new Set<Unit>();
  for (const node of graph.nodes) {
    const unit = unitOf.get(node);
    if (!unit) groups.push({ unit, nodes: [node] });
    else if (!placed.has(unit)) {
      placed.add(unit);
      groups.push({ unit, nodes: unit.nodes });
    }
  }
  const alive = new Set(graph.outputs.map((p) => p.name));
  return groups
    .toReversed()
    .map(({ unit, nodes }) => {
      const touched = [...new Set(nodes.flatMap((n) => [...n.inputs, ...n.outputs]))].filter((name) => !graph.parameters.has(name));
      const dying = touched.filter((name) => !alive.has(name));
      for (const name of touched) alive.add(name);
      return { unit, nodes, dying };
    })
    .reverse();
}

/** Names of the tensors that `nodes` and the outputs need from outside `nodes`. */
export function readsOf(graph: Graph, nodes: readonly Node[]): string[] {
  const written = new Set(nodes.flatMap((n) => n.outputs));
  const read = new Set([...nodes.flatMap((n) => n.inputs), ...graph.outputs.map((p) => p.name)]);
  return [...read].filter((name) => !written.has(name) && !graph.parameters.has(name));
}
