import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { InlierqError } from "../../src/errors.ts";
import { importOnnx } from "../../src/onnx/index.ts";
import { DataType } from "../../src/onnx/protobuf.ts";
import { tensor } from "../../src/tensor/index.ts";
import { file, floats, node } from "./build.ts";

const folder = join(import.meta.dirname, "../golden/e2e");

/** Reading either works or ends in one line that begins with the file's name. */
function readsOrRefuses(bytes: Uint8Array): void {
  try {
    importOnnx(bytes, { name: "hostile.onnx" });
  } catch (error) {
    if (!(error instanceof InlierqError)) throw error;
    expect(error.message).toMatch(/^hostile\.onnx: [^\n]*$/u);
  }
}

for (const name of ["model.onnx", "model_qdq.onnx"]) {
  const valid = Uint8Array.from(readFileSync(join(folder, name)));

  test(`${name} cut anywhere is refused or read, never crashes`, () => {
    fc.assert(fc.property(fc.nat({ max: valid.length - 1 }), (length) => readsOrRefuses(valid.slice(0, length))));
  });

  test(`${name} with bytes changed is refused or read, never crashes`, () => {
    const change = fc.tuple(fc.nat({ max: valid.length - 1 }), fc.nat({ max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 20 }), (changes) => {
        const bytes = valid.slice();
        for (const [at, value] of changes) bytes[at] = value;
        readsOrRefuses(bytes);
      }),
    );
  });
}

/** ONNX writes "" for an input or output that is not there; nothing that is there may bear that name. */
const UNNAMED: readonly (readonly [string, Parameters<typeof file>[0]])[] = [
  ["a graph output", { input: [1, 2], nodes: [node("Relu", ["x"], [""])], outputs: [""] }],
  ["a graph input", { input: [1, 2], others: [{ name: "", shape: [1, 2], type: DataType.FLOAT }], nodes: [node("Add", ["x", ""], ["y"])] }],
  ["an initializer", { input: [1, 2], nodes: [node("Add", ["x", ""], ["y"])], initializers: [floats("", tensor([1, 2], [1, 2]))] }],
  ["a tensor that is read", { input: [1, 2], nodes: [node("Relu", ["x"], [""]), node("Neg", [""], ["y"])] }],
];

test.each(UNNAMED)("the empty name of %s is refused in one line", (_, parts) => {
  expect(() => importOnnx(file(parts), { name: "hostile.onnx" })).toThrow(/^hostile\.onnx: [^\n]*$/u);
});
