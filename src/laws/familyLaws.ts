import fc from "fast-check";
import type { Scheme } from "../quant/index.ts";
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

/** Any of the integers from `min` to `max`, by a share of 0 to 1. */
const atShare = (share: number, min: number, max: number): number => min + Math.floor(share * (max - min + 1 - 1e-9));
const share = fc.double({ min: 0, max: 1, noNaN: true });
const exponents = fc.integer({ min: -12, max: 12 });

const ties = defineLaw<QuantizerFamily<UniformQuantizer>, { fitting: Fitting; exponent: number; zero: number; below: number }>({
  name: "rounds every tie to even where its scale is a power of two",
  source: "ONNX QuantizeLinear; IEEE 754 roundTiesToEven",
  applies: ({ at }) => at !== undefined,
  inputs: (family) => fc.record({ fitting: fittings(family), exponent: exponents, zero: share, below: share }),
  violation(family, { fitting, exponent, zero, below }) {
    const scheme = { ...fitting.scheme, axis: null };
    const { qmin, qmax, mapping } = scheme;
    // Only an affine format takes any zero point; what a symmetric one takes, a fit says.
    const z = mapping === "affine" ? atShare(zero, qmin, qmax) : entry(family.fit(fitting.block, scheme).zeroPoint, 0);
    const [s, k] = [2 ** exponent, atShare(below, qmin, qmax - 1) - z];
    const x = s * (k + 0.5);
    const even = s * (k % 2 === 0 ? k : k + 1);
    const got = family.at?.(s, z, scheme).fakeQuant(Float32Array.of(x), [1])[0];
    return got === even
      ? undefined
      : { must: `fakeQuant(x) must be ${even}`, got: `${got}`, at: { x, scale: s, zeroPoint: z, qmin, qmax } };
  },
});

/** Affine formats of one more bit beside those whose codes they contain. */
const neighbours = (schemes: readonly Scheme[]): (readonly [few: Scheme, more: Scheme])[] => {
  const affine = schemes.filter(({ mapping }) => mapping === "affine");
  const contains = (more: Scheme, few: Scheme): boolean => more.qmin <= few.qmin && few.qmax <= more.qmax;
  return affine.flatMap((few) =>
    affine.filter((more) => more.bits === few.bits + 1 && contains(more, few)).map((more) => [few, more] as const),
  );
};

const moreBits = defineLaw<
  QuantizerFamily<UniformQuantizer>,
  { formats: readonly [Scheme, Scheme]; exponent: number; zero: number; xs: number[] }
>({
  name: "errs no more with one more bit, at the same scale and zero point",
  source: "Definition: the levels of b bits are levels of b + 1",
  applies: ({ at, schemes }) => at !== undefined && neighbours(schemes).length > 0,
  inputs: ({ schemes }) => fc.record({ formats: fc.constantFrom(...neighbours(schemes)), exponent: exponents, zero: share, xs: values }),
  violation({ at }, { formats, exponent, zero, xs }) {
    const [few, more] = formats;
    const [scale, zeroPoint] = [2 ** exponent, atShare(zero, few.qmin, few.qmax)];
    const x = Float32Array.from(xs);
    const [y, w] = [few, more].map((scheme) => at?.(scale, zeroPoint, { ...scheme, axis: null }).fakeQuant(x, [x.length]) ?? []);
    const worse = x.findIndex((v, i) => !(Math.abs(w[i] - v) <= Math.abs(y[i] - v)));
    if (worse < 0) return undefined;
    const must = `fakeQuant(x) at ${more.bits} bits must be as near as ${y[worse]}, that at ${few.bits}`;
    return { must, got: `${w[worse]}`, at: { x: x[worse], scale, zeroPoint, signed: few.signed } };
  },
});

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
