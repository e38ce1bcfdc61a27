import { importOnnx } from "../../src/onnx/index.ts";
import type { NodeInit, TensorInit } from "../../src/onnx/protobuf.ts";
import { Rng, randn, type Tensor } from "../../src/tensor/index.ts";
import { type FileOptions, file } from "./build.ts";
import { gap, runInRuntime } from "./runtime.ts";

/** Normal values, the same for the same seed. */
export const random = (shape: readonly number[], seed = 1): Tensor => randn(shape, new Rng(seed));

/** Our outputs and the runtime's on a random input. */
export async function agreement(options: FileOptions, shape = options.input.map((d) => (typeof d === "number" ? d : 1))): Promise<number> {
  const bytes = file(options);
  const x = random(shape, 7);
  const ours = importOnnx(bytes).forward(x);
  const theirs = await runInRuntime(bytes, { x }, "disabled");
  return Math.max(...Object.keys(theirs).map((k) => gap(ours[k], theirs[k])));
}

/** A file and what it shows. */
export interface Row {
  readonly title: string;
  readonly options: FileOptions;
}

/** A file of these nodes with one float input. */
export const one = (
  title: string,
  opset: number,
  input: FileOptions["input"],
  nodes: NodeInit[],
  initializers: TensorInit[] = [],
): Row => ({
  title,
  options: { opset, input, nodes, initializers },
});
