import type { IndexAttrs } from "../ops/gather.ts";
import type { InterpolateAttrs } from "../ops/interpolate.ts";
import type { PadAttrs } from "../ops/pad.ts";
import type { SliceAttrs } from "../ops/slice.ts";
import { broadcastStrides, sizeOf, splitAt, stridesOf } from "../shape.ts";
import { allocate, type Data, type Meta, Tensor } from "../tensor.ts";
import { type Axis, mergeAxes, walk } from "./axes.ts";
import type { FastKernel } from "./index.ts";

/** From here on a native copy beats a loop. */
const LONG_RUN = 24;

/** y[row-major] = x[base + strided], with axes merged so that the inner loop is as long as it can be. */
function copyStrided(x: Data, y: Data, shape: readonly number[], strides: readonly number[], base: number): void {
  const axes = mergeAxes(shape, [strides]);
  const [length, [step]] = axes[axes.length - 1] as Axis & [number, [number]];
  let to = 0;
  walk(axes.slice(0, -1), [base], ([from]) => {
    if (step === 1 && length >= LONG_RUN) y.set(x.subarray(from, from! + length), to);
    else for (let i = 0, at = from!; i < length; i++, at += step) y[to + i] = x[at]!;
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
    else for (let i = 0, at = to!; i < length; i++, at += step) x[at] = y[from + i]!;
    from += length;
  });
}

/** A kernel that fills one fresh output of any dtype; exact, since it moves values or adds them in the order of the reference. */
function mover(fill: (inputs: readonly Tensor[], attrs: unknown, y: Data, meta: Meta) => boolean): FastKernel {
  return {
    run(inputs, attrs, [meta]) {
      const size = sizeOf(meta!.shape);
      if (size === 0 || inputs[0]!.size === 0) return undefined;
      const y = allocate(meta!.dtype, size);
      return fill(inputs, attrs, y, meta!) ? [new Tensor(meta!.shape, meta!.dtype, y)] : undefined;
    },
    bound: () => "exact",
  };
}

/** Strides of every `step`-th element along `dim`, and the offset of the first. */
function cutOf(shape: readonly number[], { dim, start, step }: SliceAttrs): [number[], number] {
  const strides = stridesOf(shape);
  return [strides.map((s, i) => (i === dim ? s * step : s)), start * strides[dim]!];
}

const slice = mover(([x], attrs, y, { shape }) => {
  copyStrided(x!.data, y, shape, ...cutOf(x!.shape, attrs as SliceAttrs));
  return true;
});

const sliceInputGrad = mover(([g], attrs, y, { shape }) => {
  placeStrided(g!.data, y, g!.shape, ...cutOf(shape, attrs as SliceAttrs));
  return true;
});

const permute = mover(([x], attrs, y, { shape }) => {
  const strides = stridesOf(x!.shape);
  const order = (attrs as { readonly perm: readonly number[] }).perm.map((d) => strides[d]!);
  copyStrided(x!.data, y, shape, order, 0);
  return true;
});

const expand = mover(([x], _, y, { shape }) => {
  copyStrided(x!.data, y, shape, broadcastStrides(x!.shape, shape), 0);
  return true;
});

/** Strides of a padded tensor and the offset of the first original element, for constant pads that only add. */
function frameOf(shape: readonly number[], { pads, mode }: PadAttrs): [readonly number[], number] | undefined {
  if (mode !== "constant" || pads.some((p) => p < 0)) return undefined;
  const strides = stridesOf(shape);
  return [strides, strides.reduce((at, stride, i) => at + stride * (pads[2 * (shape.length - 1 - i)] ?? 0), 0)];
}

/** Constant padding that adds on every side; other modes run the reference. */
const pad = mover(([x], attrs, y, { shape }) => {
  const { value } = attrs as PadAttrs;
  const frame = frameOf(shape, attrs as PadAttrs);
  if (!frame) return false;
  if (!Object.is(value, 0)) y.fill(value);
  placeStrided(x!.data, y, x!.shape, ...frame);
  return true;
});

const padInputGrad = mover(([g], attrs, y, { shape }) => {
  const frame = frameOf(g!.shape, attrs as PadAttrs);
  if (!frame) return false;
  copyStrided(g!.data, y, shape, ...frame);
  // The reference adds to 0, which turns -0 into 0.
  for (let i = 0; i < y.length; i++) y[i]! += 0;
  return true;
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
  const [planes, height, width] = [x!.shape[0]! * x!.shape[1]!, x!.shape[2]!, x!.shape[3]!];
  const factors = upsampling(height, width, attrs as InterpolateAttrs);
  if (!factors) return false;
  const [fy, fx] = factors;
  const long = width * fx;
  for (let row = 0; row < planes * height; row++) {
    const to = row * fy * long;
    for (let i = 0; i < width; i++) for (let j = 0; j < fx; j++) y[to + i * fx + j] = x!.data[row * width + i]!;
    for (let i = 1; i < fy; i++) y.copyWithin(to + i * long, to, to + long);
  }
  return true;
});

const interpolateInputGrad = mover(([g], attrs, y, { shape }) => {
  const [planes, height, width] = [shape[0]! * shape[1]!, shape[2]!, shape[3]!];
  const factors = upsampling(height, width, attrs as InterpolateAttrs);
  if (!factors) return false;
  const [fy, fx] = factors;
  const long = width * fx;
  for (let row = 0; row < planes * height; row++) {
    for (let i = 0; i < width; i++) {
      // In double and in the order of the reference.
      let sum = 0;
      for (let r = 0; r < fy; r++) for (let j = 0; j < fx; j++) sum += g!.data[(row * fy + r) * long + i * fx + j]!;
      y[row * width + i] = sum;
    }
  }
  return true;
});

/** Rows along one axis picked by index, each a run of everything behind it. */
const indexSelect = mover(([x, index], attrs, y) => {
  const [outer, length, inner] = splitAt(x!.shape, (attrs as IndexAttrs).dim);
  if (inner < LONG_RUN) return false;
  const rows = index!.data;
  // An index outside the axis is the reference's to report.
  if (rows.some((k) => k < 0 || k >= length)) return false;
  for (let o = 0; o < outer; o++) {
    for (let k = 0; k < rows.length; k++) {
      const from = (o * length + rows[k]!) * inner;
      y.set(x!.data.subarray(from, from + inner), (o * rows.length + k) * inner);
    }
  }
  return true;
});

/** Kernels that move values, and the adjoints of those moves, by op name. */
export const moveKernels: Readonly<Record<string, FastKernel>> = {
  ...{ slice, sliceInputGrad, permute, expand, pad, padInputGrad, interpolate, interpolateInputGrad, indexSelect },
};
