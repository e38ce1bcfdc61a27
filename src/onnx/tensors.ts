import { ArgumentError } from "../errors.ts";
import { bfloatToNumber, type Data, type DType, halfToNumber, Tensor } from "../tensor/index.ts";
import { DataLocation, DataType, decodeTensor, type TensorProto } from "./protobuf.ts";

type Values = Data | Int16Array | Uint16Array | Uint32Array | BigInt64Array | BigUint64Array;

/** How one ONNX element type is stored: bits in raw_data, the repeated field that may hold it instead, and our reading. */
interface Storage {
  readonly bits: number;
  readonly field: "floatData" | "int32Data" | "int64Data" | "doubleData" | "uint64Data";
  /** Values from raw little-endian bytes; the copy is aligned. */
  fromRaw(raw: ArrayBuffer, count: number): Values;
  /** Values from the repeated field; without it the field holds them as they are. */
  fromField?(field: ArrayLike<number>, count: number): Values;
  readonly dtype: DType;
}

const plain = (bits: number, field: Storage["field"], dtype: DType, make: (raw: ArrayBuffer) => Values): Storage => ({
  bits,
  field,
  dtype,
  fromRaw: make,
});

const widened = (widen: (half: number) => number): Storage => ({
  bits: 16,
  field: "int32Data",
  dtype: "f32",
  fromRaw: (raw) => Float32Array.from(new Uint16Array(raw), widen),
  fromField: (field) => Float32Array.from(field, widen),
});

const nibbles = (signed: boolean): Storage => ({
  bits: 4,
  field: "int32Data",
  dtype: signed ? "i8" : "u8",
  fromRaw: (raw, count) => unpackNibbles(new Uint8Array(raw), count, signed),
  fromField: (field, count) => unpackNibbles(field, count, signed),
});

const STORAGE: ReadonlyMap<number, Storage> = new Map<number, Storage>([
  [DataType.FLOAT, plain(32, "floatData", "f32", (raw) => new Float32Array(raw))],
  [DataType.DOUBLE, plain(64, "doubleData", "f64", (raw) => new Float64Array(raw))],
  [DataType.UINT8, plain(8, "int32Data", "u8", (raw) => new Uint8Array(raw))],
  [DataType.INT8, plain(8, "int32Data", "i8", (raw) => new Int8Array(raw))],
  [DataType.BOOL, plain(8, "int32Data", "u8", (raw) => new Uint8Array(raw))],
  [DataType.UINT16, plain(16, "int32Data", "i32", (raw) => new Uint16Array(raw))],
  [DataType.INT16, plain(16, "int32Data", "i32", (raw) => new Int16Array(raw))],
  [DataType.INT32, plain(32, "int32Data", "i32", (raw) => new Int32Array(raw))],
  [DataType.UINT32, plain(32, "uint64Data", "i32", (raw) => new Uint32Array(raw))],
  [DataType.INT64, plain(64, "int64Data", "i32", (raw) => new BigInt64Array(raw))],
  [DataType.UINT64, plain(64, "uint64Data", "i32", (raw) => new BigUint64Array(raw))],
  [DataType.FLOAT16, widened(halfToNumber)],
  [DataType.BFLOAT16, widened(bfloatToNumber)],
  [DataType.UINT4, nibbles(false)],
  [DataType.INT4, nibbles(true)],
]);

/** The element type of ours that holds values of an ONNX type; undefined where there is none. */
export const dtypeOf = (onnxType: number): DType | undefined => STORAGE.get(onnxType)?.dtype;

/** "INT64", or "type 99" for a number ONNX does not define. */
export const typeName = (onnxType: number): string => (DataType as Record<number, string | undefined>)[onnxType] ?? `type ${onnxType}`;

/** A tensor's shape and values in the width the file has them: 64-bit integers as bigints. */
export interface StoredTensor {
  readonly shape: readonly number[];
  /** The element type it is read as. */
  readonly dtype: DType;
  readonly values: ArrayLike<number | bigint>;
}

/**
 * Decodes a TensorProto in any of its storage forms; 16-bit floats come widened to f32.
 * Sizes are checked against the bytes present before anything is allocated.
 *
 * Errors: ArgumentError starting with `where` for external data, strings, unknown types, wrong sizes.
 */
