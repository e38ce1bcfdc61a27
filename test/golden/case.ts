import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ArgumentError } from "../../src/errors.ts";
import { allocate, type DType, sizeOf, Tensor } from "../../src/tensor/index.ts";

/** A tensor as a manifest stores it: inline, or in data.bin from byte `off`. */
export interface RawTensor {
  readonly dtype: "f64" | "f32" | "i64" | "i32" | "u8" | "i8" | "bool";
  readonly shape: readonly number[];
  readonly data?: readonly number[];
  readonly off?: number;
}

/** Elementwise |got - want| <= atol + rtol |want|, or ||got - want|| / ||want|| <= relL2. */
export interface Tolerance {
  readonly rtol?: number;
  readonly atol?: number;
  readonly relL2?: number;
}

export type Precision = "f64" | "f32";

export interface RawCase {
  readonly name: string;
  readonly op: string;
  readonly attrs?: Readonly<Record<string, unknown>>;
  readonly inputs?: Readonly<Record<string, RawTensor>>;
  readonly outputs?: Readonly<Record<string, RawTensor>>;
  readonly upstream?: Readonly<Record<string, RawTensor>>;
  readonly grads?: Readonly<Record<string, RawTensor>>;
  readonly tol?: Readonly<Partial<Record<Precision, Tolerance>>>;
  readonly tags?: readonly string[];
  readonly note?: string;
  /** Families add fields of their own. */
  readonly [field: string]: unknown;
}

export interface Manifest {
  readonly family: string;
  readonly data?: string;
  readonly defaultTol: Readonly<Record<Precision, Tolerance>>;
  /** How many cases there are. */
  readonly caseCount: number;
  readonly cases: readonly RawCase[];
  readonly [field: string]: unknown;
}

/** A golden case whose tensors are in memory; floats have the precision of the run, i64 is i32, bool is u8. */
export interface LoadedCase {
  readonly name: string;
  readonly op: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly upstream: Readonly<Record<string, Tensor>>;
  readonly raw: RawCase;
  readonly manifest: Manifest;
  readonly folder: string;
  readonly dtype: Precision;
}

/** A family folder with its data file. */
export interface Family {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
}

/**
 * Reads manifest.json and the data file of a folder, or returns undefined where there is no manifest.
 *
 * Errors: ArgumentError where the manifest is no JSON with cases, or its data file is missing.
 */
export function readFamily(folder: string): Family | undefined {
  const path = join(folder, "manifest.json");
  if (!existsSync(path)) return undefined;
  const manifest = parseManifest(readFileSync(path, "utf8"), path);
  if (!manifest.data) return { folder, manifest, bytes: new Uint8Array(0) };
  const data = join(folder, manifest.data);
  if (!existsSync(data)) throw new ArgumentError("golden", `${path} must name a data file that exists, got "${manifest.data}"`);
  return { folder, manifest, bytes: Uint8Array.from(readFileSync(data)) };
}

function parseManifest(text: string, path: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ArgumentError("golden", `${path} must be JSON, got ${(error as Error).message.replace(/\s+/g, " ")}`);
  }
  const { family, defaultTol, cases } = (value ?? {}) as { [K in keyof Manifest]?: unknown };
  if (typeof family !== "string" || typeof defaultTol !== "object" || defaultTol === null || !Array.isArray(cases)) {
    throw new ArgumentError(
      "golden",
      `${path} must have family, defaultTol and a list of cases, got ${text.slice(0, 40).replace(/\s+/g, " ").trim()}`,
    );
  }
  return value as Manifest;
}

const STORED = {
  f64: Float64Array,
  f32: Float32Array,
  i64: BigInt64Array,
  i32: Int32Array,
  u8: Uint8Array,
  i8: Int8Array,
  bool: Uint8Array,
} as const;

/** The values of a stored tensor as plain numbers. */
export function valuesOf(raw: RawTensor, bytes: Uint8Array): number[] {
  if (raw.data) return raw.data.map(Number);
  const Stored = STORED[raw.dtype];
  const count = sizeOf(raw.shape);
  const from = raw.off ?? 0;
  const copy = bytes.slice(from, from + count * Stored.BYTES_PER_ELEMENT);
  return Array.from(new Stored(copy.buffer, 0, count), Number);
}

function loadTensor(raw: RawTensor, bytes: Uint8Array, precision: Precision): Tensor {
  const dtype: DType =
    raw.dtype === "f64" || raw.dtype === "f32" ? precision : raw.dtype === "i64" ? "i32" : raw.dtype === "bool" ? "u8" : raw.dtype;
  const data = allocate(dtype, sizeOf(raw.shape));
  data.set(valuesOf(raw, bytes));
  return new Tensor(raw.shape, dtype, data);
}

/** The case's inputs and upstream cotangents as tensors of the run's precision. */
export function loadCase(family: Family, raw: RawCase, dtype: Precision): LoadedCase {
  const load = (stored: Readonly<Record<string, RawTensor>> = {}) =>
    Object.fromEntries(Object.entries(stored).map(([k, t]) => [k, loadTensor(t, family.bytes, dtype)]));
  return {
    name: raw.name,
    op: raw.op,
    attrs: raw.attrs ?? {},
    inputs: load(raw.inputs),
    upstream: load(raw.upstream),
    raw,
    manifest: family.manifest,
    folder: family.folder,
    dtype,
  };
}
