import { ArgumentError, InlierqError } from "../errors.ts";
import { type Graph, GraphBuilder, type Port } from "../graph/index.ts";
import { didYouMean } from "../suggest.ts";
import { dataInputs, type Import, TfCall, tensorKey } from "./call.ts";
import type { Held } from "./held.ts";
import { type ModelJson, parseModelJson, sizesOf, type TfNode } from "./modelJson.ts";
import { operators } from "./operators/index.ts";
import { readWeights } from "./weights.ts";

/** What `importTfjs` takes beside the files. */
export interface TfjsImportOptions {
  /** Names the file in errors, and the graph. Default "model.json". */
  readonly name?: string;
  /** Shape [N,H,W,C] of the input where the file leaves sizes other than the batch free. */
  readonly inputShape?: readonly number[];
  /** Height and width of pictures [N,H,W,3] where the file leaves them free. Default: none, such a file is refused. */
  readonly freeSides?: readonly [height: number, width: number] | undefined;
  /**
   * Tensors the graph has to give, by the file's names: it ends at them where they are not all among its own outputs. Those
   * are the outputs of the signature (without one, the tensors nobody reads) that need no operator unknown here, so that
   * decoding written into the file is cut off.
   */
  readonly endAt?: readonly string[] | undefined;
}

/**
 * Reads a tfjs graph model into a Graph of our ops. `files` holds the weight shards by the paths `tfjsWeightPaths` gives.
 * Inputs and outputs keep the file's order [N,H,W,C]; work inside goes on in [N,C,H,W]. Names of nodes and weights are
 * kept; batch normalisations are folded into the convolution before them. Nothing of the file is executed.
 *
 * Errors: ArgumentError in one line that starts with the file's name; all unsupported operators at once.
 */
export function importTfjs(json: Uint8Array, files: ReadonlyMap<string, Uint8Array>, options: TfjsImportOptions = {}): Graph {
  const { name = "model.json" } = options;
  try {
    return readModel(parseModelJson(json, name), files, name, options);
  } catch (cause) {
    if (!(cause instanceof InlierqError) || cause.op.startsWith(new ArgumentError(name, "").op)) throw cause;
    throw new ArgumentError(name, cause.message);
  }
}

function readModel(model: ModelJson, files: ReadonlyMap<string, Uint8Array>, name: string, options: TfjsImportOptions): Graph {
  const nodes = nodesByName(model, name);
  const outputs = outputsOf(model, nodes, name, options.endAt);
  const order = inOrder(nodes, outputs, name);
  const builder = new GraphBuilder(name, readersOf(order, outputs));
  const shapes = new Map((model.signature?.inputs ?? []).map(([key, port]) => [tensorKey(port.name ?? key), sizesOf(port.tensorShape)]));
  const shared: Import = {
    builder,
    held: new Map<string, Held>(),
    outputs: new Set(outputs),
    weights: readWeights(model.weightsManifest, files, name),
    inputs: [] as Port[],
    inputShape: (input) => options.inputShape ?? shapes.get(input),
    freeSides: options.freeSides,
  };
  for (const node of order) {
    const call = new TfCall(shared, node);
    (operators.get(node.op) ?? call.fail("operator is not supported")).build(call);
  }
  for (const output of outputs) {
    const held = shared.held.get(output) ?? fail(name, `output "${output}" must be written by a node, got none`);
    builder.define(output, held.rows({ builder, where: `${name}: output "${output}"` }));
  }
  const graphName = name.replace(/^.*[/\\:]/, "").replace(/\.json$/, "");
  return builder.finish(graphName, shared.inputs, outputs);
}

function fail(file: string, problem: string): never {
  throw new ArgumentError(file, problem);
}

function nodesByName(model: ModelJson, file: string): Map<string, TfNode> {
  const nodes = new Map<string, TfNode>();
  for (const node of model.modelTopology.node) {
    if (nodes.has(node.name)) fail(file, `every node must have a name of its own, got "${node.name}" twice`);
    nodes.set(node.name, node);
  }
  return nodes;
}

/** The node that writes a tensor: "node:1" is output 1 of "node". */
const writerOf = (tensor: string): string => tensor.replace(/:\d+$/, "");

/** The given names, checked against the file. */
function wanted(nodes: ReadonlyMap<string, TfNode>, names: readonly string[], file: string): string[] {
  for (const name of names) {
    if (!nodes.has(writerOf(name)))
      fail(file, `every output must be a tensor of the file, got "${name}" (${didYouMean(name, nodes.keys())})`);
  }
  const outputs = [...new Set(names.map(tensorKey))];
  const missing = outputs.flatMap((output) => unsupported(nodes, output));
  if (missing.length > 0) fail(file, `every operator must be supported, got ${listed(missing)}`);
  return outputs;
}