export function storedTensor(proto: TensorProto, where: string): StoredTensor {
  const label = `tensor "${proto.name}"`;
  if (proto.dataLocation === DataLocation.EXTERNAL || proto.externalData.length > 0) {
    const location = proto.externalData.find((e) => e.key === "location")?.value ?? "?";
    throw new ArgumentError(
      where,
      `${label} must be stored in the file itself, got external data at "${location}" (save the model as one file)`,
    );
  }
  const storage = STORAGE.get(proto.dataType);
  if (!storage) throw new ArgumentError(where, `${label} must have a numeric element type known here, got ${typeName(proto.dataType)}`);
  const shape = proto.dims.map(Number);
  if (shape.some((d) => d < 0 || d > 2147483647)) {
    throw new ArgumentError(where, `${label} must have dimensions in 0..2147483647, got [${proto.dims.join(",")}]`);
  }
  const count = shape.reduce((a, d) => a * d, 1);
  return { shape, dtype: storage.dtype, values: valuesOf(proto, storage, count, `${where}: ${label}`) };
}

function valuesOf(proto: TensorProto, storage: Storage, count: number, where: string): ArrayLike<number | bigint> {
  const field = proto[storage.field];
  if (field.length > 0) {
    const expected = storage.bits === 4 ? Math.ceil(count / 2) : count;
    if (field.length !== expected) throw sizeError(where, proto, `${expected} values`, `${field.length}`);
    return storage.fromField ? storage.fromField(field as number[], count) : field;
  }
  const bytes = Math.ceil((count * storage.bits) / 8);
  if (proto.rawData.length !== bytes) throw sizeError(where, proto, `${bytes} bytes`, `${proto.rawData.length}`);
  return storage.fromRaw(new Uint8Array(proto.rawData).buffer, count);
}

const sizeError = (where: string, proto: TensorProto, expected: string, got: string): ArgumentError =>
  new ArgumentError(where, `dims [${proto.dims.join(",")}] of ${typeName(proto.dataType)} need ${expected}, got ${got}`);

/** As `storedTensor`, in our element types: 64-bit integers saturate to i32 (they are indices and bounds). */
export function readTensor(proto: TensorProto, where: string): Tensor {
  const { shape, dtype, values } = storedTensor(proto, where);
  return new Tensor(shape, dtype, INTO[dtype](values));
}

/**
 * Decodes the bytes of one TensorProto message, as found in `.pb` test data. Errors: ArgumentError, in the name of
 * `file`, where they are no such message or an element type is not known.
 */
export function parseTensor(bytes: Uint8Array, file: string): StoredTensor {
  return storedTensor(decodeTensor(bytes, file), file);
}

const saturate = (v: number | bigint): number => Math.max(-2147483648, Math.min(2147483647, Number(v)));

const INTO: Readonly<Record<DType, (values: ArrayLike<number | bigint>) => Data>> = {
  f32: (v) => (v instanceof Float32Array ? v : Float32Array.from(v, Number)),
  f64: (v) => (v instanceof Float64Array ? v : Float64Array.from(v, Number)),
  i32: (v) => (v instanceof Int32Array ? v : Int32Array.from(v, saturate)),
  i8: (v) => (v instanceof Int8Array ? v : Int8Array.from(v, Number)),
  u8: (v) => (v instanceof Uint8Array ? v : Uint8Array.from(v, Number)),
};

/** Two values a byte, the lower nibble first. */
function unpackNibbles(bytes: ArrayLike<number>, count: number, signed: boolean): Int8Array | Uint8Array {
  const values = signed ? new Int8Array(count) : new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const nibble = (bytes[i >> 1] >> (4 * (i & 1))) & 15;
    values[i] = signed && nibble > 7 ? nibble - 16 : nibble;
  }
  return values;
}

/** The inverse of reading 4-bit values: two a byte, the lower nibble first, the last one padded with 0. */
export function packNibbles(values: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.ceil(values.length / 2));
  for (let i = 0; i < values.length; i++) bytes[i >> 1] |= (values[i] & 15) << (4 * (i & 1));
  return bytes;
}
