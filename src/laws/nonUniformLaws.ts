import fc from "fast-check";
import { blockOf, channelAt, channelsOf, type FixedQuantizer, type Promised, shapeOf } from "./fixedQuantizer.ts";
import { defineLaw, type Law } from "./law.ts";
import { firstWrong, onBlocks, quantizerLaws } from "./quantizerLaws.ts";

const promises =
  (promised: Promised) =>
  (quantizer: FixedQuantizer): boolean =>
    quantizer.promises?.includes(promised) ?? false;

/** Codes whose levels are listed. */
const MOST_CODES = 256;

/** The real values of all codes, one list a channel. */
function levelsOf(quantizer: FixedQuantizer): Float64Array[] {
  const { qmin, qmax } = quantizer;
  const shape = shapeOf(quantizer, 1);
  const size = shape.reduce((n, d) => n * d, 1);
  const levels = Array.from({ length: channelsOf(quantizer) }, () => new Float64Array(qmax - qmin + 1));
  for (let code = qmin; code <= qmax; code++) {
    const values = quantizer.dequantize?.(new Int32Array(size).fill(code), shape) ?? [];
    for (let i = 0; i < size; i++) levels[channelAt(quantizer, shape, i)][code - qmin] = values[i];
  }
  return levels;
}

const listsLevels = ({ dequantize, qmin, qmax }: FixedQuantizer): boolean => dequantize !== undefined && qmax - qmin < MOST_CODES;

const ordered = defineLaw<FixedQuantizer>({
  name: "gives every code a finite level",
  source: "Definition: a level is the value of a code",
  applies: listsLevels,
  violation(quantizer) {
    for (const [channel, levels] of levelsOf(quantizer).entries()) {
      const bad = levels.findIndex((level) => !Number.isFinite(level));
      if (bad >= 0) return { must: "the level must be finite", got: `${levels[bad]}`, at: { code: quantizer.qmin + bad, channel } };
    }
    return undefined;
  },
});

const onLevels = onBlocks<FixedQuantizer>(
  { name: "gives nothing but its levels", source: "Definition: fakeQuant has the values of codes", applies: listsLevels },
  (quantizer, block, y) => {
    const levels = levelsOf(quantizer).map((own) => new Set(own.map((v) => Math.fround(v))));
    return firstWrong(quantizer, block, (i) =>
      levels[channelAt(quantizer, block.shape, i)].has(Math.fround(y[i]))
        ? undefined
        : { must: "fakeQuant(x) must be the value of a code", got: `${y[i]}` },
    );
  },
);

const nearest = onBlocks<FixedQuantizer>(
  {
    name: "gives the nearest level",
    source: "Li et al. 2020 (APoT), eq. 3: projection onto the levels",
    applies: (q) => listsLevels(q) && promises("nearest level")(q),
  },
  (quantizer, block, y) => {
    const levels = levelsOf(quantizer);
    return firstWrong(quantizer, block, (i) => {
      const x = block.x[i];
      const error = Math.abs(y[i] - x);
      const closer = levels[channelAt(quantizer, block.shape, i)].find(
        (v) => Math.abs(v - x) < error * (1 - 1e-5) - Math.abs(x) * 2 ** -21,
      );
      return closer === undefined ? undefined : { must: `fakeQuant(x) must be the nearest level ${closer}`, got: `${y[i]}` };
    });
  },
);

const zero = defineLaw<FixedQuantizer>({
  name: "keeps zero exact",
  source: "promised: zero is a level",
  applies: promises("zero is a level"),
  violation(quantizer) {
    const zeros = blockOf(quantizer, [0]);
    const y = quantizer.fakeQuant(zeros.x, zeros.shape);
    return firstWrong(quantizer, zeros, (i) => (y[i] === 0 ? undefined : { must: "fakeQuant(0) must be 0", got: `${y[i]}` }));
  },
});

const odd = defineLaw<FixedQuantizer, number[]>({
  name: "commutes with negation but for ties",
  source: "promised: odd",
  applies: promises("odd"),
  // Zero is left out: without a level there, its side is a choice.
  inputs: () => fc.array(fc.integer({ min: 1, max: 1536 }), { minLength: 1, maxLength: 20 }).map((ks) => ks.map((k) => k / 1024)),
  violation(quantizer, drawn) {
    const block = blockOf(quantizer, drawn);
    const y = quantizer.fakeQuant(block.x, block.shape);
    const negated = quantizer.fakeQuant(
      block.x.map((v) => -v),
      block.shape,
    );
    return firstWrong(quantizer, block, (i) => {
      const x = block.x[i];
      // Of two levels that are equally near, which one is taken may be a matter of order.
      const tie = Math.abs(Math.abs(y[i] - x) - Math.abs(negated[i] + x)) <= Math.abs(x) * 1e-6;
      if (negated[i] === -y[i] || tie) return undefined;
      return { must: `fakeQuant(-x) must be ${-y[i]}, minus fakeQuant(x)`, got: `${negated[i]}` };
    });
  },
});

/** The laws of quantizers on any other grid: those of all, and those it promises. */
export const nonUniformLaws: readonly Law<FixedQuantizer>[] = [ordered, onLevels, nearest, zero, odd, ...quantizerLaws];
