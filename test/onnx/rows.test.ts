import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Graph } from "../../src/graph/index.ts";
import { exportRows } from "../../src/onnx/export/rows.ts";
import { exportOnnx, importOnnx } from "../../src/onnx/index.ts";
import { type AnyOp, bind, type Call, fakeQuant, type Tensor } from "../../src/tensor/index.ts";
import { drawWith } from "../laws/draw.ts";
import { runs } from "../runs.ts";
import { gap, runInRuntime } from "./runtime.ts";

const freeInput = (inputs: readonly Tensor[]): number => inputs.findIndex((x) => x.dtype === "f32");

/** One op as a graph: its first float input is the graph's, the others are parameters. */
function graphOf(def: AnyOp, { inputs, attrs }: Call<unknown>): Graph {
  const free = freeInput(inputs);
  const names = inputs.map((_, i) => (i === free ? "x" : `p${i}`));
  const outputs = def.infer(inputs, attrs).slice(0, 1);
  return new Graph({
    name: "one",
    inputs: [{ name: "x", shape: inputs[free].shape, dtype: "f32" }],
    outputs: outputs.map((meta) => ({ name: "y", ...meta })),
    nodes: [{ name: "node", op: def, attrs, inputs: names, outputs: ["y"] }],
    parameters: new Map(inputs.flatMap((p, i) => (i === free ? [] : [[names[i], p] as const]))),
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

/**
 * What no ONNX operator of opset 13 does: wrapping pads, averages that count the padding ceil mode adds, rounding but to the
 * nearest float16.
 */
const exportable = ({ name }: AnyOp, { attrs }: Call<unknown>): boolean => {
  const { mode, ceilMode, countIncludePad } = attrs as { mode?: string; ceilMode?: boolean; countIncludePad?: boolean };
  const { format, toward } = attrs as { format?: string; toward?: string };
  if (name === "roundFloat") return format === "float16" && toward === "nearest";
  return !(name === "pad" && mode === "circular") && !(name === "avgPool2d" && ceilMode && countIncludePad);
};

describe("every exported op", () => {
  for (const def of [...exportRows.keys(), fakeQuant.def]) {
    test(`${def.name} means the same to the runtime, and reads back as itself`, async () => {
      const calls = samples(def);
      expect(calls.length).toBeGreaterThan(0);
      for (const call of calls) {
        const x = call.inputs[freeInput(call.inputs)];
        const ours = bind(def, call.inputs, call.attrs)[0];
        const bytes = exportOnnx(graphOf(def, call));
        const theirs = (await runInRuntime(bytes, { x }, "disabled")).y;
        expect(gap(theirs, ours)).toBeLessThan(2e-6);
        expect(gap(importOnnx(bytes).forward(x).y, ours)).toBeLessThan(2e-6);
      }
    });
  }
});
