import type { IndexAttrs } from "../ops/gather.ts";
import { splitAt } from "../shape.ts";
import type { Data } from "../tensor.ts";
import type { FastKernel } from "./index.ts";
import { allFloat, countOf, floatsOf } from "./placement.ts";

/** Whether every index names one of `length` positions. */
export function allBelow(indices: Data, length: number): boolean {
  let inside = true;
  for (let i = 0; i < indices.length; i++) inside = inside && indices[i] >= 0 && indices[i] < length;
  return inside;
}

/** Adds one block of entries to the rows they name. */
function addEntries(sums: Float64Array, inner: number, entries: number, rows: Data, from: Float32Array, first: number): void {
  if (inner === 1) {
    for (let i = first; i < first + entries; i++) sums[rows[i]] += from[i];
    return;
  }
  for (let k = 0, i = first; k < entries; k++) {
    for (let j = 0; j < inner; j++, i++) sums[rows[i] * inner + j] += from[i];
  }
}

/** Adds in double and in the order of the reference. */
export const scatterAdd: FastKernel = {
  place({ inputs, outputs: [y], attrs }) {
    const [x, index, source] = inputs;
    const { dim } = attrs as IndexAttrs;
    const agree = x.shape.length === index.shape.length && x.shape.every((d, i) => i === dim || d === index.shape[i]);
    if (!allFloat([x, source]) || !agree || countOf(index) === 0) return undefined;
    const [outer, length, inner] = splitAt(x.shape, dim);
    const entries = index.shape[dim];
    const sums = new Float64Array(length * inner);
    const [start, from, rows, to] = [floatsOf(x), floatsOf(source), index.data, floatsOf(y)];
    return () => {
      for (let o = 0; o < outer; o++) {
        sums.set(start.subarray(o * sums.length, (o + 1) * sums.length));
        addEntries(sums, inner, entries, rows, from, o * entries * inner);
        to.set(sums, o * sums.length);
      }
    };
  },
  // An index outside the axis is the reference's to report.
  accepts: ([x, index], attrs) => allBelow(index.data, x.shape[(attrs as IndexAttrs).dim]),
  bound: () => "exact",
};
