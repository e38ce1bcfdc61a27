import { readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { readNpy, readNpz } from "../data/index.ts";
import { ArgumentError } from "../errors.ts";
import type { Graph, Port } from "../graph/index.ts";
import type { TensorSample } from "../job/index.ts";
import { didYouMean } from "../suggest.ts";
import { formatShape, sizeOf, Tensor } from "../tensor/index.ts";
import { chooseFrom, PICTURES, type PictureFile, readBytes } from "./pictures.ts";
import { reasonOf, UsageError } from "./usageError.ts";

/** Arrays to calibrate on, found without reading a file. */
export type ArraySource =
  /** Each file one sample: .npy for the only input, .npz with arrays by input name. */
  | { readonly kind: "folder"; readonly files: readonly PictureFile[] }
  /** One file whose arrays have a leading axis over the samples. */
  | { readonly kind: "stack"; readonly file: PictureFile };

const ARRAYS = /\.np[yz]$/i;

/**
 * The arrays at a calibration path: one .npy or .npz file, or a folder of .npy files or of .npz files. Undefined for a
 * folder that holds pictures, for training tools leave caches beside them, and for a path that holds neither.
 *
 * Errors: UsageError when a folder cannot be read, or holds .npy and .npz files together.
 */
export function findArrays(path: string): ArraySource | undefined {
  if (ARRAYS.test(path) && isFile(path)) return { kind: "stack", file: { name: basename(path), path } };
  const names = namesIn(path);
  const arrays = names.filter((name) => ARRAYS.test(name)).sort();
  if (arrays.length === 0 || names.some((name) => PICTURES.test(name))) return undefined;
  const plain = arrays.filter((name) => /y$/i.test(name)).length;
  if (plain > 0 && plain < arrays.length)
    throw new UsageError("findArrays", `${path} must hold .npy or .npz files, got ${plain} and ${arrays.length - plain} of them`);
  return { kind: "folder", files: arrays.map((name) => ({ name, path: join(path, name) })) };
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** Files of a folder but hidden ones; none where there is no such folder. */
function namesIn(folder: string): string[] {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && !entry.name.startsWith("."))
      .map((entry) => entry.name);
  } catch (error) {
    throw new UsageError("findArrays", `${folder} must be a readable folder, got ${reasonOf(error)}`);
  }
}

/** Which samples are taken, and which inputs they need not hold. */
export interface TensorReadOptions {
  /** Samples taken at most. */
  readonly count: number;
  /** Chooses them where there are more. */
  readonly seed: number;
  /** Inputs with a value of their own, such as a card's constants. */
  readonly known?: readonly string[];
}

/**
 * Reads the samples of a source of arrays, as inputs of `graph`, chosen as pictures are. An array has its input's shape,
 * without or with a leading batch of one, and goes to the network as it is. f32 inputs take float16, float32 and float64
 * (rounded to the nearest float32), which must be finite; integer inputs take integers of any width that hold their type's values.
 *
 * Errors: ArgumentError naming the file, the array, what it must be and what it is; UsageError for unreadable files.
 */
export function readTensorSamples(source: ArraySource, graph: Graph, { count, seed, known = [] }: TensorReadOptions): TensorSample[] {
  if (source.kind === "folder") {
    return chooseFrom(source.files, count, seed).map(({ name, path }) => {
      const arrays = arraysOf(path, name, graph, known);
      return { name, tensors: Object.fromEntries([...arrays].map(([key, x]) => [key, asInput(x, portOf(graph, key), name)])) };
    });
  }
  const { name, path } = source.file;
  const arrays = [...arraysOf(path, name, graph, known)];
  const samples = sampleCount(arrays, name);
  const indices = Array.from({ length: samples }, (_, i) => i);
  return chooseFrom(indices, count, seed).map((i) => {
    const label = `${name}[${i}]`;
    return { name: label, tensors: Object.fromEntries(arrays.map(([key, x]) => [key, asInput(entry(x, i), portOf(graph, key), label)])) };
  });
}

