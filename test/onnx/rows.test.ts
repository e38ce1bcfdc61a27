import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Graph } from "../../src/graph/index.ts";
import { exportRows } from "../../src/onnx/export/rows.ts";
import { exportOnnx, importOnnx } from "../../src/onnx/index.ts";
import { type AnyOp, bind, type Call, fakeQuant, sameShape, type Tensor } from "../../src/tensor/index.ts";
import { drawWith } from "../laws/draw.ts";
import { gap, runInRuntime } from "./runtime.ts";

/** One op as a graph: its first float input is the graph's, the others are parameters. */
function graphOf(def: AnyOp, { inputs, attrs }: Call<unknown>): Graph {
  const names = inputs.map((_, i) => (i === 0 ? "x" : `p${i}`));
  const outputs = def.infer(inputs, attrs).slice(0, 1);
  return new Graph({
    name: "one",
    inputs: [{ name: "x", shape: inputs[0].shape, dtype: "f32" }],
    outputs: outputs.map((meta) => ({ name: "y", ...meta })),
    nodes: [{ name: "node", op: def, attrs, inputs: names, outputs: ["y"] }],
    parameters: new Map(inputs.slice(1).map((p, i) => [names[i + 1], p])),
  });
}

/** Random calls of an op that a file can hold: nothing empty. */
function samples(def: AnyOp): Call<unknown>[] {
  const calls: Call<unknown>[] = [];
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const call = def.sample(drawWith(g, "f32"));
      if (call.inputs.every((x) => x.size > 0)) calls.push(call);
    }),
    { numRuns: 4 },
  );
  return calls;
}

/** What no ONNX operator of opset 13 does: wrapping pads, averages that count the padding ceil mode adds. */
const exportable = ({ name }: AnyOp, { attrs }: Call<unknown>): boolean => {
  const { mode, ceilMode, countIncludePad } = attrs as { mode?: string; ceilMode?: boolean; countIncludePad?: boolean };
  return !(name === "pad" && mode === "circular") && !(name === "avgPool2d" && ceilMode && countIncludePad);
};

describe("every exported op", () => {
  for (const def of [...exportRows.keys(), fakeQuant.def]) {
    test(`${def.name} means the same to the runtime, and reads back as itself`, async () => {
      for (const call of samples(def)) {
        if (!exportable(def, call)) continue;
        const graph = graphOf(def, call);
        const ours = bind(def, call.inputs, call.attrs)[0];
        const bytes = exportOnnx(graph);
        const theirs = (await runInRuntime(bytes, { x: call.inputs[0] }, "disabled")).y;
        expect(sameShape(theirs.shape, ours.shape), `${theirs.shape} against ${ours.shape}`).toBe(true);
        expect(gap(theirs, ours)).toBeLessThan(2e-6);
        const again = readBack(bytes, call.inputs[0]);
        if (again) expect(gap(again, ours)).toBeLessThan(2e-6);
      }
    });
  }
});

/** The file as our importer reads it; undefined for operators that only the exporter knows. */
function readBack(bytes: Uint8Array, x: Tensor): Tensor | undefined {
  try {
    return importOnnx(bytes).forward(x).y;
  } catch (error) {
    if (error instanceof Error && error.message.includes("every operator must be supported")) return undefined;
    throw error;
  }
}
