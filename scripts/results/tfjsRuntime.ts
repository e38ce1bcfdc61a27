import { createRequire } from "node:module";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { loadGraphModel } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import type { Graph } from "../../src/graph/index.ts";
import type { ModelFiles } from "../../src/job/index.ts";
import type { Foreign } from "../../src/node/index.ts";
import { Tensor } from "../../src/tensor/index.ts";

/** Opens a graph model in tfjs, on its WebAssembly backend and one thread, with the input and outputs of `graph`. */
export async function openInTfjs({ bytes, parts }: ModelFiles, graph: Graph): Promise<Foreign> {
  const folder = createRequire(import.meta.url)
    .resolve("@tensorflow/tfjs-backend-wasm")
    .replace(/dist.*$/, "");
  setWasmPaths(`${folder}dist/`);
  setThreadsCount(1);
  await tf.setBackend("wasm");
  const { modelTopology, weightsManifest, format, signature } = JSON.parse(new TextDecoder().decode(bytes));
  const weightSpecs = weightsManifest.flatMap((group: { readonly weights: unknown[] }) => group.weights);
  const weightData = await new Blob([...parts.values()].map((part) => Uint8Array.from(part))).arrayBuffer();
  const model = await loadGraphModel(tf.io.fromMemory({ modelTopology, format, signature, weightSpecs, weightData }));
  const names = graph.outputs.map((p) => p.name);
  return {
    run(x) {
      if (!(x instanceof Tensor)) throw new Error("tfjs: one input must be given, got several");
      const input = tf.tensor(x.data as Float32Array, [...x.shape]);
      const outputs = [model.execute({ [graph.inputs[0].name]: input }, names)].flat();
      const heads = Object.fromEntries(
        outputs.map((y, i) => [names[i], new Tensor([...y.shape], "f32", Float32Array.from(y.dataSync() as Float32Array))]),
      );
      tf.dispose([input, ...outputs]);
      return Promise.resolve(heads);
    },
    close() {
      model.dispose();
      return Promise.resolve();
    },
  };
}