/** The arrays of a file by input name: those of an .npz by their keys, an .npy as the only input without a value. */
function arraysOf(path: string, name: string, graph: Graph, known: readonly string[]): ReadonlyMap<string, Tensor> {
  const bytes = readBytes(path, "readTensorSamples");
  const inputs = graph.inputs.map((p) => p.name);
  const wanted = inputs.filter((input) => !known.includes(input));
  if (/y$/i.test(name)) {
    if (wanted.length !== 1)
      throw fail(name, `must be an .npz file with arrays by input name (${wanted.join(", ")}), got one array for ${wanted.length} inputs`);
    return new Map([[wanted[0], readNpy(bytes, name)]]);
  }
  const arrays = readNpz(bytes, name);
  for (const key of arrays.keys()) {
    if (!inputs.includes(key)) throw fail(name, `must hold arrays named after inputs, got "${key}" (${didYouMean(key, inputs)})`);
  }
  const missing = wanted.filter((input) => !arrays.has(input));
  if (missing.length > 0) throw fail(name, `must hold an array for input "${missing[0]}", got ${[...arrays.keys()].join(", ") || "none"}`);
  return arrays;
}

const fail = (file: string, problem: string): ArgumentError => new ArgumentError("readTensorSamples", `${file} ${problem}`);

const portOf = (graph: Graph, name: string): Port => graph.inputs.find((p) => p.name === name) as Port;

/** Length of the leading axis, which all arrays of a stack share. */
function sampleCount(arrays: readonly (readonly [string, Tensor])[], file: string): number {
  const [first] = arrays;
  const count = first?.[1].shape[0] ?? 0;
  for (const [key, { shape }] of arrays) {
    if (shape.length === 0 || shape[0] === 0)
      throw fail(file, `array "${key}" must have a leading axis over its samples, got ${formatShape(shape)}`);
    if (shape[0] !== count)
      throw fail(file, `arrays must hold equally many samples, got ${count} of "${first[0]}" and ${shape[0]} of "${key}"`);
  }
  return count;
}

/** Entry i of the leading axis. */
function entry({ shape, dtype, data }: Tensor, i: number): Tensor {
  const rest = shape.slice(1);
  const size = sizeOf(rest);
  return new Tensor(rest, dtype, data.slice(i * size, (i + 1) * size));
}

/** An array as the tensor of an input: its shape with a batch of one, its dtype. */
function asInput(x: Tensor, port: Port, file: string): Tensor {
  const want = port.shape.map((d) => (d === -1 ? 1 : d));
  const whole = formatShape(x.shape) === formatShape(want);
  const one = want[0] === 1 && formatShape(x.shape) === formatShape(want.slice(1));
  const what = `array "${port.name}" must be ${port.dtype}${formatShape(want)}`;
  const got = `got ${x.dtype}${formatShape(x.shape)}`;
  if (!whole && !one) throw fail(file, `${what}${want[0] === 1 ? " or without its leading 1" : ""}, ${got}`);
  if (isFloat(x.dtype) !== isFloat(port.dtype)) throw fail(file, `${what}, ${got}`);
  const data = x.dtype === port.dtype ? x.data : converted(x, port, (problem) => fail(file, `${what}, got ${problem}`));
  if (isFloat(port.dtype)) {
    const bad = data.findIndex((v) => !Number.isFinite(v));
    if (bad >= 0) throw fail(file, `array "${port.name}" must be finite in ${port.dtype}, got ${x.data[bad]} at element ${bad}`);
  }
  return new Tensor(want, port.dtype, data);
}

const isFloat = (dtype: string): boolean => dtype === "f32" || dtype === "f64";

/** Values in another width of the same kind: floats rounded, integers as they are where they fit. */
function converted(x: Tensor, { dtype }: Port, refuse: (problem: string) => ArgumentError): Tensor["data"] {
  const data = dtype === "f32" ? Float32Array.from(x.data) : dtype === "f64" ? Float64Array.from(x.data) : undefined;
  if (data) return data;
  const whole = dtype === "i32" ? Int32Array.from(x.data) : dtype === "i8" ? Int8Array.from(x.data) : Uint8Array.from(x.data);
  const lost = whole.findIndex((v, i) => v !== x.data[i]);
  if (lost >= 0) throw refuse(`${x.data[lost]} at element ${lost}`);
  return whole;
}
