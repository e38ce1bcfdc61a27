import fc from "fast-check";
import { makeScheme } from "../quant/index.ts";
import { type Fitting, fittings, onEveryFit, type QuantizerFamily, rangeOf, shownFitting, values } from "./family.ts";
import { type Block, blockOf, channelAt, entry, type FixedQuantizer, type UniformQuantizer } from "./fixedQuantizer.ts";
import { defineLaw, type Law } from "./law.ts";
import { firstWrong, WHITE_PAPER } from "./quantizerLaws.ts";

const applied = (quantizer: FixedQuantizer, { x, shape }: Block): ArrayLike<number> => quantizer.fakeQuant(x, shape);
const scaledBy = ({ x, shape }: Block, a: number): Block => ({ x: x.map((v) => v * a), shape });

const scales = defineLaw<QuantizerFamily, { fitting: Fitting; exponent: number }>({
  name: "commutes with scaling by powers of two",
  source: "Definition: the unit of the values is a convention",
  inputs: (family) => fc.record({ fitting: fittings(family), exponent: fc.integer({ min: -12, max: 12 }) }),
  violation(family, { fitting, exponent }) {
    const { block, scheme } = fitting;
    if (block.x.every((v) => v === 0)) return undefined;
    const a = 2 ** exponent;
    const big = scaledBy(block, a);
    const [plain, scaled] = [family.fit(block, scheme), family.fit(big, scheme)];
    const at = { factor: a, ...shownFitting(fitting) };
    for (let c = 0; c < (plain.scale?.length ?? 0); c++) {
      const [s, z] = [plain.scale?.[c] ?? 0, plain.zeroPoint?.[c]];
      if (scaled.scale?.[c] !== s * a)
        return { must: `the scale must be ${s * a}, that of the plain values times ${a}`, got: `${scaled.scale?.[c]}`, at };
      if (scaled.zeroPoint?.[c] !== z)
        return { must: `the zero point must be ${z}, that of the plain values`, got: `${scaled.zeroPoint?.[c]}`, at };
    }
    const [y, w] = [applied(plain, block), applied(scaled, big)];
    const found = firstWrong(plain, block, (i) =>
      w[i] === y[i] * a ? undefined : { must: `fakeQuant(${big.x[i]}) must be ${y[i] * a}, ${a} times fakeQuant(x)`, got: `${w[i]}` },
    );
    return found && { ...found, at: { ...found.at, ...at } };
  },
});

const permutes = defineLaw<QuantizerFamily, Fitting>({
  name: "does not care in which order it is fitted to values",
  source: "Definition: a tensor is fitted as a set of values",
  inputs: fittings,
  violation(family, fitting) {
    const { block, scheme } = fitting;
    if (scheme.axis !== null) return undefined;
    const back = { ...block, x: block.x.toReversed() };
    const [y, w] = [applied(family.fit(block, scheme), block), applied(family.fit(back, scheme), back)];
    for (let i = 0; i < y.length; i++) {
      const other = w[y.length - 1 - i];
      if (other !== y[i])
        return { must: `fakeQuant(${block.x[i]}) must be ${y[i]} for reversed values too`, got: `${other}`, at: shownFitting(fitting) };
    }
    return undefined;
  },
});

const negates = defineLaw<QuantizerFamily, Fitting>({
  name: "commutes with negation in narrow symmetric formats",
  source: "Krishnamoorthi 2018, section 2.2",
  applies: ({ schemes }) => schemes.some(({ mapping }) => mapping === "symmetricNarrow"),
  inputs: (family) => fittings({ ...family, schemes: family.schemes.filter(({ mapping }) => mapping === "symmetricNarrow") }),
  violation(family, fitting) {
    const { block, scheme } = fitting;
    const quantizer = family.fit(block, scheme);
    const minus = scaledBy(block, -1);
    const [y, w] = [applied(quantizer, block), applied(family.fit(minus, scheme), minus)];
    const found = firstWrong(quantizer, block, (i) =>
      w[i] === -y[i] ? undefined : { must: `fakeQuant(-x), fitted to -x, must be ${0 - y[i]}`, got: `${w[i]}` },
    );
    return found && { ...found, at: { ...found.at, ...shownFitting(fitting) } };
  },
});

const covers = defineLaw<QuantizerFamily<UniformQuantizer>, Fitting>({
  name: "covers the range it is fitted to",
  source: `${WHITE_PAPER}: min-max range; a rounded zero point moves the ends by up to half a step more`,
  inputs: fittings,
  violation(family, fitting) {
    const { block, scheme } = fitting;
    const quantizer = family.fit(block, scheme);
    const { min, max } = rangeOf(block, scheme.axis);
    const y = applied(quantizer, block);
    const found = firstWrong(quantizer, block, (i) => {
      const c = channelAt(quantizer, block.shape, i);
      const x = block.x[i];
      if (x !== min[c] && x !== max[c]) return undefined;
      const within = entry(quantizer.scale, c) * (scheme.mapping === "affine" ? 1 : 0.5) * (1 + 1e-6) + Math.abs(x) * 2 ** -22;
      if (Math.abs(y[i] - x) <= within) return undefined;
      return { must: `fakeQuant(x), an end of the range, must lie within ${within} of it`, got: `${y[i]}` };
    });
    return found && { ...found, at: { ...found.at, ...shownFitting(fitting) } };
  },
});

