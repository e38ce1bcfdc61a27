import fc from "fast-check";
import { roundHalfEven } from "../tensor/index.ts";
import {
  type Block,
  blockOf,
  channelAt,
  channelsOf,
  entry,
  type FixedQuantizer,
  shapeOf,
  type UniformQuantizer,
} from "./fixedQuantizer.ts";
import { defineLaw, type Law, type Violation } from "./law.ts";
import { firstWrong, onBlocks, quantizerLaws, WHITE_PAPER } from "./quantizerLaws.ts";

/** Smallest normal float32. */
const SMALLEST_NORMAL = 2 ** -126;

/** The first channel where `wrong` finds something. */
function firstChannel(
  quantizer: UniformQuantizer,
  wrong: (c: number) => Pick<Violation, "must" | "got"> | undefined,
): Violation | undefined {
  for (let c = 0; c < quantizer.scale.length; c++) {
    const found = wrong(c);
    if (found) return { ...found, at: { channel: c } };
  }
  return undefined;
}

const positiveScales = defineLaw<UniformQuantizer>({
  name: "has positive, finite, normal scales",
  source: "ONNX QuantizeLinear; below 2^-126 runtimes may flush to zero",
  violation: (quantizer) =>
    firstChannel(quantizer, (c) => {
      const s = quantizer.scale[c];
      return s >= SMALLEST_NORMAL && s < Number.POSITIVE_INFINITY
        ? undefined
        : { must: "the scale must be finite and at least 2^-126", got: `${s}` };
    }),
});

const zeroPointsAreCodes = defineLaw<UniformQuantizer>({
  name: "has a code as zero point",
  source: "ONNX QuantizeLinear; Jacob et al. 2018, eq. 1",
  violation({ zeroPoint, scale, qmin, qmax, ...rest }) {
    if (zeroPoint.length !== scale.length)
      return { must: `there must be ${scale.length} zero points, one a scale`, got: `${zeroPoint.length}`, at: {} };
    return firstChannel({ zeroPoint, scale, qmin, qmax, ...rest }, (c) =>
      Number.isInteger(zeroPoint[c]) && zeroPoint[c] >= qmin && zeroPoint[c] <= qmax
        ? undefined
        : { must: `the zero point must be an integer in [${qmin}, ${qmax}]`, got: `${zeroPoint[c]}` },
    );
  },
});

/** A law about every channel of a block that one share fills. */
const onOne = (quantizer: FixedQuantizer, at: (c: number) => number): Block => {
  const block = blockOf(quantizer, [0]);
  return { ...block, x: block.x.map((_, i) => at(channelAt(quantizer, block.shape, i))) };
};

const zeroIsExact = defineLaw<UniformQuantizer>({
  name: "keeps zero exact",
  source: "Jacob et al. 2018, section 2.1: padding and ReLU need a code of 0",
  violation(quantizer) {
    const zeros = onOne(quantizer, () => 0);
    const y = quantizer.fakeQuant(zeros.x, zeros.shape);
    return firstWrong(quantizer, zeros, (i) => (y[i] === 0 ? undefined : { must: "fakeQuant(0) must be 0", got: `${y[i]}` }));
  },
});

/** The real values of the lowest and the highest code of a channel, rounded to float32. */
const endsOf = ({ scale, zeroPoint, qmin, qmax }: UniformQuantizer, c: number): readonly [number, number] => [
  Math.fround(entry(scale, c) * (qmin - entry(zeroPoint, c))),
  Math.fround(entry(scale, c) * (qmax - entry(zeroPoint, c))),
];

/** What the float32 quotient x / scale may be off by, in units of x. */
const quotientError = (x: number): number => Math.abs(x) * 2 ** -22;

const halfAStep = onBlocks<UniformQuantizer>(
  { name: "errs by at most half a step inside its range", source: `${WHITE_PAPER}: rounding error` },
  (quantizer, block, y) =>
    firstWrong(quantizer, block, (i) => {
      const x = block.x[i];
      const c = channelAt(quantizer, block.shape, i);
      const [low, high] = endsOf(quantizer, c);
      const half = entry(quantizer.scale, c) / 2;
      if (x < low || x > high || Math.abs(y[i] - x) <= half * (1 + 1e-6) + quotientError(x)) return undefined;
      return { must: `fakeQuant(x) must lie within ${half} of x, inside the range [${low}, ${high}]`, got: `${y[i]}` };
    }),
);

