import fc from "fast-check";
import type { LevelParams, LevelQuantizer, QParams, Quantizer, Scheme } from "../quant/index.ts";
import { Tensor } from "../tensor/index.ts";

/** What non-uniform quantizers may promise beyond the laws of all: each promise switches a law of `nonUniformLaws` on. */
export type Promised = "zero is a level" | "odd" | "nearest level";

/** A quantizer whose parameters are settled, as the laws see it: a function on arrays, whatever it is made of. */
export interface FixedQuantizer {
  /** As messages call it. */
  readonly name: string;
  /** The lowest code in use. */
  readonly qmin: number;
  /** The highest code in use: each code from the lowest on has a level. */
  readonly qmax: number;
  /** The axis its parameters run along; null, the default, where all values share them. */
  readonly axis?: number | null;
  /** Entries of that axis. Default: as many as `scale` has, else 1. */
  readonly channels?: number;
  /**
   * Magnitude of the outermost level, in units of x: one number, or one a channel. Inputs go half as far again. Default: as
   * scale and zero point have it, else 8.
   */
  readonly reach?: number | ArrayLike<number>;
  /** Values on the grid: x row-major of `shape`, the result of the same length. */
  readonly fakeQuant: (x: Float32Array, shape: readonly number[]) => ArrayLike<number>;
  /** Integer codes of x, row-major of `shape`. */
  readonly quantize?: (x: Float32Array, shape: readonly number[]) => ArrayLike<number>;
  /** Values of codes, row-major of `shape`. */
  readonly dequantize?: (codes: Int32Array, shape: readonly number[]) => ArrayLike<number>;
  /** Units of x per code: one entry, or one a channel. */
  readonly scale?: ArrayLike<number>;
  /** The code of 0, as many entries as `scale`. */
  readonly zeroPoint?: ArrayLike<number>;
  /** The quantizer of one channel alone, without an axis. */
  readonly channel?: (index: number) => FixedQuantizer;
  /** What a non-uniform quantizer promises. */
  readonly promises?: readonly Promised[];
  /** The values its parameters were fitted to. */
  readonly fitted?: Block;
}

/** A quantizer on the grid scale * (code - zeroPoint). */
export interface UniformQuantizer extends FixedQuantizer {
  readonly scale: ArrayLike<number>;
  readonly zeroPoint: ArrayLike<number>;
}

/** A tensor as plain arrays. */
export interface Block {
  /** Values row-major, as many as `shape` says. */
  readonly x: Float32Array;
  /** Lengths of the axes. */
  readonly shape: readonly number[];
}

/** Channels of a quantizer; 1 without an axis. */
export const channelsOf = ({ axis = null, channels, scale }: FixedQuantizer): number =>
  axis === null ? 1 : (channels ?? scale?.length ?? 1);

/** Entry c of parameters that all channels share or each has its own of. */
export const entry = (values: ArrayLike<number>, c: number): number => values[values.length === 1 ? 0 : c];

/** Magnitude of the outermost level of a channel; 1 where the parameters are too broken to say. */
export function reachOf({ scale, zeroPoint, qmin, qmax, reach }: FixedQuantizer, c: number): number {
  if (reach !== undefined) return typeof reach === "number" ? reach : entry(reach, c);
  if (!scale) return 8;
  const z = zeroPoint ? entry(zeroPoint, c) : 0;
  const most = Math.abs(entry(scale, c)) * Math.max(Math.abs(qmin - z), Math.abs(qmax - z));
  return most > 0 && Number.isFinite(most) ? most : 1;
}

/** Positions of one channel in a block made by `blockOf`, behind and before the axis. */
const INNER = 3;

/** A shape whose axis has the quantizer's channels: [n] without an axis, [2, C, 3] with axis 1. */
export function shapeOf(quantizer: FixedQuantizer, n: number): number[] {
  const { axis = null } = quantizer;
  if (axis === null) return [n];
  return [...Array.from({ length: axis }, (_, d) => (d === 0 ? 2 : 1)), channelsOf(quantizer), INNER];
}

/** The channel of element i. */
export function channelAt({ axis = null }: Pick<FixedQuantizer, "axis">, shape: readonly number[], i: number): number {
  if (axis === null) return 0;
  let inner = 1;
  for (let d = axis + 1; d < shape.length; d++) inner *= shape[d];
  return Math.floor(i / inner) % shape[axis];
}