const ties = defineLaw<QuantizerFamily<UniformQuantizer>, { fitting: Fitting; exponent: number; share: number; k: number }>({
  name: "rounds every tie to even where its scale is a power of two",
  source: "ONNX QuantizeLinear; IEEE 754 roundTiesToEven",
  applies: ({ at }) => at !== undefined,
  inputs: (family) =>
    fc.record({
      fitting: fittings(family),
      exponent: fc.integer({ min: -12, max: 12 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      k: fc.integer({ min: -300, max: 300 }),
    }),
  violation({ at }, { fitting, exponent, share, k }) {
    const scheme = { ...fitting.scheme, axis: null };
    const [s, z] = [2 ** exponent, scheme.qmin + Math.floor(share * (scheme.qmax - scheme.qmin))];
    if (k + z < scheme.qmin || k + 1 + z > scheme.qmax) return undefined;
    const x = s * (k + 0.5);
    const even = s * (k % 2 === 0 ? k : k + 1);
    const got = at?.(s, z, scheme).fakeQuant(Float32Array.of(x), [1])[0];
    const { qmin, qmax } = scheme;
    return got === even
      ? undefined
      : { must: `fakeQuant(x) must be ${even}`, got: `${got}`, at: { x, scale: s, zeroPoint: z, qmin, qmax } };
  },
});

const moreBits = defineLaw<QuantizerFamily<UniformQuantizer>, { bits: number; xs: number[] }>({
  name: "errs no more with one more bit, over all scales and zero points",
  source: "Definition: the levels of b bits are levels of b + 1",
  applies: ({ at }) => at !== undefined,
  inputs: () => fc.record({ bits: fc.integer({ min: 2, max: 4 }), xs: values }),
  violation(family, { bits, xs }) {
    const [few, more] = [leastError(family, bits, xs), leastError(family, bits + 1, xs)];
    return more <= few
      ? undefined
      : { must: `the least error at ${bits + 1} bits must be at most ${few}, that at ${bits}`, got: `${more}`, at: { xs } };
  },
});

/** Least sum of squares over a fixed ladder of scales and every zero point. */
function leastError({ at }: QuantizerFamily<UniformQuantizer>, bits: number, xs: readonly number[]): number {
  const scheme = makeScheme({ bits });
  const x = Float32Array.from(xs);
  let least = Number.POSITIVE_INFINITY;
  for (let k = -4; k < 4; k++) {
    for (let z = scheme.qmin; z <= scheme.qmax; z++) {
      const y = at?.(2 ** (k / 2), z, scheme).fakeQuant(x, [x.length]) ?? [];
      const error = Array.from(y).reduce((sum, v, i) => sum + (v - x[i]) ** 2, 0);
      least = Math.min(least, error);
    }
  }
  return least;
}

const ownCodes = defineLaw<FixedQuantizer>({
  name: "has integer codes in [qmin, qmax] for the values it is fitted to",
  source: WHITE_PAPER,
  applies: ({ fitted, quantize }) => fitted !== undefined && quantize !== undefined,
  violation({ fitted, ...quantizer }) {
    const block = fitted ?? blockOf(quantizer, [0]);
    const codes = quantizer.quantize?.(block.x, block.shape) ?? [];
    const { qmin, qmax } = quantizer;
    return firstWrong(quantizer, block, (i) =>
      Number.isInteger(codes[i]) && codes[i] >= qmin && codes[i] <= qmax
        ? undefined
        : { must: `the code of x must be an integer in [${qmin}, ${qmax}]`, got: `${codes[i]}` },
    );
  },
});

const withinAStep = defineLaw<FixedQuantizer>({
  name: "moves nothing it is fitted to by more than a step",
  source: "Nagel et al. 2020 (AdaRound), eq. 5: one of the two neighbours",
  applies: ({ fitted, scale }) => fitted !== undefined && scale !== undefined,
  violation({ fitted, ...quantizer }) {
    const block = fitted ?? blockOf(quantizer, [0]);
    const y = applied(quantizer, block);
    return firstWrong(quantizer, block, (i) => {
      const s = entry(quantizer.scale ?? [1], channelAt(quantizer, block.shape, i));
      const most = s * (1 + 1e-4) + Math.abs(block.x[i]) * 2 ** -22;
      return Math.abs(y[i] - block.x[i]) <= most
        ? undefined
        : { must: `fakeQuant(x) must lie within one step, ${s}, of x`, got: `${y[i]}` };
    });
  },
});

/** What any quantizer does to the values it was fitted to, also one whose rounding was learned for each of them. */
export const fittedLaws: readonly Law<FixedQuantizer>[] = [ownCodes, withinAStep];

/** What fitting must not depend on. */
export const familyLaws: readonly Law<QuantizerFamily>[] = [scales, permutes];

/** What fitting a uniform grid to the extremes of values promises, beyond `familyLaws`. */
export const uniformFamilyLaws: readonly Law<QuantizerFamily<UniformQuantizer>>[] = [
  ...familyLaws,
  negates,
  covers,
  ties,
  moreBits,
  ...fittedLaws.map((law) => onEveryFit<UniformQuantizer>(law)),
];
