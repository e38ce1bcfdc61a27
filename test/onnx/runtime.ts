import * as ort from "onnxruntime-web";
import { sameShape, Tensor } from "../../src/tensor/index.ts";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "fatal";

/** As in src/node/runtimeCheck.ts: warnings would be written to a pipe that may be full. */
const QUIET = { logSeverityLevel: 4 } as const;

export type Level = "disabled" | "basic" | "extended" | "all";

/** Runs a model in onnxruntime-web; outputs by name. */
export async function runInRuntime(
  model: Uint8Array,
  inputs: Readonly<Record<string, Tensor>>,
  level: Level = "all",
): Promise<Record<string, Tensor>> {
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"], graphOptimizationLevel: level, ...QUIET });
  try {
    const feeds = Object.fromEntries(
      Object.entries(inputs).map(([k, x]) => [k, new ort.Tensor("float32", x.data as Float32Array, x.shape)]),
    );
    const outputs = await session.run(feeds, { ...QUIET });
    return Object.fromEntries(
      session.outputNames.map((k) => [k, new Tensor([...outputs[k].dims], "f32", Float32Array.from(outputs[k].data as Float32Array))]),
    );
  } finally {
    await session.release();
  }
}

/**
 * max |a - b| / max |b|; 0 where no difference is a normal float32, since runtimes differ below that.
 * Throws unless the shapes are the same.
 */
export function gap(a: Tensor, b: Tensor): number {
  if (!sameShape(a.shape, b.shape)) throw new Error(`gap: the shapes must be the same, got [${a.shape}] against [${b.shape}]`);
  let most = 0;
  let largest = 0;
  for (let i = 0; i < b.size; i++) {
    most = Math.max(most, Math.abs(a.data[i] - b.data[i]));
    largest = Math.max(largest, Math.abs(b.data[i]));
  }
  return most < 2 ** -126 ? 0 : most / largest;
}
