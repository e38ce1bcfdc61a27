import type { IndexAttrs } from "../ops/gather.ts";
import type { InterpolateAttrs } from "../ops/interpolate.ts";
import type { PadAttrs } from "../ops/pad.ts";
import type { SliceAttrs } from "../ops/slice.ts";
import { broadcastStrides, splitAt, stridesOf } from "../shape.ts";
import type { Data } from "../tensor.ts";
import { type Axis, mergeAxes, walk } from "./axes.ts";
import type { FastKernel, Run } from "./index.ts";
import { type Block, countOf } from "./placement.ts";
import { allBelow } from "./scatter.ts";
import { placeStretch } from "./stretch.ts";

/** From here on a native copy beats a loop. */
const LONG_RUN = 24;

/** y[to + i toStep] = x[from + i fromStep]; a loop of its own, so that it is compiled for the arrays it sees. */
function copyLine(x: Data, from: number, fromStep: number, y: Data, to: number, toStep: number, length: number): void {
  for (let i = 0, source = from, target = to; i < length; i++, source += fromStep, target += toStep) y[target] = x[source];
}

/** y[row-major] = x[base + strided], with axes merged so that the inner loop is as long as it can be. */
function copyStrided(x: Data, y: Data, shape: readonly number[], strides: readonly number[], base: number): void {
  const axes = mergeAxes(shape, [strides]);
  const [length, [step]] = axes[axes.length - 1] as Axis & [number, [number]];
  let to = 0;
  walk(axes.slice(0, -1), [base], ([from]) => {
    if (step === 1 && length >= LONG_RUN) y.set(x.subarray(from, from! + length), to);
    else copyLine(x, from!, step, y, to, 1, length);
    to += length;
  });
}

/** x[base + strided] = y[row-major], the reverse of `copyStrided`. */
function placeStrided(y: Data, x: Data, shape: readonly number[], strides: readonly number[], base: number): void {
  const axes = mergeAxes(shape, [strides]);
  const [length, [step]] = axes[axes.length - 1] as Axis & [number, [number]];
  let from = 0;
  walk(axes.slice(0, -1), [base], ([to]) => {
    if (step === 1 && length >= LONG_RUN) x.set(y.subarray(from, from + length), to);
    else copyLine(y, from, 1, x, to!, step, length);
    from += length;
  });
}

type Fill = (inputs: readonly Block[], attrs: unknown, y: Block) => Run | undefined;

/** A kernel that fills one output of any dtype; exact, since it moves values or adds them in the order of the reference. */
function mover(fill: Fill): FastKernel {
  return {
    place: ({ inputs, outputs: [y], attrs }) => (countOf(y) === 0 || countOf(inputs[0]) === 0 ? undefined : fill(inputs, attrs, y)),
    bound: () => "exact",
  };
}

/** Reads `x` by strides. */
function strided(x: Block, y: Block, strides: readonly number[], base = 0): Run {
  const [from, to] = [x.data, y.data];
  return () => copyStrided(from, to, y.shape, strides, base);
}

/** Writes `g` by strides over an output filled with `value`. */
function spread(g: Block, y: Block, strides: readonly number[], base: number, value = 0): Run {
  const [from, to] = [g.data, y.data];
  return () => {
    to.fill(value);
    placeStrided(from, to, g.shape, strides, base);
  };
}

/** Strides of every `step`-th element along `dim`, and the offset of the first. */
function cutOf(shape: readonly number[], { dim, start, step }: SliceAttrs): [number[], number] {
  const strides = stridesOf(shape);
  return [strides.map((s, i) => (i === dim ? s * step : s)), start * strides[dim]!];
}

const slice = mover(([x], attrs, y) => strided(x, y, ...cutOf(x.shape, attrs as SliceAttrs)));

const sliceInputGrad = mover(([g], attrs, y) => spread(g, y, ...cutOf(y.shape, attrs as SliceAttrs)));

const permute = mover(([x], attrs, y) => {
  const strides = stridesOf(x.shape);
  return strided(
    x,
    y,
    (attrs as { readonly perm: readonly number[] }).perm.map((d) => strides[d]),
  );
});

const repeat = mover(([x], _, y) => strided(x, y, broadcastStrides(x.shape, y.shape)));
const expand: FastKernel = { ...repeat, place: (call) => placeStretch(call) ?? repeat.place(call) };

