import { ArgumentError, InlierqError } from "../../errors.ts";
import { type Graph, GraphBuilder, LARGEST_TENSOR, type Port } from "../../graph/index.ts";
import { didYouMean } from "../../suggest.ts";
import { sizeOf } from "../../tensor/index.ts";
import { decodeModel, type GraphProto, type ModelProto, type NodeProto, type ValueInfoProto } from "../protobuf.ts";
import { dtypeOf, readTensor, typeName } from "../tensors.ts";
import { NodeCall, nodeNameOf } from "./call.ts";
import { constant } from "./operand.ts";
import { operators } from "./operators/index.ts";

/** Versions of the default operator set whose semantics the rows cover. */
const OPSETS = { first: 7, last: 25 } as const;

/** What `importOnnx` takes beside the file. */
export interface ImportOptions {
  /** Names the file in errors, and the graph. Default "model.onnx". */
  readonly name?: string;
  /** Shape of the input where the file leaves dimensions other than the batch free. */
  readonly inputShape?: readonly number[];
  /** Height and width of pictures [N,3,H,W] or [N,H,W,3] where the file leaves them free. Default: none, such a file is refused. */
  readonly freeSides?: readonly [height: number, width: number] | undefined;
  /**
   * Tensors the graph has to give: it ends at them where they are not all outputs of the file. What only decoding behind
   * them needs is not read, unsupported operators included.
   */
  readonly endAt?: readonly string[] | undefined;
}

type Shapes = Pick<ImportOptions, "inputShape" | "freeSides">;

/**
 * Reads an ONNX model (opset 7 to 25, one file) into a Graph of our ops. Names of nodes, tensors and
 * initializers are kept; shapes are resolved; batch normalisation is folded into the convolution before
 * it; QuantizeLinear and DequantizeLinear pairs become fakeQuant.
 *
 * Errors: ArgumentError in one line that starts with the file's name; all unsupported operators at once.
 */
export function importOnnx(bytes: Uint8Array, { name = "model.onnx", endAt, ...shapes }: ImportOptions = {}): Graph {
  try {
    return readModel(bytes, name, shapes, endAt);
  } catch (cause) {
    if (!(cause instanceof InlierqError) || (cause.message.startsWith(`${name}: `) && isOneLine(cause.message))) throw cause;
    // Names in the file may hold anything; the message stays one readable line that begins with the file.
    const problem = cause.message.startsWith(`${name}: `) ? cause.message.slice(name.length + 2) : cause.message;
    throw new ArgumentError(name, problem.replace(CONTROL, " ").slice(0, LONGEST_MESSAGE));
  }
}

const CONTROL = /\p{Cc}|\p{Zl}|\p{Zp}/gu;
const LONGEST_MESSAGE = 2000;
const isOneLine = (message: string): boolean => message.length <= LONGEST_MESSAGE && message.search(CONTROL) < 0;

function readModel(bytes: Uint8Array, name: string, shapes: Shapes, endAt: ImportOptions["endAt"]): Graph {
  const model = decodeModel(bytes, name);
  const graph = model.graph && endingAt(model.graph, endAt, name);
  if (!graph || (graph.node.length === 0 && graph.outputs.length === 0)) {
    throw new ArgumentError(name, `the file must hold a graph, got none (${bytes.length} bytes)`);
  }
  const opset = opsetOf(model, name);
  requireSupported(graph.node, name);
  const builder = new GraphBuilder(name, readersOf(graph));
  for (const proto of graph.initializer) builder.define(proto.name, constant(proto.name, readTensor(proto, name), proto.dataType));
  if (graph.sparseInitializer.length > 0) throw new ArgumentError(name, "initializers must be dense, got a sparse one");
  const inputs = graph.input.filter((info) => !builder.find(info.name)).map((info) => portOf(info, name, shapes));
  for (const port of inputs) {
    builder.define(port.name, { name: port.name, meta: { shape: port.shape.map((d) => (d === -1 ? 1 : d)), dtype: port.dtype } });
  }
  requireOrder(graph, builder);
  for (const proto of graph.node) buildNode(builder, proto, opset);
  const graphName = name.replace(/^.*[/\\]/, "").replace(/\.onnx$/, "");
  return builder.finish(graphName, inputs, graph.outputs);
}

