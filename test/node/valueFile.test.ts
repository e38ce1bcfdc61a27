import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeValue, encodeValue, type Value } from "../../src/node/valueFile.ts";
import { Tensor } from "../../src/tensor/index.ts";
import { runs } from "../runs.ts";

const tensor = fc.array(fc.double()).map((values) => new Tensor([values.length], "f64", Float64Array.from(values)));

const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    tensor,
    fc.array(tie("value")),
    fc.dictionary(fc.string(), tie("value")),
    fc.array(fc.tuple(fc.string(), tie("value"))).map((entries) => new Map(entries)),
  ),
}));

it("a value comes back from its file with its bits", () => {
  fc.assert(
    fc.property(value, (v) => {
      const back = decodeValue(encodeValue(v), "file");
      expect(back).toEqual(v);
      expect(encodeValue(back)).toEqual(encodeValue(v));
    }),
    { numRuns: runs(100) },
  );
});

it("refuses other files", () => {
  expect(() => decodeValue(new Uint8Array(3), "file")).toThrow("readSafetensors: file must begin");
});
