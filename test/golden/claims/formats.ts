import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseCoco, readNpy, readNpz, readSafetensors } from "../../../src/data/index.ts";
import { importOnnx, parseTensor, type StoredTensor } from "../../../src/onnx/index.ts";
import { Tensor, tensor } from "../../../src/tensor/index.ts";
import type { Claim, Claims, LoadedCase } from "../runner.ts";

interface FileAttrs {
  readonly file: string;
  readonly reader?: string;
}

const attrsOf = (c: LoadedCase): FileAttrs => c.attrs as unknown as FileAttrs;

const bytesOf = (c: LoadedCase): Uint8Array => Uint8Array.from(readFileSync(join(c.folder, attrsOf(c).file)));

/** Every reader of files the library has; formats without one are unclaimed. */
const READERS: Readonly<Record<string, (bytes: Uint8Array, name: string) => unknown>> = {
  safetensors: readSafetensors,
  npy: readNpy,
  npz: readNpz,
  coco: parseCoco,
  onnx: (bytes, name) => importOnnx(bytes, { name }),
};

/** Reading must fail with one line that names the file. */
const reject: Claim = (c) => {
  const { file, reader = "" } = attrsOf(c);
  if (!Object.hasOwn(READERS, reader)) return "unclaimed";
  const name = basename(file);
  try {
    READERS[reader](bytesOf(c), name);
  } catch (error) {
    const { message } = error as Error;
    if (message.includes(name) && !message.includes("\n")) return { outputs: {} };
    throw new Error(`the refusal of ${name} must be one line that names it, got "${message}"`);
  }
  throw new Error(`${name} must be refused, got no error`);
};

export const claims: Claims = {
  reject,
  read_npy: (c) => ({ outputs: { array: readNpy(bytesOf(c), c.name) } }),
  read_npz: (c) => ({ outputs: Object.fromEntries(readNpz(bytesOf(c), c.name)) }),
  read_safetensors: (c) => ({ outputs: Object.fromEntries(readSafetensors(bytesOf(c), c.name).tensors) }),
  read_coco: (c) => ({ outputs: { bbox: boxOf(c) } }),
  read_onnx_tensor: (c) => ({ outputs: { array: asTensor(parseTensor(bytesOf(c), c.name)) } }),
};

/** Values in double hold what the file has, 64-bit integers as the nearest double: as the manifest's decimals do. */
const asTensor = ({ shape, values }: StoredTensor): Tensor => new Tensor(shape, "f64", Float64Array.from(values, Number));

/** The first annotation's box as the file states it: x, y, width, height. */
function boxOf(c: LoadedCase): Tensor {
  const [x1, y1, x2, y2] = parseCoco(bytesOf(c), c.name).annotations[0].box;
  return tensor([x1, y1, x2 - x1, y2 - y1], undefined, "f64");
}
