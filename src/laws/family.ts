import fc from "fast-check";
import {
  chooseQParams,
  type LevelQuantizer,
  type Mapping,
  makeScheme,
  type QParams,
  type Quantizer,
  type Range,
  type Scheme,
} from "../quant/index.ts";
import { Tensor } from "../tensor/index.ts";
import {
  type Block,
  channelAt,
  channelsOf,
  type FixedQuantizer,
  fixedQuantizer,
  shapeOf,
  type UniformQuantizer,
  uniformQuantizer,
} from "./fixedQuantizer.ts";
import { defineLaw, type Law } from "./law.ts";

/** A rule that fits a quantizer to values, for every number format it takes. */
export interface QuantizerFamily<Q extends FixedQuantizer = FixedQuantizer> {
  /** As messages call it. */
  readonly name: string;
  /** The formats it is tried with; their axis is drawn. */
  readonly schemes: readonly Scheme[];
  /** The quantizer for values of a block; scheme.axis is an axis of its shape, or null. */
  readonly fit: (block: Block, scheme: Scheme) => Q;
  /** The quantizer with one scale and zero point, where these are all it has. */
  readonly at?: (scale: number, zeroPoint: number, scheme: Scheme) => Q;
}

const MAPPINGS: readonly Mapping[] = ["affine", "symmetricNarrow", "symmetricHalf"];

/** Every mapping, signed and unsigned, at 2 to 8 and at 16 bits, per tensor. */
export const allSchemes: readonly Scheme[] = [2, 3, 4, 5, 6, 7, 8, 16].flatMap((bits) =>
  MAPPINGS.flatMap((mapping) => [false, true].map((signed) => makeScheme({ bits, mapping, signed }))),
);

/** Smallest and largest value of a block, one pair a channel of `axis`. Shape: [1] or [C]. */
export function rangeOf({ x, shape }: Block, axis: number | null): Range {
  const channels = axis === null ? 1 : shape[axis];
  const min = new Float64Array(channels).fill(Number.POSITIVE_INFINITY);
  const max = new Float64Array(channels).fill(Number.NEGATIVE_INFINITY);
  x.forEach((v, i) => {
    const c = channelAt({ axis }, shape, i);
    min[c] = Math.min(min[c], v);
    max[c] = Math.max(max[c], v);
  });
  return { min, max };
}

/** How far the values of the lowest and the highest code lie from 0, one entry a channel; 1 where they say nothing. */
function reachOfEnds(quantizer: FixedQuantizer): Float64Array {
  const shape = shapeOf(quantizer, 1);
  const reach = new Float64Array(channelsOf(quantizer));
  for (const code of [quantizer.qmin, quantizer.qmax]) {
    const values = quantizer.dequantize?.(new Int32Array(shape.reduce((n, d) => n * d, 1)).fill(code), shape) ?? [];
    for (let i = 0; i < values.length; i++) {
      const c = channelAt(quantizer, shape, i);
      reach[c] = Math.max(reach[c], Math.abs(values[i]));
    }
  }
  return reach.map((v) => (v > 0 && Number.isFinite(v) ? v : 1));
}

/**
 * One of our quantizers, fitted to the extremes of the values. One on levels says by its grid how far they go; of any other
 * the end codes do. Shapes: parameters as `init` gives them.
 */
export function familyOf<P extends Readonly<Record<string, Tensor>>>(
  quantizer: Quantizer<P> | LevelQuantizer<P>,
  { schemes = allSchemes, ...traits }: { readonly schemes?: readonly Scheme[] } & Pick<FixedQuantizer, "promises"> = {},
): QuantizerFamily {
  const fit = (block: Block, scheme: Scheme): FixedQuantizer => {
    const range = rangeOf(block, scheme.axis);
    const params = quantizer.init(range, scheme, new Tensor(block.shape, "f32", block.x));
    const fixed = fixedQuantizer(quantizer, params, scheme, { ...traits, fitted: block, channels: range.min.length });
    return { ...fixed, reach: fixed.reach ?? reachOfEnds(fixed) };
  };
  return { name: quantizer.name, schemes, fit };
}

