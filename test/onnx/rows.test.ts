import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Graph } from "../../src/graph/index.ts";
import { exportRows } from "../../src/onnx/export/rows.ts";
import { exportOnnx, importOnnx } from "../../src/onnx/index.ts";
import { type AnyOp, bind, type Call, fakeQuant } from "../../src/tensor/index.ts";
import { drawWith } from "../laws/draw.ts";
import { runs } from "../runs.ts";
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

/** Random calls of an op that a file can hold: nothing empty, nothing that no ONNX operator does. */
function samples(def: AnyOp): Call<unknown>[] {
  const calls: Call<unknown>[] = [];
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const call = def.sample(drawWith(g, "f32"));
      if (call.inputs.every((x) => x.size > 0) && exportable(def, call)) calls.push(call);
    }),
    { numRuns: runs(4) },
  );
  return calls;
}

/** What no ONNX operator of opset 13 does: wrapping pads, averages that count the padding ceil mode adds. */
const exportable = ({ name }: AnyOp, { attrs }: Call<unknown>): boolean => {
  const { mode, ceilMode, countIncludePad } = attrs as { mode?: string; ceilMode?: boolean; countIncludePad?: boolean };
  return !(name === "pad" && mode === "circular") && !(name === "avgPool2d" && ceilMode && countIncludePad);
};

/** Ops whose operators the importer does not read. */
const ONLY_EXPORTED: readonly string[] = ["ceil", "round", "sign", "sin", "cos", "gather", "logSumExp", "logSoftmax"];

describe("every exported op", () => {
  for (const def of [...exportRows.keys(), fakeQuant.def]) {
    const readable = !ONLY_EXPORTED.includes(def.name);
    test(`${def.name} means the same to the runtime${readable ? ", and reads back as itself" : ""}`, async () => {
      const calls = samples(def);
      expect(calls.length).toBeGreaterThan(0);
      for (const call of calls) {
        const [x] = call.inputs;
        const ours = bind(def, call.inputs, call.attrs)[0];
        const bytes = exportOnnx(graphOf(def, call));
        const theirs = (await runInRuntime(bytes, { x }, "disabled")).y;
        expect(gap(theirs, ours)).toBeLessThan(2e-6);
        if (readable) expect(gap(importOnnx(bytes).forward(x).y, ours)).toBeLessThan(2e-6);
      }
    });
  }
});
