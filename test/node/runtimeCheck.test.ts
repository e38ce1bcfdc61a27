import fs from "node:fs";
import { afterEach, expect, it, vi } from "vitest";
import { openInRuntime, RuntimeError } from "../../src/node/index.ts";
import { DataType } from "../../src/onnx/protobuf.ts";
import { tensor } from "../../src/tensor/index.ts";
import { file, floats, longs, node } from "../onnx/build.ts";

/** What the runtime would print: its writes fail where they meet a full pipe. */
const printed = vi.spyOn(fs, "writeSync").mockImplementation(() => 0);
afterEach(() => printed.mockClear());

it("prints none of the runtime's warnings: a weight that is an input too earns one", async () => {
  const weight = floats("w", tensor([1, 2]));
  const others = [{ name: "w", shape: [2], type: DataType.FLOAT }];
  const foreign = await openInRuntime(file({ input: [2], nodes: [node("Add", ["x", "w"], ["y"])], initializers: [weight], others }));
  expect((await foreign?.run(tensor([3, 4])))?.y.data).toEqual(Float32Array.of(4, 6));
  await foreign?.close();
  expect(printed).not.toHaveBeenCalled();
});

it("throws what the runtime says of a run that fails, and prints nothing", async () => {
  const shape = longs("shape", [3]);
  const foreign = await openInRuntime(file({ input: ["n"], nodes: [node("Reshape", ["x", "shape"], ["y"])], initializers: [shape] }));
  await expect(foreign?.run(tensor([1, 2]))).rejects.toThrow(RuntimeError);
  await foreign?.close();
  expect(printed).not.toHaveBeenCalled();
});

it("throws what the runtime says of a file it refuses, and prints nothing", async () => {
  await expect(openInRuntime(file({ input: [2], nodes: [node("NoSuchOperator", ["x"], ["y"])] }))).rejects.toThrow(RuntimeError);
  expect(printed).not.toHaveBeenCalled();
});