/** As `familyOf` for a quantizer on the uniform grid of its scale and zero point. */
export function uniformFamily(quantizer: Quantizer<QParams>, schemes: readonly Scheme[] = allSchemes): QuantizerFamily<UniformQuantizer> {
  return {
    ...{ name: quantizer.name, schemes },
    fit(block, scheme) {
      const params = quantizer.init(rangeOf(block, scheme.axis), scheme, new Tensor(block.shape, "f32", block.x));
      return uniformQuantizer(quantizer, params, scheme, { fitted: block });
    },
    at(scale, zeroPoint, scheme) {
      const one = (v: number): Tensor => new Tensor([1], "f32", Float32Array.of(v));
      return uniformQuantizer(quantizer, { scale: one(scale), zeroPoint: one(zeroPoint) }, scheme);
    },
  };
}

/** As `familyOf` for a rounding learned per value: what it does is what it does to the values it was fitted to. */
export function roundingFamily<P extends QParams>(quantizer: Quantizer<P>, schemes: readonly Scheme[] = allSchemes): QuantizerFamily {
  const fit = (block: Block, scheme: Scheme): FixedQuantizer => {
    const params = quantizer.init(rangeOf(block, scheme.axis), scheme, new Tensor(block.shape, "f32", block.x));
    const hard = fixedQuantizer(quantizer, params, scheme, { fitted: block });
    const codesOf = (x: Float32Array, shape: readonly number[]): Int32Array => Int32Array.from(hard.quantize?.(x, shape) ?? []);
    return {
      ...hard,
      ...{ scale: params.scale.data, zeroPoint: params.zeroPoint.data },
      fakeQuant: (x, shape) => hard.dequantize?.(codesOf(x, shape), shape) ?? [],
    };
  };
  return { name: quantizer.name, schemes, fit };
}

/** What a law about a family draws: a format and the values to fit to. */
export interface Fitting {
  /** The format, with its axis. */
  readonly scheme: Scheme;
  /** The values. */
  readonly block: Block;
}

const value = fc.oneof(
  { withCrossShrink: true },
  fc.integer({ min: -64, max: 64 }).map((i) => i / 8),
  fc.double({ min: -8, max: 8, noNaN: true }).map((v) => (Math.abs(v) < 1e-6 ? 0 : Math.fround(v))),
);

/** Values for a family, per tensor. */
export const values: fc.Arbitrary<number[]> = fc.array(value, { minLength: 1, maxLength: 40 });

/** A format of the family with any axis, and values of a shape that has it. */
export const fittings = ({ schemes }: QuantizerFamily): fc.Arbitrary<Fitting> =>
  fc
    .record({
      scheme: fc.constantFrom(...schemes),
      axis: fc.constantFrom(null, null, 0, 1),
      channels: fc.integer({ min: 1, max: 4 }),
      xs: values,
    })
    .map(({ scheme, axis, channels, xs }) => ({ scheme: { ...scheme, axis }, block: shaped(xs, axis, channels) }));

/** Values repeated to fill [C, 3] or [2, C, 3]; as they are without an axis. */
function shaped(xs: readonly number[], axis: number | null, channels: number): Block {
  if (axis === null) return { x: Float32Array.from(xs), shape: [xs.length] };
  const shape = axis === 0 ? [channels, 3] : [2, channels, 3];
  return { x: Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => xs[i % xs.length]), shape };
}

/** A fitting as a counterexample shows it. */
export const shownFitting = ({ scheme: { bits, signed, mapping, axis }, block: { x, shape } }: Fitting): Record<string, unknown> => ({
  scheme: `${bits} bits ${signed ? "signed" : "unsigned"} ${mapping}`,
  fittedTo: Array.from(x),
  ...(axis === null ? {} : { axis, fittedShape: [...shape] }),
});

/** Fits that a law is offered before it counts as not applicable, and the seed that draws them. */
const OFFERED = { numRuns: 64, seed: 1 } as const;

