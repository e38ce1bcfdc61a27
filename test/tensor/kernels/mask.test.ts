import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AnyOp, equal, greater, greaterEqual, less, lessEqual, Rng, Tensor, tensor, where } from "../../../src/tensor/index.ts";
import { expectParity, sameWhereSupported } from "./parity.ts";

const rng = new Rng("mask");
const few = [-1, -0, 0, 0.5, Number.NaN, Infinity, -Infinity, 2 ** -149];
const values = (size: number, shape: readonly number[] = [size]): Tensor =>
  new Tensor(
    shape,
    "f32",
    Float32Array.from({ length: size }, () => rng.oneOf(few)),
  );
const mask = (size: number): Tensor =>
  new Tensor(
    [size],
    "u8",
    Uint8Array.from({ length: size }, () => rng.oneOf([0, 0, 1, 2, 128, 255])),
  );
const sizes = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constantFrom(4096, 65_537, 70_002));

describe("masks have the bits of the reference", () => {
  const comparisons: readonly { readonly def: AnyOp }[] = [greater, greaterEqual, less, lessEqual, equal];
  test.for(comparisons.map((op) => [op.def.name, op.def] as const))("%s, also with one value on a side", ([, def]) => {
    fc.assert(
      fc.property(sizes, fc.boolean(), fc.boolean(), (size, left, right) => {
        expectParity(def, [values(left ? size : 1), values(right || !left ? size : 1)], {});
      }),
    );
  });

  test("where takes any byte that is not 0 for true", () => {
    fc.assert(
      fc.property(sizes, fc.boolean(), fc.boolean(), (size, left, right) => {
        expectParity(where.def, [mask(size), values(left ? size : 1), values(right ? size : 1)], {});
      }),
    );
  });

  test("other broadcasts and dtypes are left to the plain loops", () => {
    expect(sameWhereSupported(greater.def, [values(6, [2, 3]), values(3)], {})).toBe(false);
    expect(sameWhereSupported(where.def, [mask(1), values(3), values(3)], {})).toBe(false);
    expect(sameWhereSupported(less.def, [tensor([1, 2], [2], "f64"), tensor([2, 1], [2], "f64")], {})).toBe(false);
  });
});
