/** The only module that knows the protobuf library: bytes ↔ ONNX messages. */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { ArgumentError } from "../errors.ts";

export type { AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto };
export { AttributeType, DataLocation, DataType };

/** Plain-object form of a model, as `encodeModel` takes it. */
export type ModelInit = MessageInitShape<typeof ModelProtoSchema>;
export type GraphInit = NonNullable<Exclude<ModelInit, ModelProto>["graph"]>;
type Element<T> = T extends readonly (infer E)[] ? E : never;
export type NodeInit = Element<NonNullable<Exclude<GraphInit, GraphProto>["node"]>>;
export type TensorInit = Element<NonNullable<Exclude<GraphInit, GraphProto>["initializer"]>>;
export type ValueInfoInit = Element<NonNullable<Exclude<GraphInit, GraphProto>["input"]>>;
export type AttributeInit = Element<NonNullable<Exclude<NodeInit, NodeProto>["attribute"]>>;

/** Reads a model. Errors: ArgumentError naming `file` when the bytes are not an ONNX protobuf. */
export function decodeModel(bytes: Uint8Array, file: string): ModelProto {
  return decode(bytes, file, () => fromBinary(ModelProtoSchema, bytes));
}

/** Reads one tensor message. Errors: ArgumentError naming `file`. */
export function decodeTensor(bytes: Uint8Array, file: string): TensorProto {
  return decode(bytes, file, () => fromBinary(TensorProtoSchema, bytes));
}

/** Writes a model; equal models give equal bytes. */
export function encodeModel(model: ModelInit): Uint8Array {
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, model));
}

/** A declaration of a tensor's type, to add to a decoded model. */
export const createValueInfo = (info: ValueInfoInit): ValueInfoProto => create(ValueInfoProtoSchema, info);

function decode<T>(bytes: Uint8Array, file: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ArgumentError(
      file,
      `the bytes must be a complete ONNX protobuf, got an error while reading its ${bytes.length} bytes (${why})`,
    );
  }
}
