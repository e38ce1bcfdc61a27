import { allocate, bfloatToNumber, type Data, type DType, halfToNumber } from "../tensor/index.ts";

/** Reads one number; `little` tells the byte order. */
type Get = (view: DataView, at: number, little: boolean) => number;

/** A stored element type: its width in bytes and how it becomes one of ours. */
export interface Element {
  readonly bytes: number;
  read(view: DataView, count: number, little: boolean): { readonly dtype: DType; readonly data: Data };
}

function plain(bytes: number, dtype: DType, get: Get): Element {
  return {
    bytes,
    read(view, count, little) {
      const data = allocate(dtype, count);
      for (let i = 0; i < count; i++) data[i] = get(view, i * bytes, little);
      return { dtype, data };
    },
  };
}

/** Integers wider than i32: i32 where all fit, f64 (nearest double) otherwise. */
function wide(bytes: number, get: Get): Element {
  return {
    bytes,
    read(view, count, little) {
      const data = Float64Array.from({ length: count }, (_, i) => get(view, i * bytes, little));
      return data.every((v) => (v | 0) === v) ? { dtype: "i32", data: Int32Array.from(data) } : { dtype: "f64", data };
    },
  };
}

/** The element types of tensor files. 16-bit floats widen to f32 exactly, 16-bit integers to i32; bool becomes u8. */
export const elements = {
  bool: plain(1, "u8", (view, at) => view.getUint8(at)),
  u8: plain(1, "u8", (view, at) => view.getUint8(at)),
  i8: plain(1, "i8", (view, at) => view.getInt8(at)),
  i16: plain(2, "i32", (view, at, little) => view.getInt16(at, little)),
  u16: plain(2, "i32", (view, at, little) => view.getUint16(at, little)),
  f16: plain(2, "f32", (view, at, little) => halfToNumber(view.getUint16(at, little))),
  bf16: plain(2, "f32", (view, at, little) => bfloatToNumber(view.getUint16(at, little))),
  i32: plain(4, "i32", (view, at, little) => view.getInt32(at, little)),
  u32: wide(4, (view, at, little) => view.getUint32(at, little)),
  f32: plain(4, "f32", (view, at, little) => view.getFloat32(at, little)),
  f64: plain(8, "f64", (view, at, little) => view.getFloat64(at, little)),
  i64: wide(8, (view, at, little) => Number(view.getBigInt64(at, little))),
  u64: wide(8, (view, at, little) => Number(view.getBigUint64(at, little))),
} as const satisfies Record<string, Element>;

/** Writes one number, little-endian. */
type Set = (view: DataView, at: number, value: number) => void;

/** How our element types are stored. */
export const written: Readonly<Record<DType, { readonly bytes: number; readonly set: Set }>> = {
  f64: { bytes: 8, set: (view, at, value) => view.setFloat64(at, value, true) },
  f32: { bytes: 4, set: (view, at, value) => view.setFloat32(at, value, true) },
  i32: { bytes: 4, set: (view, at, value) => view.setInt32(at, value, true) },
  i8: { bytes: 1, set: (view, at, value) => view.setInt8(at, value) },
  u8: { bytes: 1, set: (view, at, value) => view.setUint8(at, value) },
};
