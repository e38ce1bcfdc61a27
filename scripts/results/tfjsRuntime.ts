import type { Graph } from "../../src/graph/index.ts";
import type { ModelFiles } from "../../src/job/index.ts";
import type { Foreign } from "../../src/node/index.ts";
import { Tensor } from "../../src/tensor/index.ts";
import { loadTfjs, startTfjs } from "../tfjs.ts";

/** Opens a graph model in tfjs, with the input and outputs of `graph`. */
export async function openInTfjs({ bytes, parts }: ModelFiles, graph: Graph): Promise<Foreign> {
  await startTfjs();
  const model = await loadTfjs(bytes, [...parts.values()]);
  const names = graph.outputs.map((p) => p.name);
  return {
    run(x) {
      if (!(x instanceof Tensor)) throw new Error("tfjs: one input must be given, got several");
      const values = model.run(graph.inputs[0].name, x, names);
      const heads = graph.outputs.map(({ name, shape }, i) => [name, new Tensor(shape, "f32", Float32Array.from(values[i]))] as const);
      return Promise.resolve(Object.fromEntries(heads));
    },
    close() {
      model.close();
      return Promise.resolve();
    },
  };
}