/** A block whose values are the given shares of their channel's reach, repeated to fill it. */
export function blockOf(quantizer: FixedQuantizer, shares: readonly number[]): Block {
  const shape = shapeOf(quantizer, shares.length);
  const x = new Float32Array(shape.reduce((n, d) => n * d, 1));
  for (let i = 0; i < x.length; i++) x[i] = shares[i % shares.length] * reachOf(quantizer, channelAt(quantizer, shape, i));
  return { x, shape };
}

const share = fc.oneof(
  { withCrossShrink: true },
  fc.integer({ min: -96, max: 96 }).map((i) => i / 64),
  fc.double({ min: -1.5, max: 1.5, noNaN: true }),
);

/** Shares of the reach, up to half as far again; they shrink to few and round ones. */
export const shares: fc.Arbitrary<number[]> = fc.array(share, { minLength: 1, maxLength: 40 });

/** Where element i of a block stands, for a counterexample. */
export function placeOf(quantizer: FixedQuantizer, { x, shape }: Block, i: number): Record<string, unknown> {
  const { scale, zeroPoint, axis = null } = quantizer;
  const c = channelAt(quantizer, shape, i);
  return {
    x: x[i],
    ...(axis === null ? {} : { channel: c, element: i, shape: [...shape] }),
    ...(scale ? { scale: entry(scale, c) } : {}),
    ...(zeroPoint ? { zeroPoint: entry(zeroPoint, c) } : {}),
  };
}

const list = (x: Tensor): ArrayLike<number> => x.data;
const tensorOf = (x: Float32Array, shape: readonly number[]): Tensor => new Tensor(shape, "f32", x);

/** What a grid of levels says of itself: codes past its last level are not in use, and each channel ends where its levels do. */
function traitsOf({ scale, levels }: LevelParams, { qmin }: Scheme): Pick<FixedQuantizer, "qmax" | "channels"> & { reach: Float64Array } {
  const count = levels.shape[levels.shape.length - 1];
  const reach = Float64Array.from(scale.data, (s: number, c: number) => {
    const first = levels.shape.length === 2 ? c * count : 0;
    return s * Math.max(Math.abs(levels.data[first]), Math.abs(levels.data[first + count - 1]));
  });
  return { qmax: qmin + count - 1, channels: scale.size, reach };
}

/**
 * One of our quantizers with its parameters, as the laws see it. One on levels says by its grid which codes are in use and
 * how far they reach. `traits` adds what the laws cannot see: reach, promises, what it was fitted to, the quantizer of one
 * channel.
 *
 * Shapes: `params` as the quantizer's own.
 */
export function fixedQuantizer<P extends Readonly<Record<string, Tensor>>>(
  quantizer: Quantizer<P> | LevelQuantizer<P>,
  params: P,
  scheme: Scheme,
  traits: Pick<FixedQuantizer, "channels" | "reach" | "promises" | "fitted" | "channel"> = {},
): FixedQuantizer {
  const { qmin, qmax, axis } = scheme;
  return {
    ...{ name: quantizer.name, qmin, qmax, axis },
    fakeQuant: (x, shape) => list(quantizer.fakeQuant(tensorOf(x, shape), params, scheme)),
    quantize: (x, shape) => list(quantizer.quantize(tensorOf(x, shape), params, scheme)),
    dequantize: (codes, shape) => list(quantizer.dequantize(new Tensor(shape, "i32", codes), params, scheme)),
    ...("grid" in quantizer ? traitsOf(quantizer.grid(params, scheme), scheme) : {}),
    ...traits,
  };
}

/** As `fixedQuantizer` for one on the uniform grid of its scale and zero point, f32 [1] or [C]. */
export function uniformQuantizer(
  quantizer: Quantizer<QParams>,
  params: QParams,
  scheme: Scheme,
  traits: Pick<FixedQuantizer, "fitted"> = {},
): UniformQuantizer {
  const { scale, zeroPoint } = params;
  const one = (x: Tensor, c: number): Tensor => new Tensor([1], "f32", Float32Array.of(entry(x.data, c)));
  const channel = (c: number): UniformQuantizer =>
    uniformQuantizer(quantizer, { scale: one(scale, c), zeroPoint: one(zeroPoint, c) }, { ...scheme, axis: null });
  return {
    ...fixedQuantizer(quantizer, params, scheme, traits),
    scale: scale.data,
    zeroPoint: zeroPoint.data,
    ...(scheme.axis === null ? {} : { channel }),
  };
}
