/** onnxruntime-web on its WebAssembly backend; the first word is the number of threads. Inference only. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Inputs } from "../problems.ts";
import type { Solution } from "../solver.ts";
import { convModel, matmulModel, stackInt8Model, stackModel } from "./onnxModels.ts";
import { loadPackage, PACKAGES } from "./packages.ts";
import { serve } from "./serve.ts";

interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: object, options: object): Promise<Readonly<Record<string, { readonly data: Float32Array }>>>;
  release(): Promise<void>;
}
interface Runtime {
  readonly env: { readonly wasm: { numThreads: number } };
  readonly Tensor: new (dtype: "float32", data: Float32Array, dims: readonly number[]) => object;
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
}

const ort = await loadPackage<Runtime>("onnxruntime-web");
ort.env.wasm.numThreads = Number(process.argv[2] ?? 1);

/** A session and its feeds: the named inputs of the file, in their order. */
async function solution(model: Uint8Array, inputs: Inputs, names: readonly string[]): Promise<Solution> {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
    logSeverityLevel: 4,
  });
  const feeds = Object.fromEntries(
    session.inputNames.map((name, i) => {
      const { data, shape } = inputs[names[i]!]!;
      return [name, new ort.Tensor("float32", data as Float32Array, shape)];
    }),
  );
  return {
    run: () => session.run(feeds, { logSeverityLevel: 4 }),
    async outputs() {
      const results = await session.run(feeds, { logSeverityLevel: 4 });
      return session.outputNames.map((name) => results[name]!.data);
    },
    release: () => void session.release(),
  };
}

const inference = (): string => "runs inference only";

await serve(PACKAGES["onnxruntime-web"], {
  convGrad: inference,
  train: inference,
  matmul: (spec, inputs) => solution(matmulModel(spec), inputs, ["a", "b"]),
  conv: (spec, inputs) => solution(convModel(spec, inputs), inputs, ["x"]),
  stack: (spec, inputs) => solution(stackModel(spec, inputs), inputs, ["x"]),
  stackInt8: (spec, inputs) =>
    spec.weightBits === 8 ? solution(stackInt8Model(spec, inputs), inputs, ["x"]) : "4-bit weights are not measured here",
  model({ file }, inputs) {
    const data = process.env.INLIERQ_DATA;
    return data ? solution(readFileSync(join(data, "models", file)), inputs, ["x"]) : "INLIERQ_DATA is not set";
  },
});
