import { ArgumentError } from "../errors.ts";
import { roundHalfEven, Tensor } from "../tensor/index.ts";

/**
 * How a range maps to codes.
 *
 * - `affine`: zero point anywhere in [qmin, qmax], the range widened to contain zero;
 * - `symmetricNarrow`: scale = max|x| / (2^(bits-1) - 1), the code -2^(bits-1) is never used, nothing is clipped;
 * - `symmetricHalf`: scale = max|x| / ((qmax - qmin) / 2), all codes used, the top end is clipped by half a step (torch).
 */
export type Mapping = "affine" | "symmetricNarrow" | "symmetricHalf";

/** Number format of one tensor: integer codes in [qmin, qmax] and the granularity of their parameters. */
export interface Scheme {
  /** Bits of a code, 2 to 8. */
  readonly bits: number;
  /** How codes lie about 0. */
  readonly mapping: Mapping;
  /** Whether codes may be negative. */
  readonly signed: boolean;
  /** Channel axis of per-channel parameters, null for one pair per tensor. */
  readonly axis: number | null;
  readonly qmin: number;
  readonly qmax: number;
}

/** What `makeScheme` takes; defaults: affine, unsigned, per tensor. */
export interface SchemeOptions {
  readonly bits: number;
  readonly mapping?: Mapping;
  readonly signed?: boolean;
  readonly axis?: number | null;
}

/** Observed ends, in activation units, one entry per tensor or per channel. Need not contain zero. */
export interface Range {
  /** Lower ends: [1] or [C], in activation units. */
  readonly min: Float64Array;
  /** Upper ends: [1] or [C], in activation units. */
  readonly max: Float64Array;
}

/** Scale (activation units per code) and zero point (an integer code): `scale` and `zeroPoint` are f32 of shape [1] or [C]. */
export type QParams = { readonly scale: Tensor; readonly zeroPoint: Tensor };

/**
 * Builds the code range of a scheme.
 *
 * Errors: ArgumentError unless bits is an integer in 2..8, or 16 (for tests), and axis null or an integer >= 0.
 */
export function makeScheme({ bits, mapping = "affine", signed = false, axis = null }: SchemeOptions): Scheme {
  if (!Number.isInteger(bits) || bits < 2 || (bits > 8 && bits !== 16)) {
    const why = bits === 1 && mapping === "symmetricNarrow" ? " (one narrow bit has a single level)" : "";
    throw new ArgumentError("makeScheme", `bits must be an integer in 2..8, got ${bits}${why}`);
  }
  if (axis !== null && (!Number.isInteger(axis) || axis < 0)) {
    throw new ArgumentError("makeScheme", `axis must be null or an integer >= 0, got ${axis}`);
  }
  const half = 2 ** (bits - 1);
  const low = signed ? -half : 0;
  return { bits, mapping, signed, axis, qmin: mapping === "symmetricNarrow" ? low + 1 : low, qmax: low + 2 * half - 1 };
}

/** Bits of weights and activations. */
export interface SchemeBits {
  readonly weightBits: number;
  readonly activationBits: number;
}

/**
 * Reads "W4A8".
 *
 * Errors: ArgumentError on any other text, or bits outside 2..8.
 */
export function parseScheme(text: string): SchemeBits {
  const found = /^W([2-8])A([2-8])$/i.exec(text);
  if (!found) throw new ArgumentError("parseScheme", `expected "W<bits>A<bits>" with bits 2..8, got "${text}"`);
  return { weightBits: Number(found[1]), activationBits: Number(found[2]) };
}

/** Writes "W4A8", the inverse of `parseScheme`. */
export const formatScheme = ({ weightBits, activationBits }: SchemeBits): string => `W${weightBits}A${activationBits}`;

/** Smallest normal float32: anything below may be flushed to zero by a runtime. */
const SMALLEST_NORMAL = 2 ** -126;

/** Conventions of other libraries that `chooseQParams` can follow. */
export interface QParamOptions {
  /**
   * Floor of every scale, as torch's observers have it (2^-23). Default: none; the degenerate rules of
   * `chooseQParams` apply instead.
   */
  readonly eps?: number;
  /**
   * Channels whose range is below this share of the widest channel's get that share of it, so that
   * no scale is so small that an int32 bias overflows. Default 1e-4.
   */
  readonly deadShare?: number;
}

