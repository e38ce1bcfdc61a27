import { basename } from "node:path";
import { readBytes } from "./pictures.ts";

/** A model file that was read but not parsed. */
export interface ModelFile {
  /** The file's name without folder and ".onnx". */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Reads a model file. Errors: UsageError when the path cannot be read. */
export function readModel(path: string): ModelFile {
  return { name: basename(path).replace(/\.onnx$/i, ""), bytes: readBytes(path, "readModel") };
}