/**
 * A law of single quantizers, held by whatever a family fits to any values in any of its formats. A fit it does not apply to
 * is drawn again; where it applies to none of 64 it is not applicable.
 */
export const onEveryFit = <Q extends FixedQuantizer>(law: Law<Q>): Law<QuantizerFamily<Q>> =>
  defineLaw<QuantizerFamily<Q>, Fitting & { readonly input: unknown }>({
    ...{ name: law.name, source: law.source },
    applies: (family) => fc.sample(fittings(family), OFFERED).some(({ block, scheme }) => law.applies(family.fit(block, scheme))),
    inputs: (family) =>
      fittings(family).chain((fitting) => {
        const quantizer = family.fit(fitting.block, fitting.scheme);
        const input = (law.applies(quantizer) && law.inputs?.(quantizer)) || fc.constant(undefined);
        return input.map((drawn) => ({ ...fitting, input: drawn }));
      }),
    violation(family, { input, ...fitting }) {
      const quantizer = family.fit(fitting.block, fitting.scheme);
      fc.pre(law.applies(quantizer));
      const found = law.violation(quantizer, input);
      return found && { ...found, at: { ...found.at, ...shownFitting(fitting) } };
    },
  });

/** Range ends that a scale is asked of, tiny and huge ones included. */
const ends = fc.array(fc.tuple(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.double({ noNaN: true, noDefaultInfinity: true })), {
  minLength: 1,
  maxLength: 5,
});

/** A rule from ranges to scales and zero points. */
export interface ParameterRule {
  /** As messages call it. */
  readonly name: string;
  /** The formats it is tried with. */
  readonly schemes: readonly Scheme[];
  /** Scales and zero points [1] or [C] for ends [1] or [C]. */
  readonly choose: (range: Range, scheme: Scheme) => { readonly scale: ArrayLike<number>; readonly zeroPoint: ArrayLike<number> };
}

/** `chooseQParams` as the laws see it. */
export const chosenParameters: ParameterRule = {
  name: "chooseQParams",
  schemes: allSchemes,
  choose(range, scheme) {
    const { params } = chooseQParams(range, scheme);
    return { scale: params.scale.data, zeroPoint: params.zeroPoint.data };
  },
};

/** What scales and zero points must be for any finite range, however small or large. */
export const parameterLaws: readonly Law<ParameterRule>[] = [
  defineLaw<ParameterRule, { scheme: Scheme; pairs: [number, number][]; tiny: boolean }>({
    name: "gives normal positive scales and codes as zero points",
    source: "ONNX QuantizeLinear; below 2^-126 runtimes may flush to zero",
    inputs: ({ schemes }) => fc.record({ scheme: fc.constantFrom(...schemes), pairs: ends, tiny: fc.boolean() }),
    violation({ choose }, { scheme, pairs, tiny }) {
      const shrink = (v: number): number => (tiny ? v * 1e-300 : Math.max(-3e38, Math.min(3e38, v)));
      const min = Float64Array.from(pairs, (p) => shrink(Math.min(...p)));
      const max = Float64Array.from(pairs, (p) => shrink(Math.max(...p)));
      const { scale, zeroPoint } = choose({ min, max }, scheme);
      for (let c = 0; c < min.length; c++) {
        const at = {
          bits: scheme.bits,
          mapping: scheme.mapping,
          signed: scheme.signed,
          min: Array.from(min),
          max: Array.from(max),
          channel: c,
        };
        if (!(scale[c] >= 2 ** -126 && scale[c] < Number.POSITIVE_INFINITY))
          return { must: "the scale must be finite and at least 2^-126", got: `${scale[c]}`, at };
        if (!(Number.isInteger(zeroPoint[c]) && zeroPoint[c] >= scheme.qmin && zeroPoint[c] <= scheme.qmax))
          return { must: `the zero point must be an integer in [${scheme.qmin}, ${scheme.qmax}]`, got: `${zeroPoint[c]}`, at };
      }
      return undefined;
    },
  }),
];
