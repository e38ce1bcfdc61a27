import { ArgumentError } from "../../errors.ts";
import type { GraphBuilder } from "../../graph/index.ts";
import { didYouMean } from "../../suggest.ts";
import type { GraphProto, NodeProto } from "../protobuf.ts";
import { nodeNameOf } from "./call.ts";
import { operators } from "./operators/index.ts";

/** The part of a file's graph that is read. */
export interface Ending extends Pick<GraphProto, "node" | "input" | "initializer" | "sparseInitializer"> {
  readonly outputs: readonly string[];
}

/** The whole graph, or the nodes that `names` need where these are not all outputs of the file. */
export function endingAt(graph: GraphProto, names: readonly string[] | undefined, file: string): Ending {
  const { node, input, initializer, sparseInitializer } = graph;
  const own = graph.output.map((o) => o.name);
  if (!names || names.every((name) => own.includes(name))) return { node, input, initializer, sparseInitializer, outputs: own };
  const writers = new Map(node.flatMap((n) => n.output.map((name) => [name, n] as const)));
  const missing = names.find((name) => !writers.has(name));
  if (missing !== undefined)
    throw new ArgumentError(file, `every output must be a tensor of the file, got "${missing}" (${didYouMean(missing, writers.keys())})`);
  const needed = new Set<NodeProto>();
  const open = [...names];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const writer = writers.get(name);
    if (!writer || needed.has(writer)) continue;
    needed.add(writer);
    open.push(...writer.input);
  }
  return { node: node.filter((n) => needed.has(n)), input, initializer, sparseInitializer, outputs: [...new Set(names)] };
}

/** Whether a node's domain is ONNX's own. */
export const isDefaultDomain = (domain: string): boolean => domain === "" || domain === "ai.onnx";

/** Names every operator without a row, in one error. */
export function requireSupported(nodes: readonly NodeProto[], file: string): void {
  const missing = new Map<string, { count: number; first: string }>();
  for (const node of nodes) {
    if (isDefaultDomain(node.domain) && operators.has(node.opType)) continue;
    const key = `${node.domain || "ai.onnx"}.${node.opType}`;
    const found = missing.get(key);
    if (found) found.count++;
    else missing.set(key, { count: 1, first: nodeNameOf(node) });
  }
  if (missing.size === 0) return;
  const list = [...missing].map(
    ([key, { count, first }]) => `${key} (${count === 1 ? `node "${first}"` : `${count} nodes, first "${first}"`})`,
  );
  throw new ArgumentError(file, `every operator must be supported, got ${list.join(", ")}`);
}

/** Every name must be written once, and before it is read. */
export function requireOrder(graph: Ending, builder: GraphBuilder): void {
  const file = builder.file;
  const writers = new Map<string, string>();
  for (const node of graph.node) {
    for (const name of node.output) {
      if (name === "") continue;
      if (writers.has(name) || builder.find(name))
        throw new ArgumentError(file, `every tensor must be written once, got "${name}" twice (node "${nodeNameOf(node)}")`);
      writers.set(name, nodeNameOf(node));
    }
  }
  const written = new Set<string>();
  for (const node of graph.node) {
    for (const name of node.input) {
      if (name === "" || written.has(name) || builder.find(name)) continue;
      const writer = writers.get(name);
      const why = writer === undefined ? "which nothing writes" : `which node "${writer}" writes later (is the graph cyclic?)`;
      throw new ArgumentError(file, `node "${nodeNameOf(node)}" must read tensors written before it, got "${name}", ${why}`);
    }
    for (const name of node.output) written.add(name);
  }
  for (const name of graph.outputs) {
    if (name === "") throw new ArgumentError(file, "every graph output must have a name, got an empty one");
    if (!written.has(name) && !builder.find(name))
      throw new ArgumentError(file, `graph output "${name}" must be written by a node, got none`);
  }
}

/** How many nodes and outputs read each tensor. */
export function readersOf(graph: Ending): Map<string, number> {
  const readers = new Map<string, number>();
  const add = (name: string, count: number): void => void readers.set(name, (readers.get(name) ?? 0) + count);
  for (const node of graph.node) {
    for (const name of node.input) add(name, 1);
    for (const name of node.output) add(name, 0);
  }
  for (const name of graph.outputs) add(name, 1);
  for (const { name } of [...graph.input, ...graph.initializer]) add(name, 0);
  return readers;
}
