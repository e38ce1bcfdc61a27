import type { Pair } from "./window.ts";

/** How an output position o maps to an input coordinate, `step` input pixels per output pixel. */
export type Coordinate = "half_pixel" | "pytorch_half_pixel" | "asymmetric" | "align_corners";
/** How mode "nearest" turns a coordinate into a pixel; ONNX's `nearest_mode`. */
export type NearestRounding = "floor" | "ceil" | "round_prefer_floor" | "round_prefer_ceil";

/**
 * Normalised resize: output `size` [oh, ow]; `step` is 1 / scale on each axis, i.e. input over output
 * size unless scales were given. half_pixel: (o + 0.5) · step - 0.5; pytorch_half_pixel: the same, 0
 * for an output of size 1; asymmetric: o · step; align_corners: o · (n - 1) / (size - 1).
 */
export interface InterpolateAttrs {
  readonly size: Pair;
  readonly step: Pair;
  /** The nearest element, or a mean of the four around. */
  readonly mode: "nearest" | "bilinear";
  /** Where an output element lies in the input. */
  readonly coordinate: Coordinate;
  /** Which element mode "nearest" takes there. */
  readonly rounding: NearestRounding;
}

function coordinateOf(o: number, axis: 0 | 1, n: number, { size, step, coordinate }: InterpolateAttrs): number {
  if (coordinate === "asymmetric") return o * step[axis];
  if (coordinate === "align_corners") return size[axis] === 1 ? 0 : (o * (n - 1)) / (size[axis] - 1);
  if (coordinate === "pytorch_half_pixel" && size[axis] === 1) return 0;
  return (o + 0.5) * step[axis] - 0.5;
}

const PIXEL: Record<NearestRounding, (x: number) => number> = {
  floor: Math.floor,
  ceil: Math.ceil,
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
};

/** For each output position of an axis: two input positions and the weight of the second. */
export interface Taps {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly share: Float64Array;
}

/** Positions outside the input take the edge. */
export function tapsOf(axis: 0 | 1, n: number, attrs: InterpolateAttrs): Taps {
  const count = attrs.size[axis];
  const taps = { low: new Int32Array(count), high: new Int32Array(count), share: new Float64Array(count) };
  for (let o = 0; o < count; o++) {
    const at = coordinateOf(o, axis, n, attrs);
    if (attrs.mode === "nearest") {
      taps.low[o] = taps.high[o] = Math.min(Math.max(PIXEL[attrs.rounding](at), 0), n - 1);
      continue;
    }
    const inside = Math.min(Math.max(at, 0), n - 1);
    taps.low[o] = Math.floor(inside);
    taps.high[o] = Math.min(taps.low[o] + 1, n - 1);
    taps.share[o] = inside - taps.low[o];
  }
  return taps;
}
