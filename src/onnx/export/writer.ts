import type { Graph, Node } from "../../graph/index.ts";
import type { Meta, Tensor } from "../../tensor/index.ts";
import { type AttributeInit, DataType, type NodeInit, type TensorInit, type ValueInfoInit } from "../protobuf.ts";
import { packNibbles } from "../tensors.ts";

const bytesOf = (values: ArrayBufferView<ArrayBufferLike>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();

/** How our element types are stored. */
export const ONNX_TYPE: Readonly<Record<Tensor["dtype"], number>> = {
  f32: DataType.FLOAT,
  f64: DataType.DOUBLE,
  i32: DataType.INT32,
  i8: DataType.INT8,
  u8: DataType.UINT8,
};

/** Integer types a quantized tensor is stored in, with the codes they hold. */
export interface CodeType {
  readonly type: number;
  readonly qmin: number;
  readonly qmax: number;
  pack(codes: ArrayLike<number>): Uint8Array<ArrayBuffer>;
}

export const CODE_TYPES = {
  u8: { type: DataType.UINT8, qmin: 0, qmax: 255, pack: (codes) => Uint8Array.from(codes) },
  i8: { type: DataType.INT8, qmin: -128, qmax: 127, pack: (codes) => bytesOf(Int8Array.from(codes)) },
  u4: { type: DataType.UINT4, qmin: 0, qmax: 15, pack: packNibbles },
  i4: { type: DataType.INT4, qmin: -8, qmax: 7, pack: packNibbles },
  i16: { type: DataType.INT16, qmin: -32768, qmax: 32767, pack: (codes) => bytesOf(Int16Array.from(codes)) },
  u16: { type: DataType.UINT16, qmin: 0, qmax: 65535, pack: (codes) => bytesOf(Uint16Array.from(codes)) },
  i32: { type: DataType.INT32, qmin: -2147483648, qmax: 2147483647, pack: (codes) => bytesOf(Int32Array.from(codes)) },
} as const satisfies Record<string, CodeType>;

/** Collects the pieces of the file; hands out names that no tensor of the graph has. */
export class OnnxWriter {
  readonly opset: number;
  readonly nodes: NodeInit[] = [];
  readonly initializers: TensorInit[] = [];
  readonly valueInfos: ValueInfoInit[] = [];
  readonly #graph: Graph;
  /** Shapes for a batch of 2, to tell free dimensions; the graph itself where nothing is free. */
  readonly #larger: Graph;
  readonly #names: Set<string>;
  readonly #nodeNames: Set<string>;
  readonly #written = new Set<string>();

  constructor(graph: Graph, larger: Graph, opset: number) {
    this.opset = opset;
    this.#graph = graph;
    this.#larger = larger;
    this.#names = new Set(graph.metas.keys());
    this.#nodeNames = new Set(graph.nodes.map((n) => n.name));
  }

  freshName(wanted: string): string {
    return claim(this.#names, wanted);
  }

  freshNodeName(wanted: string): string {
    return claim(this.#nodeNames, wanted);
  }

  node(name: string, opType: string, input: readonly string[], output: readonly string[], attribute: readonly AttributeInit[] = []): void {
    this.nodes.push({ name, opType, input: [...input], output: [...output], attribute: [...attribute] });
  }

  /** Stores a tensor under its own name; once, however often it is asked for. */
  tensor(name: string, { shape, dtype, data }: Tensor): string {
    if (!this.#written.has(name)) {
      this.#written.add(name);
      this.initializers.push({ name, dims: shape.map(BigInt), dataType: ONNX_TYPE[dtype], rawData: bytesOf(data) });
    }
    return name;
  }

  floats(wanted: string, values: ArrayLike<number>, shape: readonly number[] = [values.length]): string {
    const name = this.freshName(wanted);
    this.initializers.push({ name, dims: shape.map(BigInt), dataType: DataType.FLOAT, rawData: bytesOf(Float32Array.from(values)) });
    return name;
  }

  /** 64-bit integers, as shapes, axes and bounds are given. */
  longs(wanted: string, values: readonly number[], shape: readonly number[] = [values.length]): string {
    const name = this.freshName(wanted);
    this.initializers.push({
      name,
      dims: shape.map(BigInt),
      dataType: DataType.INT64,
      rawData: bytesOf(BigInt64Array.from(values, BigInt)),
    });
    return name;
  }

  codes(wanted: string, values: ArrayLike<number>, shape: readonly number[], type: CodeType): string {
    const name = this.freshName(wanted);
    this.initializers.push({ name, dims: shape.map(BigInt), dataType: type.type, rawData: type.pack(values) });
    return name;
  }

  /** Declares the shape of a tensor of the graph. */
  declare(name: string): void {
    this.valueInfos.push(this.info(name));
  }

  /** Shape and type of a tensor of the graph; free dimensions are called "batch". */
  info(name: string): ValueInfoInit {
    const { shape, dtype } = this.#graph.metas.get(name) as Meta;
    const larger = this.#larger.metas.get(name)?.shape ?? shape;
    const dim = shape.map((d, i) => ({
      value: larger[i] === d ? { case: "dimValue" as const, value: BigInt(d) } : { case: "dimParam" as const, value: "batch" },
    }));
    return { name, type: { value: { case: "tensorType", value: { elemType: ONNX_TYPE[dtype], shape: { dim } } } } };
  }
}

/** One node being written, with its inputs as the file names them. */
export interface ExportCall<A = unknown> {
  readonly writer: OnnxWriter;
  readonly node: Node;
  readonly attrs: A;
  /** Names of the inputs to read; a quantized layer's differ from the graph's. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly metas: readonly Meta[];
}

function claim(taken: Set<string>, wanted: string): string {
  let name = wanted;
  for (let i = 2; taken.has(name); i++) name = `${wanted}_${i}`;
  taken.add(name);
  return name;
}
