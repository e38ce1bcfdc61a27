import { basename, dirname, join } from "node:path";
import { type ModelFiles, modelParts } from "../job/index.ts";
import { npmFile } from "./npmFile.ts";
import { readBytes } from "./pictures.ts";

/** A model that was read but not parsed. */
export interface ModelFile extends ModelFiles {
  /** The file's name without folder and extension. */
  readonly name: string;
}

/**
 * Reads a model file, and the weight shards beside it where it names some. `npm:PACKAGE/PATH` is a file of an installed
 * package.
 *
 * Errors: UsageError when a path cannot be read; ArgumentError for a `model.json` that is refused.
 */
export function readModel(path: string): ModelFile {
  const file = npmFile(path) ?? path;
  const bytes = readBytes(file, "readModel");
  const parts = new Map(modelParts(bytes, basename(path)).map((part) => [part, readBytes(join(dirname(file), part), "readModel")]));
  return { name: basename(path).replace(/\.(onnx|json)$/i, ""), bytes, parts };
}
