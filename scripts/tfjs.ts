import { createRequire } from "node:module";
import * as wasm from "@tensorflow/tfjs-backend-wasm";
import { loadGraphModel } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import type { Tensor } from "../src/tensor/index.ts";

const require = createRequire(import.meta.url);

/** tfjs on its WebAssembly backend, on one thread: the runtime to compare graph models with. */
export async function startTfjs(): Promise<void> {
  wasm.setWasmPaths(`${require.resolve("@tensorflow/tfjs-backend-wasm").replace(/dist.*$/, "")}dist/`);
  wasm.setThreadsCount(1);
  await tf.setBackend("wasm");
}

/** A loaded graph model of tfjs; `run` gives the named tensors for one input. */
export interface TfjsModel {
  run(input: string, x: Tensor, outputs: readonly string[]): Float32Array[];
  /** Frees its weights. */
  close(): void;
}

/** Loads a model from its parts, as `importTfjs` takes them. */
export async function loadTfjs(json: Uint8Array, shards: readonly Uint8Array[]): Promise<TfjsModel> {
  const { modelTopology, weightsManifest, signature, format } = JSON.parse(new TextDecoder().decode(json));
  const weightData = await new Blob(shards.map((shard) => Uint8Array.from(shard))).arrayBuffer();
  const model = await loadGraphModel(
    tf.io.fromMemory({
      modelTopology,
      format,
      signature,
      weightSpecs: weightsManifest.flatMap((group: { weights: unknown[] }) => group.weights),
      weightData,
    }),
  );
  return {
    run(input, { data, dtype, shape }, outputs) {
      const given = tf.tensor(data as Float32Array | Int32Array, [...shape], dtype === "i32" ? "int32" : "float32");
      const results = [model.execute({ [input]: given }, [...outputs])].flat();
      const values = results.map((result) => result.dataSync() as Float32Array);
      tf.dispose([given, ...results]);
      return values;
    },
    close: () => model.dispose(),
  };
}
