import type { IndexAttrs } from "../ops/gather.ts";
import type { MaxPool2dAttrs } from "../ops/maxPool2d.ts";
import { splitAt } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import type { FastKernel } from "./index.ts";
import { floats } from "./staging.ts";

/** [outer, length of the indexed axis in x, entries of the index along it, inner], where index and x agree elsewhere. */
function linesOf(x: Tensor, index: Tensor, dim: number): [number, number, number, number] | undefined {
  const agree = x.shape.length === index.shape.length && x.shape.every((d, i) => i === dim || d === index.shape[i]);
  const [outer, length, inner] = splitAt(x.shape, dim);
  // An index outside the axis is the reference's to report.
  const inside = agree && index.data.every((k) => k >= 0 && k < length);
  return inside ? [outer, length, index.shape[dim]!, inner] : undefined;
}

/** Adds in double and in the order of the reference. */
export const scatterAdd: FastKernel = {
  run(inputs, attrs, [meta]) {
    const [x, index, source] = inputs as [Tensor, Tensor, Tensor];
    const arrays = floats([x, source]);
    const lines = linesOf(x, index, (attrs as IndexAttrs).dim);
    if (!arrays || !lines || index.size === 0) return undefined;
    const [outer, length, entries, inner] = lines;
    const sums = Float64Array.from(arrays[0]!);
    const [from, rows] = [arrays[1]!, index.data];
    for (let o = 0, i = 0; o < outer; o++) {
      for (let k = 0; k < entries; k++) {
        for (let j = 0; j < inner; j++, i++) sums[(o * length + rows[i]!) * inner + j]! += from[i]!;
      }
    }
    return [new Tensor(meta!.shape, "f32", Float32Array.from(sums))];
  },
  bound: () => "exact",
};

/** First maxima of one plane, windows clipped to it; the last NaN of a window counts as its maximum. */
function firstMaxima(
  x: Float32Array,
  plane: number,
  [h, w]: readonly [number, number],
  attrs: MaxPool2dAttrs,
  found: Int32Array,
  at: number,
  [oh, ow]: readonly [number, number],
): void {
  const { kernel, stride, padding, dilation } = attrs;
  for (let i = 0; i < oh; i++) {
    const top = i * stride[0] - padding[0];
    for (let j = 0; j < ow; j++) {
      const left = j * stride[1] - padding[2];
      let best = -1;
      let value = 0;
      for (let r = 0, y = top; r < kernel[0]; r++, y += dilation[0]) {
        if (y < 0 || y >= h) continue;
        for (let s = 0, column = left; s < kernel[1]; s++, column += dilation[1]) {
          if (column < 0 || column >= w) continue;
          const v = x[plane + y * w + column]!;
          // Nothing is greater than a NaN, so only another NaN replaces it.
          if (best >= 0 && !(v > value) && !Number.isNaN(v)) continue;
          best = y * w + column;
          value = v;
        }
      }
      found[at + i * ow + j] = best;
    }
  }
}

/** The loops of the reference over one plane at a time. */
export const maxPool2dIndices: FastKernel = {
  run(inputs, attrs, [meta]) {
    const x = floats(inputs)?.[0];
    if (!x) return undefined;
    const [planes, h, w] = [inputs[0]!.shape[0]! * inputs[0]!.shape[1]!, inputs[0]!.shape[2]!, inputs[0]!.shape[3]!];
    const [oh, ow] = [meta!.shape[2]!, meta!.shape[3]!];
    const found = new Int32Array(planes * oh * ow);
    for (let p = 0; p < planes; p++) firstMaxima(x, p * h * w, [h, w], attrs as MaxPool2dAttrs, found, p * oh * ow, [oh, ow]);
    return [new Tensor(meta!.shape, "i32", found)];
  },
  bound: () => "exact",
};