/** The part of a file's graph that is read. */
interface Ending extends Pick<GraphProto, "node" | "input" | "initializer" | "sparseInitializer"> {
  readonly outputs: readonly string[];
}

/** The whole graph, or the nodes that `names` need where these are not all outputs of the file. */
function endingAt(graph: GraphProto, names: ImportOptions["endAt"], file: string): Ending {
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

function buildNode(builder: GraphBuilder, proto: NodeProto, opset: number): void {
  const call = new NodeCall(builder, proto, opset);
  const row = operators.get(proto.opType) ?? call.fail("operator is not supported");
  row.build(call);
  const unread = call.attributes.unread();
  if (unread.length > 0) call.fail(`every attribute must be known, got ${unread.join(", ")} (opset ${opset})`);
}

const isDefaultDomain = (domain: string): boolean => domain === "" || domain === "ai.onnx";

function opsetOf(model: ModelProto, file: string): number {
  const found = model.opsetImport.find((entry) => isDefaultDomain(entry.domain));
  if (!found) throw new ArgumentError(file, "the file must import the default operator set, got none");
  const version = Number(found.version);
  if (version < OPSETS.first || version > OPSETS.last) {
    throw new ArgumentError(file, `opset must be in ${OPSETS.first}..${OPSETS.last}, got ${found.version}`);
  }
  return version;
}

/** Names every operator without a row, in one error. */
function requireSupported(nodes: readonly NodeProto[], file: string): void {
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
function requireOrder(graph: Ending, builder: GraphBuilder): void {
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
    if (!written.has(name)) throw new ArgumentError(file, `graph output "${name}" must be written by a node, got none`);
  }
}

function readersOf(graph: Ending): Map<string, number> {
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

function portOf(info: ValueInfoProto, file: string, { inputShape, freeSides }: Shapes): Port {
  const type = info.type?.value;
  if (type?.case !== "tensorType") throw new ArgumentError(file, `input "${info.name}" must be a tensor, got ${type?.case ?? "no type"}`);
  const dtype = dtypeOf(type.value.elemType);
  if (!dtype) throw new ArgumentError(file, `input "${info.name}" must be numeric, got ${typeName(type.value.elemType)}`);
  const declared = type.value.shape?.dim.map((d) => (d.value.case === "dimValue" && d.value.value > 0n ? Number(d.value.value) : -1));
  if (!declared) throw new ArgumentError(file, `input "${info.name}" must declare its shape, got none`);
  const shape = inputShape ? merged(declared, inputShape, info.name, file) : withSides(declared, freeSides);
  if (shape.some((d, i) => i > 0 && d === -1)) {
    const text = type.value.shape?.dim.map((d) => (d.value.case === "dimParam" ? d.value.value : (d.value.value ?? "?")));
    throw new ArgumentError(
      file,
      `input "${info.name}" must have a fixed shape but for the batch, got [${text?.join(",")}] (give an input shape)`,
    );
  }
  if (sizeOf(shape) > LARGEST_TENSOR)
    throw new ArgumentError(file, `input "${info.name}" must have at most ${LARGEST_TENSOR} elements, got [${shape.join(",")}]`);
  return { name: info.name, shape, dtype };
}

/** The shape of a picture with its free sides filled in. */
function withSides(declared: readonly number[], sides: ImportOptions["freeSides"]): readonly number[] {
  const first = declared[1] === 3 ? 2 : 1;
  if (!sides || declared.length !== 4 || declared[first === 2 ? 1 : 3] !== 3) return declared;
  return declared.map((d, i) => (d === -1 && (i === first || i === first + 1) ? sides[i - first] : d));
}

function merged(declared: readonly number[], given: readonly number[], name: string, file: string): number[] {
  if (declared.length !== given.length || declared.some((d, i) => d !== -1 && d !== given[i])) {
    throw new ArgumentError(file, `the given shape must fit input "${name}" = [${declared.join(",")}], got [${given.join(",")}]`);
  }
  return [...given];
}
