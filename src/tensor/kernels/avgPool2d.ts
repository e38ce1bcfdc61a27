import type { AvgPool2dAttrs } from "../ops/avgPool2d.ts";
import type { FastKernel, Run } from "./index.ts";
import { allFloat, countOf, floatsOf, type Placement } from "./placement.ts";

/** Windows of one axis: first and past position inside the input, and their extent within the padded input. */
interface Windows {
  readonly first: Int32Array;
  readonly past: Int32Array;
  readonly extent: Int32Array;
}

function windowsOf(axis: 0 | 1, count: number, size: number, { kernel, stride, padding }: AvgPool2dAttrs): Windows {
  const starts = Int32Array.from({ length: count }, (_, o) => o * stride[axis] - padding[2 * axis]);
  const ends = starts.map((start) => Math.min(start + kernel[axis], size + padding[2 * axis + 1]));
  return { first: starts.map((s) => Math.max(s, 0)), past: ends.map((e) => Math.min(e, size)), extent: ends.map((e, o) => e - starts[o]) };
}

/** What each window of a plane [h, w] is divided by, by output position. */
function divisorsOf(rows: Windows, columns: Windows, { countIncludePad }: AvgPool2dAttrs): Float64Array {
  const inside = ({ first, past }: Windows, o: number) => Math.max(0, past[o] - first[o]);
  const width = columns.first.length;
  return Float64Array.from({ length: rows.first.length * width }, (_, o) => {
    const [i, j] = [Math.floor(o / width), o % width];
    return countIncludePad ? rows.extent[i] * columns.extent[j] : inside(rows, i) * inside(columns, j);
  });
}

/** Means of the windows of the plane at `from`, in double and row-major, as in the reference. */
function average(
  x: Float32Array,
  from: number,
  width: number,
  rows: Windows,
  columns: Windows,
  divisors: Float64Array,
  y: Float32Array,
  to: number,
): void {
  for (let i = 0, o = 0; i < rows.first.length; i++) {
    for (let j = 0; j < columns.first.length; j++, o++) {
      let sum = 0;
      for (let r = rows.first[i]; r < rows.past[i]; r++) {
        const end = from + r * width + columns.past[j];
        for (let at = from + r * width + columns.first[j]; at < end; at++) sum += x[at];
      }
      y[to + o] = divisors[o] === 0 ? 0 : sum / divisors[o];
    }
  }
}

/** Adds the share of every output to all positions of its window. */
function spread(
  g: Float32Array,
  from: number,
  width: number,
  rows: Windows,
  columns: Windows,
  divisors: Float64Array,
  sums: Float64Array,
): void {
  for (let i = 0, o = 0; i < rows.first.length; i++) {
    for (let j = 0; j < columns.first.length; j++, o++) {
      const share = g[from + o] / divisors[o];
      for (let r = rows.first[i]; r < rows.past[i]; r++) {
        const end = r * width + columns.past[j];
        for (let at = r * width + columns.first[j]; at < end; at++) sums[at] += share;
      }
    }
  }
}

/** Places a call between planes [h, w] and their pooled planes. */
const pooling =
  (
    whole: 0 | 1,
    run: (call: Placement, planes: number, size: readonly number[], rows: Windows, columns: Windows, divisors: Float64Array) => Run,
  ) =>
  (call: Placement): Run | undefined => {
    const { inputs, outputs, attrs } = call;
    if (!allFloat(inputs) || countOf(inputs[0]) === 0 || countOf(outputs[0]) === 0) return undefined;
    const [large, small] = whole === 0 ? [inputs[0], outputs[0]] : [outputs[0], inputs[0]];
    const [batch, channels, h, w] = large.shape;
    const rows = windowsOf(0, small.shape[2], h, attrs as AvgPool2dAttrs);
    const columns = windowsOf(1, small.shape[3], w, attrs as AvgPool2dAttrs);
    return run(call, batch * channels, [h, w], rows, columns, divisorsOf(rows, columns, attrs as AvgPool2dAttrs));
  };

/** Means over windows, with the double sums of the reference. */
export const avgPool2d: FastKernel = {
  place: pooling(0, ({ inputs: [x], outputs: [y] }, planes, [h, w], rows, columns, divisors) => {
    const [from, to] = [floatsOf(x), floatsOf(y)];
    return () => {
      for (let p = 0; p < planes; p++) average(from, p * h * w, w, rows, columns, divisors, to, p * divisors.length);
    };
  }),
  bound: () => "exact",
};

export const avgPool2dInputGrad: FastKernel = {
  place: pooling(1, ({ inputs: [g], outputs: [y] }, planes, [h, w], rows, columns, divisors) => {
    const [from, to] = [floatsOf(g), floatsOf(y)];
    const sums = new Float64Array(h * w);
    return () => {
      for (let p = 0; p < planes; p++) {
        sums.fill(0);
        spread(from, p * divisors.length, w, rows, columns, divisors, sums);
        to.set(sums, p * h * w);
      }
    };
  }),
  bound: () => "exact",
};
