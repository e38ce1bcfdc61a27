import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { InlierqError } from "../../src/errors.ts";
import { importOnnx } from "../../src/onnx/index.ts";

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
