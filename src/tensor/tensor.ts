import { ArgumentError, DTypeError, ShapeError, StateError } from "../errors.ts";
import { formatShape, sizeOf } from "./shape.ts";

/** Element types. f64 serves laws and references; i8 and u8 hold codes; i32 indices. */
export type DType = "f32" | "f64" | "i32" | "i8" | "u8";
/** The storage of a tensor, by dtype. */
export type Data = Float32Array | Float64Array | Int32Array | Int8Array | Uint8Array;

/** Shape and dtype of a tensor, without its values. */
export interface Meta {
  /** Axis lengths, outermost first; [] for a scalar. */
  readonly shape: readonly number[];
  readonly dtype: DType;
}

const ARRAYS = {
  f32: Float32Array,
  f64: Float64Array,
  i32: Int32Array,
  i8: Int8Array,
  u8: Uint8Array,
} as const;

/** Immutable, contiguous, row-major. `data` is never written after creation. */
export class Tensor implements Meta {
  /** Axis lengths, outermost first; [] for a scalar. */
  readonly shape: readonly number[];
  /** The type of the elements. */
  readonly dtype: DType;
  readonly data: Data;

  /**
   * Wraps `data` without copying: the caller gives up the right to write to it. Errors: ShapeError where its length is
   * not the size of `shape`, DTypeError where it is not an array of `dtype`.
   */
  constructor(shape: readonly number[], dtype: DType, data: Data) {
    if (data.length !== sizeOf(shape)) {
      throw new ShapeError(
        "tensor",
        `data.length must equal the product of the shape = ${sizeOf(shape)}, got ${data.length} (${dtype}${formatShape(shape)})`,
      );
    }
    if (!(data instanceof ARRAYS[dtype])) {
      throw new DTypeError("tensor", `data must be a ${ARRAYS[dtype].name} for ${dtype}, got ${data.constructor.name}`);
    }
    this.shape = shape;
    this.dtype = dtype;
    this.data = data;
  }

  /** Number of elements. */
  get size(): number {
    return this.data.length;
  }

  /** Dtype, shape and the first values, for reading. */
  toString(): string {
    const shown = Array.from(this.data.subarray(0, 8), (v) => String(Number(v.toPrecision(6))));
    return `${this.dtype}${formatShape(this.shape)} {${shown.join(", ")}${this.size > 8 ? ", …" : ""}}`;
  }
}

/**
 * Stands for a tensor whose values come later: a function that is applied to placeholders calls its ops, which announce
 * themselves and infer shapes, but computes nothing. Reading the values is a StateError.
 */
export class Placeholder extends Tensor {
  /** Any shape and dtype. Errors: StateError where its values are read. */
  constructor({ shape, dtype }: Meta) {
    super([0], dtype, allocate(dtype, 0));
    Object.defineProperty(this, "shape", { value: shape });
    Object.defineProperty(this, "data", {
      get: () => {
        const what = `got a read of ${dtype}${formatShape(shape)} (compute with ops, or keep this step outside the compiled function)`;
        throw new StateError("compile", `a function must not read values while it is recorded, ${what}`);
      },
    });
  }

  override get size(): number {
    return sizeOf(this.shape);
  }

  override toString(): string {
    return `${this.dtype}${formatShape(this.shape)} {to be computed}`;
  }
}

/** A zero-filled typed array of the given dtype. Its length is `size`. */
export function allocate(dtype: DType, size: number): Data {
  return new ARRAYS[dtype](size);
}

/** Bytes of one element. */
export const itemBytes = (dtype: DType): number => ARRAYS[dtype].BYTES_PER_ELEMENT;

/** A typed array of the given dtype over part of a buffer; `address` in bytes. */
export function dataAt(buffer: ArrayBuffer, dtype: DType, address: number, size: number): Data {
  return new ARRAYS[dtype](buffer, address, size);
}

/**
 * Builds a tensor from numbers (nested arrays give the shape) or, with `shape`, from a flat list. Any shape. Errors:
 * ArgumentError for rows of unequal length, ShapeError where a flat list does not fill `shape`.
 */
export function tensor(values: number | NestedNumbers | Data, shape?: readonly number[], dtype: DType = "f32"): Tensor {
  if (typeof values === "number") return new Tensor(shape ?? [], dtype, ARRAYS[dtype].of(values));
  if (ArrayBuffer.isView(values)) {
    return new Tensor(shape ?? [values.length], dtype, ARRAYS[dtype].from(values as ArrayLike<number>));
  }
  const flat: number[] = [];
  const inferred = flattenInto(values, flat);
  return new Tensor(shape ?? inferred, dtype, ARRAYS[dtype].from(flat));
}

/** Numbers in nested lists of equal length; the nesting is the shape. */
export type NestedNumbers = readonly (number | NestedNumbers)[];

function flattenInto(values: NestedNumbers, flat: number[]): number[] {
  let inner: number[] | undefined;
  for (const value of values) {
    const shape = typeof value === "number" ? [] : flattenInto(value, flat);
    if (typeof value === "number") flat.push(value);
    if (inner && (inner.length !== shape.length || inner.some((d, i) => d !== shape[i]))) {
      throw new ArgumentError("tensor", `nested values must be rectangular, got rows of ${formatShape(inner)} and ${formatShape(shape)}`);
    }
    inner = shape;
  }
  return [values.length, ...(inner ?? [])];
}

/** A tensor filled with one value. Any shape. */
export function full(shape: readonly number[], value: number, dtype: DType = "f32"): Tensor {
  const data = allocate(dtype, sizeOf(shape));
  if (!Object.is(value, 0)) data.fill(value);
  return new Tensor(shape, dtype, data);
}

/** A tensor of zeros. Any shape. */
export const zeros = (shape: readonly number[], dtype: DType = "f32"): Tensor => full(shape, 0, dtype);
/** A tensor of ones. Any shape. */
export const ones = (shape: readonly number[], dtype: DType = "f32"): Tensor => full(shape, 1, dtype);
/** A tensor of rank 0. Shape: []. */
export const scalar = (value: number, dtype: DType = "f32"): Tensor => full([], value, dtype);

/** The single value of a one-element tensor. Any shape of one element. Errors: ShapeError for more or fewer. */
export function item(x: Tensor): number {
  if (x.size !== 1) throw new ShapeError("item", `needs exactly 1 element, got ${x.size} (${x.dtype}${formatShape(x.shape)})`);
  return x.data[0]!;
}

/** Same storage under another shape of equal size; no op is recorded. */
export function viewAs(x: Tensor, shape: readonly number[]): Tensor {
  return new Tensor(shape, x.dtype, x.data);
}
