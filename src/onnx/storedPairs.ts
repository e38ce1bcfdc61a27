import type { Tensor } from "../tensor/index.ts";
import { AttributeType, DataType, decodeModel, type GraphProto, type NodeProto, type TensorProto } from "./protobuf.ts";
import { readTensor } from "./tensors.ts";

/** The grid one node of a file states, as it stands there, sound or not. */
export interface StoredRule {
  /** Name of the node, or of its output where it has none. */
  readonly node: string;
  /** Real units per code, any shape. */
  readonly scale: Tensor;
  /** The codes of 0, any shape; undefined where the node leaves them out. */
  readonly zeroPoint: Tensor | undefined;
  /** The axis attribute, 1 where it is left out; may be negative. */
  readonly axis: number;
  /** The lowest code of the element type. */
  readonly qmin: number;
  /** The highest code of the element type. */
  readonly qmax: number;
}

/** A tensor that a file holds, or passes on, as codes: a DequantizeLinear and what stands before it. */
export interface StoredPair {
  /** What the DequantizeLinear gives. */
  readonly name: string;
  /** What the QuantizeLinear before it reads; undefined where the file holds the codes. */
  readonly source: string | undefined;
  /** The codes where the file holds them, in the shape of the tensor. */
  readonly codes: Tensor | undefined;
  /** The grid values are rounded to; undefined where the file holds the codes. */
  readonly quantize: StoredRule | undefined;
  /** The grid codes are read on. */
  readonly dequantize: StoredRule;
  /** Axes of the tensor where the file states them. */
  readonly rank: number | undefined;
  /** The axis of the output channels where layers read it as their weight. */
  readonly outputAxis: number | undefined;
}

/** Least and largest code of the element types that grids have; biases on int32 are left out. */
const CODES: ReadonlyMap<number, readonly [number, number]> = new Map<number, readonly [number, number]>([
  [DataType.UINT8, [0, 255]],
  [DataType.INT8, [-128, 127]],
  [DataType.UINT4, [0, 15]],
  [DataType.INT4, [-8, 7]],
  [DataType.UINT16, [0, 65535]],
  [DataType.INT16, [-32768, 32767]],
]);

const intOf = (node: NodeProto, name: string): number | undefined => {
  const found = node.attribute.find((a) => a.name === name && a.type === AttributeType.INT);
  return found && Number(found.i);
};

/** What a graph holds by name. */
interface Names {
  readonly constants: ReadonlyMap<string, TensorProto>;
  readonly writers: ReadonlyMap<string, NodeProto>;
  readonly ranks: ReadonlyMap<string, number>;
}

function namesOf({ node, initializer, input, valueInfo }: GraphProto): Names {
  const constants = new Map(initializer.map((proto) => [proto.name, proto]));
  const ranks = new Map<string, number>();
  for (const n of node) {
    const value = n.opType === "Constant" ? n.attribute.find((a) => a.name === "value")?.t : undefined;
    if (value) constants.set(n.output[0], value);
  }
  for (const { name, type } of [...input, ...valueInfo]) {
    const dims = type?.value.case === "tensorType" ? type.value.value.shape?.dim : undefined;
    if (dims) ranks.set(name, dims.length);
  }
  return { constants, writers: new Map(node.flatMap((n) => n.output.map((name) => [name, n] as const))), ranks };
}

/** The grid of a node whose parameters are constants; undefined for others, and for element types without a grid. */
function ruleOf(node: NodeProto, { constants }: Names, stored: number | undefined, file: string): StoredRule | undefined {
  const [scale, zero] = [constants.get(node.input[1]), constants.get(node.input[2] ?? "")];
  const computed = zero === undefined && (node.input[2] ?? "") !== "";
  const range = CODES.get(zero?.dataType ?? stored ?? DataType.UINT8);
  if (!scale || computed || !range || (intOf(node, "block_size") ?? 0) !== 0) return undefined;
  return {
    node: node.name || node.output[0],
    scale: readTensor(scale, file),
    zeroPoint: zero && readTensor(zero, file),
    axis: intOf(node, "axis") ?? 1,
    ...{ qmin: range[0], qmax: range[1] },
  };
}

/** The axis of a layer's weight that its output channels lie on; undefined for nodes without a weight there. */
function outputAxisOf(node: NodeProto, name: string, rank: number): number | undefined {
  if (node.input[1] !== name) return undefined;
  if (node.opType === "Conv") return 0;
  if (node.opType === "ConvTranspose") return 1;
  if (node.opType === "Gemm") return intOf(node, "transB") === 1 ? 0 : 1;
  return node.opType === "MatMul" ? rank - 1 : undefined;
}

/**
 * The quantized tensors of a file, in the order of its nodes: every DequantizeLinear on constants, or right behind a
 * QuantizeLinear, with codes of 4, 8 or 16 bits and constant parameters. Nothing is judged: `inlierq/laws` does that.
 *
 * Errors: ArgumentError naming `file`, also where a tensor in it cannot be read.
 */
export function storedPairs(bytes: Uint8Array, file = "model.onnx"): StoredPair[] {
  const { graph } = decodeModel(bytes, file);
  if (!graph) return [];
  const names = namesOf(graph);
  const pairs: StoredPair[] = [];
  for (const node of graph.node) {
    if (node.opType !== "DequantizeLinear") continue;
    const constant = names.constants.get(node.input[0]);
    const before = names.writers.get(node.input[0]);
    const first = before?.opType === "QuantizeLinear" ? before : undefined;
    const quantize = first && ruleOf(first, names, intOf(first, "output_dtype") || undefined, file);
    const dequantize = ruleOf(node, names, constant?.dataType, file);
    if (!dequantize || (!constant && !quantize)) continue;
    const [name] = node.output;
    const source = first?.input[0];
    const codes = constant && readTensor(constant, file);
    const rank = codes?.shape.length ?? names.ranks.get(source ?? "") ?? names.ranks.get(name);
    const axes = codes ? graph.node.map((reader) => outputAxisOf(reader, name, codes.shape.length)) : [];
    pairs.push({ name, source, codes, quantize, dequantize, rank, outputAxis: axes.find((axis) => axis !== undefined) });
  }
  return pairs;
}
