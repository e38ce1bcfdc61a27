import { type AttributeInit, DataType, encodeModel, type NodeInit, type TensorInit } from "../../src/onnx/protobuf.ts";
import type { Tensor } from "../../src/tensor/index.ts";

/** A float initializer. */
export function floats(name: string, { shape, data }: Tensor): TensorInit {
  const rawData = new Uint8Array(Float32Array.from(data).buffer);
  return { name, dims: shape.map(BigInt), dataType: DataType.FLOAT, rawData };
}

/** A 1-D (or with `shape` other) int64 initializer. */
export const longs = (name: string, values: readonly number[], shape: readonly number[] = [values.length]): TensorInit => ({
  name,
  dims: shape.map(BigInt),
  dataType: DataType.INT64,
  int64Data: values.map(BigInt),
});

export const node = (opType: string, input: string[], output: string[], attribute: AttributeInit[] = []): NodeInit => ({
  name: `${opType}_${output[0]}`,
  opType,
  input,
  output,
  attribute,
});

export interface FileOptions {
  readonly opset?: number;
  /** A string is a free dimension. */
  readonly input: readonly (number | string)[];
  readonly nodes: readonly NodeInit[];
  readonly initializers?: readonly TensorInit[];
  readonly outputs?: readonly string[];
  /** Inputs behind "x". */
  readonly others?: readonly { readonly name: string; readonly shape: readonly number[]; readonly type: DataType }[];
}

/** An ONNX file with the float input "x". */
export function file({ opset = 13, input, nodes, initializers = [], outputs = ["y"], others = [] }: FileOptions): Uint8Array {
  const dims = (shape: readonly (number | string)[]) =>
    shape.map((d) => ({
      value: typeof d === "number" ? { case: "dimValue" as const, value: BigInt(d) } : { case: "dimParam" as const, value: d },
    }));
  const type = (shape: readonly (number | string)[] | undefined, elemType: DataType = DataType.FLOAT) => ({
    value: { case: "tensorType" as const, value: { elemType, ...(shape && { shape: { dim: dims(shape) } }) } },
  });
  return encodeModel({
    irVersion: 8n,
    opsetImport: [{ domain: "", version: BigInt(opset) }],
    graph: {
      name: "test",
      node: [...nodes],
      initializer: [...initializers],
      input: [
        { name: "x", type: type(input) },
        ...others.map(({ name, shape, type: elemType }) => ({ name, type: type(shape, elemType) })),
      ],
      output: outputs.map((name) => ({ name, type: type(undefined) })),
    },
  });
}
