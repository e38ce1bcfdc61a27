import type { Graph, Node } from "../../graph/index.ts";
import { add, conv2d } from "../../tensor/index.ts";
import type { OnnxWriter } from "./writer.ts";

const LARGEST_F32 = (2 - 2 ** -23) * 2 ** 127;

/**
 * Keeps convolutions apart from the sums behind them. At its highest level onnxruntime merges the two and lets the products
 * run on from the other summand, which rounds differently from adding their finished sum; the codes further on then differ
 * from the simulation's. A Min with the largest f32 changes no value and stops that.
 *
 * Gives the inputs a node shall read in place of `inputs`.
 */
export function sumsApart(graph: Graph, writer: OnnxWriter): (node: Node, inputs: readonly string[]) => readonly string[] {
  const readers = new Map<string, number>();
  for (const name of graph.nodes.flatMap((node) => node.inputs)) readers.set(name, (readers.get(name) ?? 0) + 1);
  const products = new Set(graph.nodes.filter((node) => node.op === conv2d.def).map((node) => node.outputs[0]));
  const fence = (name: string): string => {
    if (!products.has(name) || readers.get(name) !== 1) return name;
    const apart = writer.freshName(`${name}/apart`);
    const largest = writer.floats(`${apart}/largest`, [LARGEST_F32], []);
    writer.node(writer.freshNodeName(`${apart}/Min`), "Min", [name, largest], [apart]);
    return apart;
  };
  return (node, inputs) => (node.op === add.def ? inputs.map(fence) : inputs);
}