/** One scale and zero point; a scale of 0 stands for a range too small for a normal float32 scale. */
export function qparamsOf(min: number, max: number, scheme: Scheme, eps = 0): { scale: number; zeroPoint: number } {
  const { mapping, signed, qmin, qmax } = scheme;
  const low = Math.min(min, 0);
  const high = Math.max(max, 0);
  const largest = Math.max(-low, high);
  // symmetric codes reach (qmax - qmin) / 2 to either side of zero
  const exact = (mapping === "affine" ? high - low : 2 * largest) / (qmax - qmin);
  const scale = Math.fround(Math.max(exact, eps));
  if (scale < SMALLEST_NORMAL) return { scale: 0, zeroPoint: restingCode(scheme) };
  if (mapping !== "affine") return { scale, zeroPoint: signed ? 0 : restingCode(scheme) };
  const shifted = qmin - roundHalfEven(Math.fround(Math.fround(low) / scale));
  return { scale, zeroPoint: Math.min(qmax, Math.max(qmin, shifted)) };
}

/** The code of zero where the range does not decide it: 0 if representable, the middle code of unsigned symmetric schemes. */
function restingCode({ mapping, signed, qmin, qmax }: Scheme): number {
  return signed || mapping === "affine" ? Math.min(qmax, Math.max(qmin, 0)) : Math.floor((qmin + qmax) / 2);
}

/**
 * Scale and zero point that cover a range; zero is always exact.
 *
 * Shape: range of length 1 or C → parameters f32 [1] or [C]. The scale is rounded to float32 first, the
 * zero point follows from the rounded scale. Never a zero, subnormal or non-finite scale: a range that is
 * zero (or whose scale would be subnormal) everywhere gets scale 1 and the flag "degenerate"; single
 * channels of that kind are raised to `deadShare` of the widest channel and flagged "dead-channels k/C".
 *
 * Unstated: what a dead channel gets; the share is ours (NNCF raises to 1 %, which coarsens live channels).
 *
 * Errors: ArgumentError on non-finite or crossed ends.
 */
export function chooseQParams(range: Range, scheme: Scheme, options: QParamOptions = {}): { params: QParams; flags: string[] } {
  const { eps = 0, deadShare = 1e-4 } = options;
  const { min, max } = range;
  checkRange(range);
  const count = min.length;
  const floor = eps > 0 ? 0 : deadShare * widest(range);
  const scale = new Float32Array(count);
  const zeroPoint = new Float32Array(count);
  let dead = 0;
  for (let c = 0; c < count; c++) {
    let found = qparamsOf(min[c], max[c], scheme, eps);
    if (eps === 0 && (found.scale === 0 || width(min[c], max[c]) < floor)) {
      dead++;
      found = raised(min[c], max[c], floor, scheme);
    }
    scale[c] = found.scale;
    zeroPoint[c] = found.zeroPoint;
  }
  const flags = dead === 0 ? [] : dead === count ? ["degenerate"] : [`dead-channels ${dead}/${count}`];
  return { params: { scale: new Tensor([count], "f32", scale), zeroPoint: new Tensor([count], "f32", zeroPoint) }, flags };
}

const width = (min: number, max: number): number => Math.max(max, 0) - Math.min(min, 0);

function widest({ min, max }: Range): number {
  let most = 0;
  for (let c = 0; c < min.length; c++) most = Math.max(most, width(min[c], max[c]));
  return most;
}

/** The range stretched about zero to `floor`, on the side it already occupies; scale 1 if that is still nothing. */
function raised(min: number, max: number, floor: number, scheme: Scheme): { scale: number; zeroPoint: number } {
  const found = -min > max ? qparamsOf(-floor, 0, scheme) : qparamsOf(0, floor, scheme);
  return found.scale > 0 ? found : { scale: 1, zeroPoint: restingCode(scheme) };
}

function checkRange({ min, max }: Range): void {
  if (min.length !== max.length || min.length === 0) {
    throw new ArgumentError("chooseQParams", `range needs as many minima as maxima, at least one, got ${min.length} and ${max.length}`);
  }
  for (let c = 0; c < min.length; c++) {
    if (!Number.isFinite(min[c]) || !Number.isFinite(max[c]) || min[c] > max[c]) {
      throw new ArgumentError("chooseQParams", `range must be finite with min <= max, got [${min[c]}, ${max[c]}] (entry ${c})`);
    }
  }
}
