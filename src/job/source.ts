import { Graph } from "../graph/index.ts";
import { importOnnx, type StoredGrid, weightGrids } from "../onnx/index.ts";
import { importTfjs, tfjsWeightPaths } from "../tfjs/index.ts";

/** A model as files: the model itself, and the files it names (weight shards) by their paths relative to it. */
export interface ModelFiles {
  readonly bytes: Uint8Array;
  readonly parts: ReadonlyMap<string, Uint8Array>;
}

/** A model in any form: imported already, one file, or several. */
export type ModelSource = Graph | Uint8Array | ModelFiles;

/** How a model is read. */
export interface ReadOptions {
  /** Names the model in errors. */
  readonly name: string;
  /** Tensors the graph has to give: it ends at them where they are not all outputs of the file. */
  readonly endAt?: readonly string[] | undefined;
  /** Height and width of the pictures of a file that takes any. Default 640 and 640: a multiple of every usual stride. */
  readonly freeSides?: readonly [height: number, width: number] | undefined;
}

const FREE_SIDES = [640, 640] as const;

/** A file format of models. */
interface ModelFormat {
  recognizes(bytes: Uint8Array): boolean;
  /** Paths of the files that belong to the model, relative to it. */
  parts(bytes: Uint8Array, name: string): string[];
  read(files: ModelFiles, options: ReadOptions): Graph;
  /** Weights stored as codes that the graph computes with as such. */
  grids(bytes: Uint8Array, name: string): ReadonlyMap<string, StoredGrid>;
}

const OPENING_BRACE = 0x7b;
const SPACES: readonly number[] = [0x20, 0x0a, 0x0d, 0x09];

const tfjs: ModelFormat = {
  recognizes: (bytes) => bytes.find((byte) => !SPACES.includes(byte)) === OPENING_BRACE,
  parts: tfjsWeightPaths,
  read: ({ bytes, parts }, options) => importTfjs(bytes, parts, options),
  // Codes there only make the download smaller: the network computes in f32.
  grids: () => new Map(),
};

const onnx: ModelFormat = {
  recognizes: () => true,
  parts: () => [],
  read: ({ bytes }, options) => importOnnx(bytes, options),
  grids: weightGrids,
};

/** The first that recognises the bytes reads them. */
const FORMATS: readonly ModelFormat[] = [tfjs, onnx];

const formatOf = (bytes: Uint8Array): ModelFormat => FORMATS.find((format) => format.recognizes(bytes)) ?? onnx;

/**
 * Paths of the files that a model needs beside its own, relative to it: the weight shards of a tfjs `model.json`.
 *
 * Errors: ArgumentError for a file that is refused, or that names files outside its folder.
 */
export const modelParts = (bytes: Uint8Array, name: string): string[] => formatOf(bytes).parts(bytes, name);

/** Codes and scales of weights that a model stores quantized, by the weight's name. */
export const storedGrids = (bytes: Uint8Array, name: string): ReadonlyMap<string, StoredGrid> => formatOf(bytes).grids(bytes, name);

/**
 * The graph of a model: ONNX, or a tfjs graph model with its shards.
 *
 * Errors: ArgumentError for a file that is refused; all unsupported operators at once.
 */
export function readGraph(model: ModelSource, { name, endAt, freeSides = FREE_SIDES }: ReadOptions): Graph {
  if (model instanceof Graph) return model;
  const files = model instanceof Uint8Array ? { bytes: model, parts: new Map<string, Uint8Array>() } : model;
  return formatOf(files.bytes).read(files, { name, endAt, freeSides });
}
