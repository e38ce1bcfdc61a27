import type { IndexAttrs } from "../ops/gather.ts";
import type { MaxPool2dAttrs } from "../ops/maxPool2d.ts";
import { splitAt } from "../shape.ts";
import type { FastKernel } from "./index.ts";
import { allFloat, countOf, floatsOf } from "./placement.ts";

/** Adds in double and in the order of the reference. */
export const scatterAdd: FastKernel = {
  place({ inputs, outputs: [y], attrs }) {
    const [x, index, source] = inputs;
    const { dim } = attrs as IndexAttrs;
    const agree = x.shape.length === index.shape.length && x.shape.every((d, i) => i === dim || d === index.shape[i]);
    if (!allFloat([x, source]) || !agree || countOf(index) === 0) return undefined;
    const [outer, length, inner] = splitAt(x.shape, dim);
    const entries = index.shape[dim];
    const sums = new Float64Array(countOf(x));
    const [start, from, rows, to] = [x.data, source.data, index.data, y.data];
    return () => {
      sums.set(start);
      for (let o = 0, i = 0; o < outer; o++) {
        for (let k = 0; k < entries; k++) {
          for (let j = 0; j < inner; j++, i++) sums[(o * length + rows[i]) * inner + j] += from[i];
        }
      }
      to.set(sums);
    };
  },
  // An index outside the axis is the reference's to report.
  accepts([x, index], attrs) {
    const length = x.shape[(attrs as IndexAttrs).dim];
    return Array.prototype.every.call(index.data, (k: number) => k >= 0 && k < length);
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
  place({ inputs, outputs: [y], attrs }) {
    if (!allFloat(inputs)) return undefined;
    const [x] = inputs;
    const [batch, channels, h, w] = x.shape;
    const [oh, ow] = y.shape.slice(2);
    const [from, found] = [floatsOf(x), y.data as Int32Array];
    return () => {
      for (let p = 0; p < batch * channels; p++) {
        firstMaxima(from, p * h * w, [h, w], attrs as MaxPool2dAttrs, found, p * oh * ow, [oh, ow]);
      }
    };
  },
  bound: () => "exact",
};
