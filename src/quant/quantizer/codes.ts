import { ArgumentError } from "../../errors.ts";
import { allocate, cast, type DType, formatShape, roundHalfEven, Tensor } from "../../tensor/index.ts";
import type { QParams, Scheme } from "../scheme.ts";

/** Smallest integer dtype that holds every code of a scheme. */
export function codeDType({ qmin, qmax }: Scheme): DType {
  if (qmin >= -128 && qmax <= 127) return "i8";
  return qmin >= 0 && qmax <= 255 ? "u8" : "i32";
}

type Visit = (start: number, end: number, scale: number, zeroPoint: number) => void;

/**
 * Visits the runs of x that share one scale and (rounded) zero point.
 *
 * Errors: ArgumentError where the parameters do not fit the channel axis.
 */
export function forEachScale(op: string, x: Tensor, { scale, zeroPoint }: QParams, axis: number | null, visit: Visit): void {
  const channels = axis === null || scale.size === 1 ? 1 : x.shape[axis];
  if (scale.size !== channels || zeroPoint.size !== channels) {
    const got = `scale ${formatShape(scale.shape)} and zeroPoint ${formatShape(zeroPoint.shape)}`;
    throw new ArgumentError(op, `scale and zeroPoint must have ${channels} entries, got ${got} (${x.dtype}${formatShape(x.shape)})`);
  }
  let run = x.size;
  if (axis !== null && scale.size > 1) run = x.shape.slice(axis + 1).reduce((n, d) => n * d, 1);
  if (run === 0) return;
  for (let start = 0, c = 0; start < x.size; start += run, c = c + 1 === channels ? 0 : c + 1) {
    visit(start, start + run, scale.data[c], roundHalfEven(zeroPoint.data[c]));
  }
}

/** Parameters in the float type of x. */
export function paramsLike(x: Tensor, { scale, zeroPoint }: QParams): QParams {
  return { scale: cast(scale, x.dtype), zeroPoint: cast(zeroPoint, x.dtype) };
}

/** How one value becomes an integer before the zero point: index into x, and x / scale in the dtype of x. */
export type Rounding = (ratio: number, index: number) => number;

/**
 * Codes clamp(rounding(x / scale) + zeroPoint, qmin, qmax); the division is rounded to the dtype of x.
 *
 * Errors: ArgumentError on NaN, which has no code.
 */
export function encode(op: string, x: Tensor, params: QParams, scheme: Scheme, rounding: Rounding): Tensor {
  const { qmin, qmax } = scheme;
  const dtype = codeDType(scheme);
  const codes = allocate(dtype, x.size);
  const single = x.dtype === "f32";
  forEachScale(op, x, paramsLike(x, params), scheme.axis, (start, end, scale, zeroPoint) => {
    for (let i = start; i < end; i++) {
      const ratio = single ? Math.fround(x.data[i] / scale) : x.data[i] / scale;
      if (Number.isNaN(ratio))
        throw new ArgumentError(op, `values must not be NaN, got ${x.data[i]} (element ${i} of ${x.dtype}${formatShape(x.shape)})`);
      codes[i] = Math.min(qmax, Math.max(qmin, rounding(ratio, i) + zeroPoint));
    }
  });
  return new Tensor(x.shape, dtype, codes);
}

/** Values (code - zeroPoint) * scale in the dtype of the scale. */
export function decode(op: string, codes: Tensor, params: QParams, scheme: Scheme): Tensor {
  const values = allocate(params.scale.dtype, codes.size);
  forEachScale(op, codes, params, scheme.axis, (start, end, scale, zeroPoint) => {
    for (let i = start; i < end; i++) values[i] = (codes.data[i] - zeroPoint) * scale;
  });
  return new Tensor(codes.shape, params.scale.dtype, values);
}
