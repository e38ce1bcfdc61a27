import type { IndexAttrs } from "../ops/gather.ts";
import { splitAt } from "../shape.ts";
import type { FastKernel } from "./index.ts";
import { allFloat, countOf } from "./placement.ts";

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
