import { ArgumentError } from "../errors.ts";
import { shownValue } from "../shown.ts";
import { type DType, halfToNumber, sizeOf, Tensor } from "../tensor/index.ts";
import type { ModelJson, WeightEntry } from "./modelJson.ts";

/** How a stored number is laid out, and how a run of them is read from a little-endian view. */
interface Stored {
  readonly bytes: number;
  read(view: DataView, at: number): number;
}

const STORED: Readonly<Record<string, Stored>> = {
  float32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  int32: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  float16: { bytes: 2, read: (view, at) => halfToNumber(view.getUint16(at, true)) },
  uint16: { bytes: 2, read: (view, at) => view.getUint16(at, true) },
  uint8: { bytes: 1, read: (view, at) => view.getUint8(at) },
  bool: { bytes: 1, read: (view, at) => view.getUint8(at) },
};

/** Element types of the graph's tensors. */
const DTYPES: Readonly<Record<string, DType>> = { float32: "f32", float16: "f32", int32: "i32", bool: "u8", uint8: "u8" };

/**
 * Reads every tensor of the manifest: groups in order, a group's shards end to end. uint8 and uint16 codes become
 * scale * code + min, computed in f64 and rounded once; half floats widen exactly.
 *
 * Errors: ArgumentError for a missing shard, an element type that is not numeric, a name given twice, and bytes that are
 * too few or left over.
 */
export function readWeights(
  manifest: ModelJson["weightsManifest"],
  files: ReadonlyMap<string, Uint8Array>,
  file: string,
): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const group of manifest) {
    const bytes = joined(group.paths.map((path) => files.get(path) ?? missing(path, file)));
    let at = 0;
    for (const entry of group.weights) {
      if (tensors.has(entry.name)) throw new ArgumentError(file, `every weight must be stored once, got "${entry.name}" twice`);
      const where = `${file}: weight "${entry.name}"`;
      const { stored, dtype } = layoutOf(entry, where);
      const count = sizeOf(entry.shape);
      const size = count * stored.bytes;
      if (!(at + size <= bytes.length))
        throw new ArgumentError(where, `${size} bytes must follow byte ${at} of ${group.paths.join(" + ")}, got ${bytes.length - at}`);
      const view = new DataView(bytes.buffer, bytes.byteOffset + at, size);
      tensors.set(entry.name, decode(entry, stored, dtype, view, count));
      at += size;
    }
    if (at !== bytes.length)
      throw new ArgumentError(file, `${group.paths.join(" + ")} must hold ${at} bytes, as the manifest says, got ${bytes.length}`);
  }
  return tensors;
}

function missing(path: string, file: string): never {
  throw new ArgumentError(file, `weight shard "${path}" must be given, got none`);
}

function layoutOf({ dtype, quantization }: WeightEntry, where: string): { stored: Stored; dtype: DType } {
  const [name, result] = [quantization?.dtype ?? dtype, Object.hasOwn(DTYPES, dtype) ? DTYPES[dtype] : undefined];
  if (!result || !Object.hasOwn(STORED, name))
    throw new ArgumentError(where, `the element type must be one of ${Object.keys(DTYPES).join(", ")}, got ${shownValue(dtype)}`);
  if (quantization && quantization.dtype !== "float16" && (quantization.scale === undefined || quantization.min === undefined))
    throw new ArgumentError(where, `${quantization.dtype} codes must come with scale and min, got none`);
  return { stored: STORED[name], dtype: result };
}

function decode({ shape, quantization }: WeightEntry, stored: Stored, dtype: DType, view: DataView, count: number): Tensor {
  const data = dtype === "f32" ? new Float32Array(count) : dtype === "i32" ? new Int32Array(count) : new Uint8Array(count);
  const coded = quantization !== undefined && quantization.dtype !== "float16";
  const { scale = 1, min = 0 } = coded ? quantization : {};
  for (let i = 0; i < count; i++) {
    const value = stored.read(view, i * stored.bytes);
    data[i] = coded ? (dtype === "f32" ? value * scale + min : nearestInteger(value * scale + min)) : value;
  }
  return new Tensor(shape, dtype, data);
}

/** Ties upwards, as tfjs has it for quantized integers. */
const nearestInteger = (x: number): number => Math.floor(x + 0.5);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
