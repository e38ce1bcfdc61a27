import { type Arena, FunctionBuilder, f32x4, i32, instantiate, load, op } from "../../wasm/index.ts";
import type { MaxPool2dAttrs } from "../ops/maxPool2d.ts";
import { sizeOf } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { writeTable } from "./gemm.ts";
import type { FastKernel } from "./index.ts";
import { columnOffset, layoutOf, padPlanes } from "./plane.ts";
import { floats, stage, staged } from "./staging.ts";

/** maxima(input, rowStep, rows, columns, taps, count, output): the largest of all taps, rows written in whole vectors. */
function emitMaxima(): FunctionBuilder {
  const f = new FunctionBuilder(
    "maxima",
    Array.from({ length: 7 }, () => "i32" as const),
  );
  const [input, rowStep, rows, columns, taps, count, output] = f.pointers;
  const [y, x, from, to, tap] = f.locals("i32", 5);
  const best = f.local("v128");
  const end = f.let(op("i32.add", taps!, op("i32.mul", count!, i32(4))));
  f.for(y!, rows!, 1, () => {
    f.set(from!, input!);
    f.set(to!, output!);
    f.for(x!, columns!, 4, () => {
      f.set(best, f32x4(-Infinity));
      f.set(tap!, taps!);
      f.while(op("i32.lt_u", tap!, end), () => {
        f.set(best, op("f32x4.max", best, load("v128.load", op("i32.add", from!, load("i32.load", tap!)))));
        f.bump(tap!, 4);
      });
      f.store("v128.store", to!, best);
      f.bump(from!, 16);
      f.bump(to!, 16);
    });
    f.bump(input!, rowStep!);
    f.bump(output!, op("i32.mul", columns!, i32(4)));
  });
  return f;
}

/** Rows, then columns: a window of k x k costs 2 k comparisons. */
function pool(arena: Arena, x: Float32Array, shape: readonly number[], attrs: MaxPool2dAttrs, out: readonly number[]): Float32Array {
  const { maxima } = instantiate("maxPool2d", () => [emitMaxima()], arena);
  const [height, width] = [shape[2]!, shape[3]!];
  const [oh, ow] = [out[2]!, out[3]!];
  const { kernel, stride, padding, dilation } = attrs;
  // A ceiled output may look further than the stated padding; the fill lies there as well.
  const reach = (axis: 0 | 1, count: number, size: number) =>
    Math.max(padding[2 * axis + 1]!, (count - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1 - size - padding[2 * axis]!);
  const layout = layoutOf(height, width, [padding[0], reach(0, oh, height), padding[2], reach(1, ow, width)], stride[1]);
  const planes = shape[0]! * shape[1]!;
  const raw = stage(arena, x);
  const padded = arena.allocate(4 * layout.size);
  const between = arena.allocate(4 * layout.height * ow);
  const output = arena.allocate(4 * planes * oh * ow);
  const across = writeTable(arena, kernel[1], (t) => 4 * columnOffset(layout, t * dilation[1]));
  const down = writeTable(arena, kernel[0], (t) => 4 * t * dilation[0] * ow);
  for (let p = 0; p < planes; p++) {
    padPlanes(arena, raw + 4 * p * height * width, 1, height, width, layout, padded, -Infinity);
    maxima!(padded, 4 * layout.row, layout.height, ow, across, kernel[1], between);
    maxima!(between, 4 * stride[0] * ow, oh, ow, down, kernel[0], output + 4 * p * oh * ow);
  }
  return arena.read(output, planes * oh * ow);
}

/** Separable maximum over windows; padding is -Infinity and NaN wins, as in the reference. */
export const maxPool2d: FastKernel = {
  run(inputs, attrs, [meta]) {
    const x = floats(inputs)?.[0];
    if (!x || sizeOf(meta!.shape) === 0 || x.length === 0) return undefined;
    return staged((arena) => [new Tensor(meta!.shape, "f32", pool(arena, x, inputs[0]!.shape, attrs as MaxPool2dAttrs, meta!.shape))]);
  },
  bound: () => "exact",
};
