import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { compile } from "../../../src/autograd/index.ts";
import { startThreads } from "../../../src/node/index.ts";
import { concat, expand, interpolate, pad, permute, slice, sliceInputGrad, Tensor, withKernels } from "../../../src/tensor/index.ts";
import { runs } from "../../runs.ts";

/** Axes that are shorter than a vector, that end within one, and that make several strips and tasks. */
const size = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 9 }) }, { weight: 1, arbitrary: fc.constantFrom(31, 130, 259) });
const shape = fc.array(size, { minLength: 1, maxLength: 5 }).filter((dims) => dims.reduce((n, d) => n * d, 1) < 300_000);
const dtype = fc.constantFrom("f32" as const, "i32" as const, "u8" as const);

/** No two elements that are near each other are equal, and many are -0. */
function numbered(dims: readonly number[], type: "f32" | "i32" | "u8"): Tensor {
  const count = dims.reduce((n, d) => n * d, 1);
  const data = new { f32: Float32Array, i32: Int32Array, u8: Uint8Array }[type](count);
  for (let i = 0; i < count; i++) data[i] = i % 5 === 4 ? -0 : (i * 37) % 65_521;
  return new Tensor(dims, type, data);
}

const bytes = ({ data }: Tensor): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** A replay has the bytes that the reference moves, on one thread and on two. */
function expectMoved(f: (x: Tensor) => Tensor, x: Tensor): void {
  const want = withKernels("reference", () => f(x));
  const found = compile(f)(x);
  expect(found.shape).toEqual(want.shape);
  expect(bytes(found).equals(bytes(want))).toBe(true);
}

const law = <T>(more: fc.Arbitrary<T>, f: (x: Tensor, drawn: T) => Tensor): void =>
  fc.assert(
    fc.property(shape, dtype, more, (dims, type, drawn) => expectMoved((x) => f(x, drawn), numbered(dims, type))),
    { numRuns: runs(60) },
  );

describe.each([1, 2])("copies inside a replay, %i threads", (threads) => {
  const pool = startThreads(threads, { least: 0 });
  afterAll(() => {
    pool?.close();
    startThreads(1);
  });

  test("any order of the axes", () => {
    law(fc.array(fc.nat(), { minLength: 5, maxLength: 5 }), (x, keys) => {
      const perm = x.shape.map((_, d) => d).sort((a, b) => (keys[a] as number) - (keys[b] as number) || a - b);
      return permute(x, { perm });
    });
  });

  test("every n-th element, and back", () => {
    law(fc.tuple(fc.nat(4), fc.nat(3), fc.integer({ min: 1, max: 3 })), (x, [axis, start, step]) => {
      const dim = axis % x.shape.length;
      const cut = slice(x, { dim, start, step });
      const length = x.shape[dim] as number;
      return sliceInputGrad(cut, { dim, start: Math.min(start, length), end: length, step, length });
    });
  });

  test("one behind the other", () => {
    law(fc.tuple(fc.nat(4), fc.nat(9)), (x, [axis, end]) => {
      const dim = axis % x.shape.length;
      return concat([x, slice(x, { dim, end }), x], { dim });
    });
  });

  test("with a border", () => {
    law(fc.tuple(fc.nat(2), fc.nat(5), fc.constantFrom(0, -0, 3)), (x, [before, after, value]) =>
      pad(x, { pads: [before, after], mode: "constant", value }),
    );
  });

  test("repeated", () => {
    law(fc.nat(4), (x, axis) => {
      const dim = axis % x.shape.length;
      return expand(slice(x, { dim, end: 1 }), { shape: x.shape });
    });
  });
});

test("a large image doubled has the values of the reference", () => {
  expectMoved((x) => interpolate(x, { size: [104, 66], coordinate: "asymmetric", rounding: "floor" }), numbered([1, 20, 52, 33], "f32"));
});