const saturates = onBlocks<UniformQuantizer>(
  { name: "saturates at its end codes", source: `${WHITE_PAPER}: clipping` },
  (quantizer, block, y) =>
    firstWrong(quantizer, block, (i) => {
      const [low, high] = endsOf(quantizer, channelAt(quantizer, block.shape, i));
      const x = block.x[i];
      if (x >= low && x <= high) return undefined;
      const end = x > high ? high : low;
      return Math.fround(y[i]) === end ? undefined : { must: `fakeQuant(x) must be the end ${end} of its range`, got: `${y[i]}` };
    }),
);

const tiesToEven = defineLaw<UniformQuantizer, number>({
  name: "rounds ties to even",
  source: "ONNX QuantizeLinear; IEEE 754 roundTiesToEven",
  inputs: ({ qmin, qmax }) => fc.integer({ min: qmin - qmax, max: qmax - qmin }),
  violation(quantizer, k) {
    const { zeroPoint, qmin, qmax } = quantizer;
    const exact = (c: number): number => entry(quantizer.scale, c) * (k + 0.5);
    const ties = onOne(quantizer, exact);
    const y = quantizer.fakeQuant(ties.x, ties.shape);
    return firstWrong(quantizer, ties, (i) => {
      const c = channelAt(quantizer, ties.shape, i);
      const [s, z] = [entry(quantizer.scale, c), entry(zeroPoint, c)];
      // Only where the tie is a float32 is it a tie to every implementation.
      if (ties.x[i] !== exact(c) || k + z < qmin || k + 1 + z > qmax) return undefined;
      const even = Math.fround(s * roundHalfEven(k + 0.5));
      const must = `fakeQuant(x), half a step above ${Math.fround(s * k)}, must be ${even}, an even number of steps`;
      return Math.fround(y[i]) === even ? undefined : { must, got: `${y[i]}` };
    });
  },
});

const meansItsCodes = defineLaw<UniformQuantizer, number>({
  name: "has levels at scale * (code - zero point)",
  source: "Jacob et al. 2018, eq. 1",
  applies: ({ dequantize }) => dequantize !== undefined,
  inputs: ({ qmin, qmax }) => fc.integer({ min: qmin, max: qmax }),
  violation(quantizer, code) {
    const shape = shapeOf(quantizer, 1);
    const codes = new Int32Array(shape.reduce((n, d) => n * d, 1)).fill(code);
    const y = quantizer.dequantize?.(codes, shape) ?? [];
    for (let i = 0; i < codes.length; i++) {
      const c = channelAt(quantizer, shape, i);
      const [scale, zeroPoint] = [entry(quantizer.scale, c), entry(quantizer.zeroPoint, c)];
      const level = Math.fround(scale * (code - zeroPoint));
      if (Math.fround(y[i]) === level) continue;
      return { must: `code ${code} must mean ${level}`, got: `${y[i]}`, at: { code, channel: c, scale, zeroPoint } };
    }
    return undefined;
  },
});

/** Whether every channel has as many steps below zero as above. */
const isSymmetric = ({ zeroPoint, qmin, qmax }: UniformQuantizer): boolean => Array.from(zeroPoint).every((z) => z - qmin === qmax - z);

const negates = onBlocks<UniformQuantizer>(
  { name: "commutes with negation where its codes are symmetric", source: "Krishnamoorthi 2018, section 2.2", applies: isSymmetric },
  (quantizer, block, y) => {
    const negated = quantizer.fakeQuant(
      block.x.map((v) => -v),
      block.shape,
    );
    return firstWrong(quantizer, block, (i) =>
      negated[i] === -y[i] ? undefined : { must: `fakeQuant(-x) must be ${0 - y[i]}, minus fakeQuant(x)`, got: `${negated[i]}` },
    );
  },
);

const parametersPerChannel = defineLaw<UniformQuantizer>({
  name: "has parameters for every channel",
  source: "ONNX QuantizeLinear: scale has one entry, or as many as the axis",
  violation(quantizer) {
    const channels = channelsOf(quantizer);
    const { scale, axis = null } = quantizer;
    if (scale.length === 1 || scale.length === channels) return undefined;
    return { must: `there must be ${channels} scales, or one`, got: `${scale.length}`, at: { axis } };
  },
});

/** The laws of quantizers on a uniform grid: those of all, and what scale and zero point promise. */
export const uniformLaws: readonly Law<UniformQuantizer>[] = [
  positiveScales,
  zeroPointsAreCodes,
  parametersPerChannel,
  zeroIsExact,
  halfAStep,
  saturates,
  tiesToEven,
  meansItsCodes,
  negates,
  ...quantizerLaws,
];
