import type { FixedQuantizer, UniformQuantizer } from "../../../src/laws/index.ts";
import { roundHalfEven } from "../../../src/tensor/index.ts";

/** How a plain quantizer may depart from the right one. */
interface Parts {
  readonly round?: (v: number) => number;
  readonly scale?: readonly number[];
  readonly zeroPoint?: readonly number[];
  readonly axis?: number | null;
  /** The parameters of element i; default: those of its channel. */
  readonly channelOf?: (i: number, shape: readonly number[]) => number;
  readonly clip?: (code: number) => number;
}

const CODES = { qmin: 0, qmax: 15 } as const;
const clipped = (code: number): number => Math.min(CODES.qmax, Math.max(CODES.qmin, code));

/** A 4-bit quantizer written without ours, right where nothing else is said. */
export function plain(name: string, parts: Parts = {}): UniformQuantizer & Required<Pick<FixedQuantizer, "quantize" | "dequantize">> {
  const { round = roundHalfEven, scale = [0.25], zeroPoint = [6], axis = null, clip = clipped } = parts;
  const own = (i: number, shape: readonly number[]): number => {
    if (axis === null) return 0;
    return Math.floor(i / shape.slice(axis + 1).reduce((n, d) => n * d, 1)) % scale.length;
  };
  const { channelOf = own } = parts;
  const quantize = (x: Float32Array, shape: readonly number[]): number[] =>
    Array.from(x, (v, i) => clip(round(v / scale[channelOf(i, shape)]) + zeroPoint[channelOf(i, shape)]));
  const dequantize = (codes: Int32Array | readonly number[], shape: readonly number[]): Float32Array =>
    Float32Array.from(codes, (q, i) => (q - zeroPoint[channelOf(i, shape)]) * scale[channelOf(i, shape)]);
  const fakeQuant = (x: Float32Array, shape: readonly number[]): Float32Array => dequantize(quantize(x, shape), shape);
  return { name, ...CODES, axis, scale, zeroPoint, quantize, dequantize, fakeQuant };
}

const right = plain("right");

/** Wrong quantizers, and the law that says so first. */
export const WRONG: readonly (readonly [law: string, quantizer: UniformQuantizer])[] = [
  ["rounds ties to even", plain("half up", { round: (v) => Math.floor(v + 0.5) })],
  ["rounds ties to even", plain("half away", { round: (v) => Math.sign(v) * Math.floor(Math.abs(v) + 0.5) })],
  ["errs by at most half a step inside its range", plain("truncating", { round: Math.trunc })],
  ["has a code as zero point", plain("fractional zero point", { zeroPoint: [6.4] })],
  ["has a code as zero point", plain("zero point beyond the codes", { zeroPoint: [16] })],
  ["has a code as zero point", plain("one zero point for two scales", { scale: [0.25, 0.5], zeroPoint: [6], axis: 0 })],
  ["has positive, finite, normal scales", plain("negative scale", { scale: [-0.25] })],
  ["has positive, finite, normal scales", plain("subnormal scale", { scale: [1e-40] })],
  ["keeps zero exact", { ...right, name: "offset", fakeQuant: (x) => x.map((v) => roundHalfEven((v + 1.45) / 0.25) * 0.25 - 1.45) }],
  ["saturates at its end codes", plain("wrapping", { clip: (code) => ((code % 16) + 16) % 16 })],
  [
    "errs by at most half a step inside its range",
    plain("wrong axis", { axis: 1, scale: [0.25, 1], zeroPoint: [6, 6], channelOf: (i, [n, , inner]) => Math.floor(i / inner / n) % 2 }),
  ],
  ["has integer codes in [qmin, qmax]", { ...right, name: "unrounded codes", quantize: (x) => x.map((v) => clipped(v / 0.25 + 6)) }],
  ["simulates what its codes mean, bit for bit", { ...right, name: "other codes", quantize: (x) => x.map(() => 6) }],
  [
    "has levels at scale * (code - zero point)",
    { ...right, name: "forgets the zero point", dequantize: (q) => Float32Array.from(q, (v) => v / 4) },
  ],
];

/** Functions that break a law of all quantizers. */
export const WRONG_ANYHOW: readonly (readonly [law: string, quantizer: FixedQuantizer])[] = [
  ["gives a finite value for every value", { name: "short", qmin: 0, qmax: 3, fakeQuant: () => [] }],
  ["gives a finite value for every value", { name: "divides by zero", qmin: 0, qmax: 3, fakeQuant: (x) => x.map((v) => v / v) }],
  ["is idempotent", { name: "halves", qmin: 0, qmax: 255, fakeQuant: (x) => x.map((v) => Math.round(v) / 2) }],
  ["is monotone", { name: "squares", qmin: 0, qmax: 255, fakeQuant: (x) => x.map((v) => Math.abs(Math.round(v))) }],
  ["has at most as many levels as codes", { name: "too fine", qmin: 0, qmax: 3, fakeQuant: (x) => x.map((v) => Math.round(v)) }],
  ["is flat beyond its ends", { name: "unclipped", qmin: 0, qmax: 255, fakeQuant: (x) => x.map((v) => Math.round(v)) }],
  [
    "does not care where in its channel a value stands",
    {
      name: "by position",
      qmin: -8,
      qmax: 8,
      fakeQuant: (x) => x.map((v, i) => Math.max(-8, Math.min(8, Math.round(v) + (i === 1 ? 1 : 0)))),
    },
  ],
];
