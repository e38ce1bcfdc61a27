import { ArgumentError, InlierqError } from "../../errors.ts";
import { constant, type Graph, GraphBuilder } from "../../graph/index.ts";
import { decodeModel, type ModelProto, type NodeProto } from "../protobuf.ts";
import { readTensor } from "../tensors.ts";
import { NodeCall } from "./call.ts";
import { endingAt, isDefaultDomain, readersOf, requireOrder, requireSupported } from "./ending.ts";
import { defineGiven, defineInputs, type InputOptions } from "./inputs.ts";
import { operators } from "./operators/index.ts";

/** Versions of the default operator set whose semantics the rows cover. */
const OPSETS = { first: 1, last: 25 } as const;

/** What `importOnnx` takes beside the file. */
export interface ImportOptions extends InputOptions {
  /** Names the file in errors, and the graph. Default "model.onnx". */
  readonly name?: string;
  /**
   * Tensors the graph has to give: it ends at them where they are not all outputs of the file. What only decoding behind
   * them needs is not read, unsupported operators included.
   */
  readonly endAt?: readonly string[] | undefined;
}

/**
 * Reads an ONNX model (opset 1 to 25, one file) into a Graph of our ops. Names of nodes, tensors and
 * initializers are kept; shapes are resolved; batch normalisation is folded into the convolution before
 * it; QuantizeLinear and DequantizeLinear pairs become fakeQuant.
 *
 * Errors: ArgumentError in one line that starts with the file's name; all unsupported operators at once.
 */
export function importOnnx(bytes: Uint8Array, options: ImportOptions = {}): Graph {
  const { name = "model.onnx" } = options;
  try {
    return readModel(bytes, name, options);
  } catch (cause) {
    if (!(cause instanceof InlierqError) || cause.op.startsWith(new ArgumentError(name, "").op)) throw cause;
    throw new ArgumentError(name, cause.message);
  }
}

function readModel(bytes: Uint8Array, name: string, { endAt, constants = new Map(), ...shapes }: ImportOptions): Graph {
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
  defineGiven(builder, graph.input, constants);
  const inputs = defineInputs(builder, graph.input, shapes);
  requireOrder(graph, builder);
  for (const proto of graph.node) buildNode(builder, proto, opset);
  const graphName = name.replace(/^.*[/\\]/, "").replace(/\.onnx$/, "");
  return builder.finish(graphName, inputs, graph.outputs);
}

function buildNode(builder: GraphBuilder, proto: NodeProto, opset: number): void {
  const call = new NodeCall(builder, proto, opset);
  const row = operators.get(proto.opType) ?? call.fail("operator is not supported");
  if (opset < 6) call.attributes.ignore("consumed_inputs");
  row.build(call);
  const unread = call.attributes.unread();
  if (unread.length > 0) call.fail(`every attribute must be known, got ${unread.join(", ")} (opset ${opset})`);
}

function opsetOf(model: ModelProto, file: string): number {
  const found = model.opsetImport.find((entry) => isDefaultDomain(entry.domain));
  if (!found) throw new ArgumentError(file, "the file must import the default operator set, got none");
  const version = Number(found.version);
  if (version < OPSETS.first || version > OPSETS.last) {
    throw new ArgumentError(file, `opset must be in ${OPSETS.first}..${OPSETS.last}, got ${found.version}`);
  }
  return version;
}
