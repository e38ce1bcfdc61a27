import fc from "fast-check";
import { expect, test } from "vitest";
import { startThreads } from "../../../src/node/index.ts";
import { Tensor, topk, withKernels } from "../../../src/tensor/index.ts";
import { runs } from "../../runs.ts";
import { expectParity } from "./parity.ts";

/** Few values, so that ties are common, and all that order in a special way. */
const value = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(-Infinity, -2, -1e-45, -0, 0, 1e-45, 1, 2, Infinity, Number.NaN) },
  { weight: 1, arbitrary: fc.float() },
);

const call = fc
  .record({
    shape: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 40 }), fc.constantFrom(1, 3)),
    largest: fc.boolean(),
  })
  .chain(({ shape, largest }) =>
    fc.record({
      values: fc.array(value, { minLength: shape[0] * shape[1] * shape[2], maxLength: shape[0] * shape[1] * shape[2] }),
      k: fc.integer({ min: 1, max: shape[1] }),
      shape: fc.constant(shape),
      largest: fc.constant(largest),
    }),
  );

test("law: ties, zeros of both signs and NaN are ordered as in the reference", () => {
  fc.assert(
    fc.property(call, ({ shape, values, k, largest }) => {
      const x = new Tensor(shape, "f32", Float32Array.from(values));
      expectParity(topk.def, [x], { k, dim: 1, largest });
    }),
    { numRuns: runs(200) },
  );
});

test("long rows in any order, on two threads as on one", () => {
  const rows = 20;
  const length = 4000;
  const orders = [(i: number) => i, (i: number) => -i, (i: number) => Math.sin(i * i), (i: number) => Math.floor(i / 100) % 7];
  const data = Float32Array.from({ length: rows * length }, (_, i) => orders[Math.floor(i / length) % 4](i % length));
  const x = new Tensor([rows, length], "f32", data);
  const reference = withKernels("reference", () => topk(x, { k: 100 }));
  const pool = startThreads(2, { least: 0 });
  try {
    expect(topk(x, { k: 100 })).toEqual(reference);
  } finally {
    pool?.close();
    startThreads(1);
  }
  expect(topk(x, { k: 100 })).toEqual(reference);
});
