import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { drawFrom, Rng, randn, Tensor, tensor } from "../../../src/tensor/index.ts";
import { kernels } from "../../../src/tensor/kernels/index.ts";
import { runOnce } from "../../../src/tensor/kernels/placement.ts";
import type { AnyOp } from "../../../src/tensor/op.ts";
import { avgPool2d, avgPool2dInputGrad } from "../../../src/tensor/ops/avgPool2d.ts";
import * as compare from "../../../src/tensor/ops/compare.ts";
import { expand } from "../../../src/tensor/ops/expand.ts";
import { indexSelect, scatterAdd } from "../../../src/tensor/ops/gather.ts";
import { interpolate, interpolateInputGrad } from "../../../src/tensor/ops/interpolate.ts";
import { maxPool2d, maxPool2dIndices } from "../../../src/tensor/ops/maxPool2d.ts";
import { type PadAttrs, pad, padInputGrad } from "../../../src/tensor/ops/pad.ts";
import { permute } from "../../../src/tensor/ops/permute.ts";
import { amax, amin, mean, sum } from "../../../src/tensor/ops/reduce.ts";
import { slice, sliceInputGrad } from "../../../src/tensor/ops/slice.ts";
import { where } from "../../../src/tensor/ops/where.ts";
import { runs } from "../../runs.ts";
import { expectParity, sameWhereSupported } from "./parity.ts";

const rng = new Rng(11);

describe("kernels that move, pick or fold values give the bits of the reference", () => {
  const ops: readonly { readonly def: AnyOp }[] = [
    ...[slice, sliceInputGrad, permute, expand, scatterAdd, maxPool2d, maxPool2dIndices, avgPool2d, avgPool2dInputGrad],
    ...[sum, mean, amax, amin, where, ...Object.values(compare)],
  ];
  test.each(ops.map((op) => [op.def.name, op.def] as const))("%s on its own samples", (_, def) => {
    let supported = 0;
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const { inputs, attrs } = def.sample(drawFrom(new Rng(seed)));
        if (sameWhereSupported(def, inputs, attrs)) supported++;
      }),
      { numRuns: runs(60) },
    );
    expect(supported).toBeGreaterThan(0);
  });

  const small = fc.integer({ min: 1, max: 4 });
  const shape = fc.tuple(small, small, small, small);
  test("upsampling by powers of two, and its gradient", () => {
    const factor = fc.constantFrom(1, 2, 4, 8);
    fc.assert(
      fc.property(shape, factor, factor, fc.integer(), ([n, c, h, w], down, across, seed) => {
        const drawn = new Rng(seed);
        const size = [h * down, w * across];
        const attrs = { size, step: [1 / down, 1 / across], mode: "nearest", coordinate: "asymmetric", rounding: "floor" };
        expectParity(interpolate.def, [randn([n, c, h, w], drawn)], attrs);
        expectParity(interpolateInputGrad.def, [randn([n, c, ...size], drawn)], { ...attrs, inputSize: [h, w] });
      }),
      { numRuns: runs(60) },
    );
  });

  test("padding that adds, and its gradient", () => {
    const pads = fc.array(fc.nat(3), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(shape, pads, fc.constantFrom(0, -0, 114), fc.integer(), (inputShape, amounts, value, seed) => {
        const x = randn(inputShape, new Rng(seed));
        const attrs = { pads: amounts, mode: "constant", value };
        expectParity(pad.def, [x], attrs);
        expectParity(padInputGrad.def, [randn(pad.def.infer([x], attrs as PadAttrs)[0]!.shape, new Rng(seed))], { ...attrs, inputShape });
      }),
      { numRuns: runs(60) },
    );
  });

  test("long rows by index", () => {
    fc.assert(
      fc.property(
        small,
        small,
        fc.integer({ min: 24, max: 40 }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 6 }),
        (outer, length, inner, picks) => {
          const index = tensor(
            picks.map((k) => k % length),
            undefined,
            "i32",
          );
          expectParity(indexSelect.def, [randn([outer, length, inner], rng), index], { dim: 1 });
        },
      ),
      { numRuns: runs(60) },
    );
  });

  const image = randn([2, 3, 26, 30], rng);
  const resize = { size: [52, 120], step: [1 / 2, 1 / 4], mode: "nearest", coordinate: "asymmetric", rounding: "floor" };
  const window = { kernel: [5, 13], stride: [1, 2], padding: [2, 2, 6, 6], dilation: [1, 1], ceilMode: true };
  const calls: readonly (readonly [string, AnyOp, readonly Tensor[], unknown])[] = [
    ["slice with a step inside", slice.def, [image], { dim: 3, start: 1, end: 30, step: 2 }],
    ["slice with a step outside", slice.def, [image], { dim: 2, start: 0, end: 26, step: 2 }],
    ["the gradient of slice", sliceInputGrad.def, [image], { dim: 2, start: 1, end: 53, step: 2, length: 60 }],
    ["long rows permuted", permute.def, [image], { perm: [1, 0, 2, 3] }],
    ["a transpose", permute.def, [image], { perm: [0, 2, 3, 1] }],
    ["expansion of rows", expand.def, [randn([3, 1, 30], rng)], { shape: [2, 3, 26, 30] }],
    ["padding by a value", pad.def, [image], { pads: [1, 2, 0, 3], mode: "constant", value: 114 }],
    [
      "the gradient of padding",
      padInputGrad.def,
      [image],
      { pads: [1, 2, 0, 3], mode: "constant", value: 114, inputShape: [2, 3, 23, 27] },
    ],
    ["upsampling", interpolate.def, [image], resize],
    ["the gradient of upsampling", interpolateInputGrad.def, [randn([2, 3, 52, 120], rng)], { ...resize, inputSize: [26, 30] }],
    ["wide pooling", maxPool2d.def, [image], window],
    ["indices of wide pooling", maxPool2dIndices.def, [image], window],
    ["rows by index", indexSelect.def, [image, tensor([5, 0, 25], undefined, "i32")], { dim: 2 }],
    ["sums per channel", sum.def, [image], { dim: [0, 2, 3], keepdim: true }],
    ["sums over channels", sum.def, [image], { dim: [1], keepdim: false }],
    ["where against a number", where.def, [compare.greater(image, 0), image, tensor([0], [])], {}],
  ];
  test.each(calls)("%s", (_, def, inputs, attrs) => expectParity(def, inputs, attrs));

  test("NaN wins a pooling window and infinite padding never does", () => {
    const x = new Tensor([1, 1, 3, 3], "f32", Float32Array.of(1, Number.NaN, 3, -Infinity, 5, Number.NaN, 7, -Infinity, -Infinity));
    const attrs = { kernel: [2, 2], stride: [1, 1], padding: [1, 1, 1, 1], dilation: [1, 1], ceilMode: false };
    expectParity(maxPool2d.def, [x], attrs);
    expectParity(maxPool2dIndices.def, [x], attrs);
  });

  test("an index outside the axis is left to the reference to report", () => {
    const index = tensor([26], undefined, "i32");
    expect(runOnce(kernels.indexSelect!, [image, index], { dim: 2 }, [{ shape: [2, 3, 1, 30], dtype: "f32" }])).toBeUndefined();
  });
});