/** Strides of a padded tensor and the offset of the first original element, for constant pads that only add. */
function frameOf(shape: readonly number[], { pads, mode }: PadAttrs): [readonly number[], number] | undefined {
  if (mode !== "constant" || pads.some((p) => p < 0)) return undefined;
  const strides = stridesOf(shape);
  return [strides, strides.reduce((at, stride, i) => at + stride * (pads[2 * (shape.length - 1 - i)] ?? 0), 0)];
}

/** Constant padding that adds on every side; other modes run the reference. */
const pad = mover(([x], attrs, y) => {
  const frame = frameOf(y.shape, attrs as PadAttrs);
  return frame && spread(x, y, ...frame, (attrs as PadAttrs).value);
});

const padInputGrad = mover(([g], attrs, y) => {
  const frame = frameOf(g.shape, attrs as PadAttrs);
  if (!frame) return undefined;
  const cut = strided(g, y, ...frame);
  const values = y.data;
  return () => {
    cut();
    // The reference adds to 0, which turns -0 into 0.
    for (let i = 0; i < values.length; i++) values[i] += 0;
  };
});

/** The whole factor of a nearest upsampling by a power of two, where position o reads floor(o / factor); else undefined. */
function upsampling(
  height: number,
  width: number,
  { size, step, mode, coordinate, rounding }: InterpolateAttrs,
): [number, number] | undefined {
  const factors = [size[0] / height, size[1] / width];
  const whole = factors.every((k, i) => Math.log2(k) >= 0 && Number.isInteger(Math.log2(k)) && step[i] === 1 / k);
  return whole && mode === "nearest" && coordinate === "asymmetric" && rounding === "floor" ? [factors[0]!, factors[1]!] : undefined;
}

const interpolate = mover(([x], attrs, y) => {
  const [batch, channels, height, width] = x.shape;
  const factors = upsampling(height, width, attrs as InterpolateAttrs);
  if (!factors) return undefined;
  const [fy, fx] = factors;
  const long = width * fx;
  const [from, values] = [x.data, y.data];
  return () => {
    for (let row = 0; row < batch * channels * height; row++) {
      const to = row * fy * long;
      for (let i = 0; i < width; i++) for (let j = 0; j < fx; j++) values[to + i * fx + j] = from[row * width + i];
      for (let i = 1; i < fy; i++) values.copyWithin(to + i * long, to, to + long);
    }
  };
});

/** The sum, in double and in the order of the reference, of a window of g. */
function windowSum(g: Data, at: number, pitch: number, rows: number, columns: number): number {
  let sum = 0;
  for (let r = 0; r < rows; r++) for (let j = 0; j < columns; j++) sum += g[at + r * pitch + j];
  return sum;
}

const interpolateInputGrad = mover(([g], attrs, y) => {
  const [batch, channels, height, width] = y.shape;
  const factors = upsampling(height, width, attrs as InterpolateAttrs);
  if (!factors) return undefined;
  const [fy, fx] = factors;
  const long = width * fx;
  const [from, to] = [g.data, y.data];
  return () => {
    for (let row = 0; row < batch * channels * height; row++) {
      for (let i = 0; i < width; i++) to[row * width + i] = windowSum(from, row * fy * long + i * fx, long, fy, fx);
    }
  };
});

/** Rows along one axis picked by index, each a run of everything behind it. */
const indexSelect: FastKernel = {
  ...mover(([x, index], attrs, y) => {
    const [outer, length, inner] = splitAt(x.shape, (attrs as IndexAttrs).dim);
    if (inner < LONG_RUN) return undefined;
    const [from, rows, to] = [x.data, index.data, y.data];
    return () => {
      for (let o = 0; o < outer; o++) {
        for (let k = 0; k < rows.length; k++) {
          const at = (o * length + rows[k]) * inner;
          to.set(from.subarray(at, at + inner), (o * rows.length + k) * inner);
        }
      }
    };
  }),
  // An index outside the axis is the reference's to report.
  accepts: ([x, index], attrs) => allBelow(index.data, x.shape[(attrs as IndexAttrs).dim]),
};

/** Kernels that move values, and the adjoints of those moves, by op name. */
export const moveKernels: Readonly<Record<string, FastKernel>> = {
  ...{ slice, sliceInputGrad, permute, expand, pad, padInputGrad, interpolate, interpolateInputGrad, indexSelect },
};
