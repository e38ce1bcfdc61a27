import { InlierqError } from "../errors.ts";
import { Graph, type GraphParts } from "./graph.ts";
import type { Node } from "./layer.ts";

/** The nodes that an output depends on, in order. */
export function liveNodes(nodes: readonly Node[], outputs: readonly string[]): Node[] {
  const wanted = new Set(outputs);
  const live: Node[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => wanted.has(name))) continue;
    live.push(node);
    for (const name of node.inputs) wanted.add(name);
  }
  return live.reverse();
}

/**
 * Builds a graph whose inputs may have a free batch dimension (-1). It stays free where every node
 * also fits a batch of 2, and the outputs it reaches are marked; otherwise the batch becomes 1.
 */
export function assembleGraph(parts: GraphParts): Graph {
  const at = (batch: number): Graph =>
    new Graph({ ...parts, inputs: parts.inputs.map((p) => ({ ...p, shape: p.shape.map((d) => (d === -1 ? batch : d)) })) });
  const one = at(1);
  if (!parts.inputs.some((p) => p.shape.includes(-1))) return one;
  let two: Graph;
  try {
    two = at(2);
  } catch (cause) {
    if (cause instanceof InlierqError) return one;
    throw cause;
  }
  const outputs = one.outputs.map((p) => {
    const larger = two.metas.get(p.name)?.shape ?? p.shape;
    return { ...p, shape: p.shape.map((d, i) => (larger[i] === d ? d : -1)) };
  });
  return new Graph({ ...parts, outputs });
}