/**
 * Outputs of the file that need no unknown operator, or `endAt`. Errors: ArgumentError naming all unknown operators when none
 * is left.
 */
function outputsOf(model: ModelJson, nodes: ReadonlyMap<string, TfNode>, file: string, endAt: readonly string[] | undefined): string[] {
  const signed = (model.signature?.outputs ?? []).map(([key, port]) => tensorKey(port.name ?? key));
  const all = signed.filter((name) => nodes.has(writerOf(name)));
  const outputs = all.length > 0 ? all : unread(nodes);
  const missing = outputs.map((output) => ({ output, nodes: unsupported(nodes, output) }));
  const kept = missing.filter((m) => m.nodes.length === 0).map((m) => m.output);
  if (endAt && !endAt.every((name) => kept.includes(tensorKey(name)))) return wanted(nodes, endAt, file);
  if (kept.length > 0) return [...new Set(kept)];
  const operatorsOf = listed(missing.flatMap((m) => m.nodes));
  return fail(
    file,
    `an output must need supported operators only, got ${operatorsOf || "no output"} (name tensors before them as outputs)`,
  );
}

/** Tensors that no node reads. */
function unread(nodes: ReadonlyMap<string, TfNode>): string[] {
  const read = new Set([...nodes.values()].flatMap((node) => dataInputs(node).map(writerOf)));
  return [...nodes.values()].filter((n) => !read.has(n.name) && n.op !== "Const" && n.op !== "NoOp").map((n) => n.name);
}

/**
 * Unknown operators that a tensor depends on, those behind other unknown ones included, in the file's order. Loops are let
 * through here: unknown operators may form them.
 */
function unsupported(nodes: ReadonlyMap<string, TfNode>, output: string): TfNode[] {
  const reached = new Set<string>();
  const open = [writerOf(output)];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = nodes.get(name);
    if (!node || reached.has(name)) continue;
    reached.add(name);
    open.push(...needs(node));
  }
  return [...nodes.values()].filter((node) => reached.has(node.name) && !operators.has(node.op));
}

/** "TopKV2 (node "a"), Where (3 nodes, first "b")". */
function listed(nodes: readonly TfNode[]): string {
  const byOp = new Map<string, Set<string>>();
  for (const { op, name } of nodes) byOp.set(op, (byOp.get(op) ?? new Set()).add(name));
  return [...byOp]
    .map(([op, names]) => `${op} (${names.size === 1 ? "node " : `${names.size} nodes, first `}"${[...names][0]}")`)
    .join(", ");
}

/** The nodes that the outputs depend on, each after what it reads. Errors: ArgumentError for a missing node and for a cycle. */
function inOrder(nodes: ReadonlyMap<string, TfNode>, outputs: readonly string[], file: string): TfNode[] {
  const order: TfNode[] = [];
  const state = new Map<string, "open" | "done">();
  const stack = outputs.map((name) => ({ name: writerOf(name), reader: "the outputs" })).reverse();
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const node = nodes.get(top.name) ?? fail(file, `every tensor must be written by a node, got "${top.name}", read by ${top.reader}`);
    if (state.get(node.name) === undefined) {
      state.set(node.name, "open");
      for (const input of needs(node)) {
        const before = state.get(input);
        if (before === "open") fail(file, `the graph must not be cyclic, got node "${node.name}" on a cycle`);
        if (before === undefined) stack.push({ name: input, reader: `"${node.name}"` });
      }
      continue;
    }
    stack.pop();
    if (state.get(node.name) === "open") {
      state.set(node.name, "done");
      order.push(node);
    }
  }
  return order;
}

function needs(node: TfNode): string[] {
  const reads = operators.get(node.op)?.reads;
  return (reads ? reads(node).map(tensorKey) : dataInputs(node)).map(writerOf);
}

function readersOf(order: readonly TfNode[], outputs: readonly string[]): Map<string, number> {
  const readers = new Map<string, number>();
  const add = (name: string, count: number): void => void readers.set(name, (readers.get(name) ?? 0) + count);
  for (const node of order) {
    add(node.name, 0);
    for (const name of dataInputs(node)) add(name, 1);
  }
  for (const name of outputs) add(name, 1);
  return readers;
}
