import fc from "fast-check";
import { type Block, blockOf, channelAt, channelsOf, entry, type FixedQuantizer, placeOf, reachOf, shares } from "./fixedQuantizer.ts";
import { defineLaw, type Law, type Violation } from "./law.ts";

/** Sections of the literature's common ground: Nagel et al. 2021 and Krishnamoorthi 2018. */
export const WHITE_PAPER = "Nagel et al. 2021, section 2.2";

/** The first element where `wrong` finds something, with its place. */
export function firstWrong(
  quantizer: FixedQuantizer,
  block: Block,
  wrong: (i: number) => Pick<Violation, "must" | "got"> | undefined,
): Violation | undefined {
  for (let i = 0; i < block.x.length; i++) {
    const found = wrong(i);
    if (found) return { ...found, at: placeOf(quantizer, block, i) };
  }
  return undefined;
}

/** A law about the grid values of any block. */
export const onBlocks = <Q extends FixedQuantizer>(
  { name, source, applies }: { name: string; source: string; applies?: (q: Q) => boolean },
  violation: (quantizer: Q, block: Block, y: ArrayLike<number>) => Violation | undefined,
): Law<Q> =>
  defineLaw<Q, number[]>({
    ...{ name, source, ...(applies && { applies }) },
    inputs: () => shares,
    violation(quantizer, drawn) {
      const block = blockOf(quantizer, drawn);
      return violation(quantizer, block, quantizer.fakeQuant(block.x, block.shape));
    },
  });

const whole = onBlocks<FixedQuantizer>(
  { name: "gives a finite value for every value", source: "Definition: a map of finite values to finite values" },
  (quantizer, block, y) =>
    y.length === block.x.length
      ? firstWrong(quantizer, block, (i) => (Number.isFinite(y[i]) ? undefined : { must: "fakeQuant(x) must be finite", got: `${y[i]}` }))
      : {
          ...{ must: `fakeQuant of ${block.x.length} values must give as many`, got: `${y.length}` },
          at: { x: Array.from(block.x), shape: [...block.shape] },
        },
);

const idempotent = onBlocks<FixedQuantizer>({ name: "is idempotent", source: WHITE_PAPER }, (quantizer, block, y) => {
  const once = Float32Array.from(y);
  const twice = quantizer.fakeQuant(once, block.shape);
  return firstWrong(quantizer, block, (i) =>
    Math.fround(twice[i]) === once[i]
      ? undefined
      : { must: `fakeQuant(${once[i]}), a value of the grid, must be itself`, got: `${twice[i]}` },
  );
});

const monotone = onBlocks<FixedQuantizer>({ name: "is monotone", source: WHITE_PAPER }, (quantizer, block, y) => {
  const order = Array.from(block.x, (_, i) => i).sort((a, b) => block.x[a] - block.x[b]);
  const last = new Map<number, number>();
  for (const i of order) {
    const c = channelAt(quantizer, block.shape, i);
    const before = last.get(c);
    if (before !== undefined && y[i] < y[before]) {
      const below = `fakeQuant(${block.x[before]}) = ${y[before]}`;
      return { must: `fakeQuant(x) must be at least ${below}`, got: `${y[i]}`, at: placeOf(quantizer, block, i) };
    }
    last.set(c, i);
  }
  return undefined;
});

const integerCodes = onBlocks<FixedQuantizer>(
  { name: "has integer codes in [qmin, qmax]", source: WHITE_PAPER, applies: (q) => q.quantize !== undefined },
  (quantizer, block) => {
    const { quantize, qmin, qmax } = quantizer;
    const codes = quantize?.(block.x, block.shape) ?? [];
    return firstWrong(quantizer, block, (i) =>
      Number.isInteger(codes[i]) && codes[i] >= qmin && codes[i] <= qmax
        ? undefined
        : { must: `the code of x must be an integer in [${qmin}, ${qmax}]`, got: `${codes[i]}` },
    );
  },
);

const sameTwoWays = onBlocks<FixedQuantizer>(
  {
    name: "simulates what its codes mean, bit for bit",
    source: "Definition: fakeQuant = dequantize after quantize; 0 and -0 count as equal",
    applies: (q) => q.quantize !== undefined && q.dequantize !== undefined,
  },
  (quantizer, block, y) => {
    const codes = Int32Array.from(quantizer.quantize?.(block.x, block.shape) ?? []);
    const through = quantizer.dequantize?.(codes, block.shape) ?? [];
    return firstWrong(quantizer, block, (i) =>
      through[i] === y[i] ? undefined : { must: `fakeQuant(x) must be ${through[i]}, the value of its code ${codes[i]}`, got: `${y[i]}` },
    );
  },
);

/** Points a level in a sweep, and the most codes that one sweep goes over. */
const SWEEP = { perLevel: 3, codes: 1024 } as const;

/** What is wrong where a channel's values, swept from one end to the other, fall on more levels than there are `codes`. */
function tooMany(
  quantizer: FixedQuantizer,
  codes: number,
  ends: (c: number) => readonly [from: number, to: number],
): Violation | undefined {
  const points = SWEEP.perLevel * codes + 1;
  const channels = Array.from({ length: channelsOf(quantizer) }, (_, c) => ends(c));
  // Element k of a channel is point k of the sweep: [C, n] for axis 0, [1, C, n] for axis 1.
  const x = Float32Array.from({ length: points * channels.length }, (_, i) => {
    const [from, to] = channels[Math.floor(i / points)];
    return from + ((to - from) * (i % points)) / (points - 1);
  });
  const y = Array.from(quantizer.fakeQuant(x, sweepShape(quantizer, points)));
  for (const [channel, [from, to]] of channels.entries()) {
    const found = new Set(y.slice(channel * points, (channel + 1) * points)).size;
    if (found > codes)
      return { must: `${points} values must fall on at most ${codes} levels`, got: `${found}`, at: { from, to, points, channel } };
  }
  return undefined;
}

const codesOf = ({ qmin, qmax }: FixedQuantizer): number => qmax - qmin + 1;

const fewLevels = defineLaw<FixedQuantizer>({
  name: "has at most as many levels as codes",
  source: WHITE_PAPER,
  applies: (quantizer) => codesOf(quantizer) <= SWEEP.codes,
  violation: (quantizer) => tooMany(quantizer, codesOf(quantizer), (c) => [-1.5 * reachOf(quantizer, c), 1.5 * reachOf(quantizer, c)]),
});

/** The value of a code, for each channel: where `dequantize` or the scale says so. */
function valuesOf(quantizer: FixedQuantizer, code: number): number[] {
  const { dequantize, scale = [], zeroPoint = [0] } = quantizer;
  const channels = Array.from({ length: channelsOf(quantizer) }, (_, c) => c);
  if (!dequantize) return channels.map((c) => entry(scale, c) * (code - entry(zeroPoint, c)));
  const values = dequantize(new Int32Array(channels.length).fill(code), sweepShape(quantizer, 1));
  return channels.map((c) => values[c]);
}

/** Most codes from one to another, both counted. */
const WINDOW = 64;

const fewBetween = defineLaw<FixedQuantizer, { first: number; codes: number }>({
  name: "has no levels but those of the codes between two codes",
  source: WHITE_PAPER,
  applies: ({ dequantize, scale }) => dequantize !== undefined || scale !== undefined,
  inputs: ({ qmin, qmax }) => fc.record({ first: fc.integer({ min: qmin, max: qmax }), codes: fc.integer({ min: 2, max: WINDOW }) }),
  violation(quantizer, { first, codes }) {
    const last = Math.min(quantizer.qmax, first + codes - 1);
    const [from, to] = [valuesOf(quantizer, first), valuesOf(quantizer, last)];
    const found = tooMany(quantizer, last - first + 1, (c) => [from[c], to[c]]);
    return found && { ...found, at: { ...found.at, codes: [first, last] } };
  },
});

const sweepShape = (quantizer: FixedQuantizer, points: number): number[] => {
  const { axis = null } = quantizer;
  return axis === null ? [points] : [...new Array<number>(axis).fill(1), channelsOf(quantizer), points];
};

const flat = defineLaw<FixedQuantizer, number>({
  name: "is flat beyond its ends",
  source: WHITE_PAPER,
  inputs: () => fc.integer({ min: 1, max: 20 }),
  violation(quantizer, exponent) {
    const near = blockOf(quantizer, [1.5, -1.5]);
    const far = { ...near, x: near.x.map((v) => v * 2 ** exponent) };
    const y = quantizer.fakeQuant(near.x, near.shape);
    const beyond = quantizer.fakeQuant(far.x, far.shape);
    return firstWrong(quantizer, far, (i) =>
      beyond[i] === y[i]
        ? undefined
        : { must: `fakeQuant(x) must be fakeQuant(${near.x[i]}) = ${y[i]}, both lie beyond the ends`, got: `${beyond[i]}` },
    );
  },
});

/** A turn of the values within every channel: what stands where. */
function turned(quantizer: FixedQuantizer, { x, shape }: Block): Int32Array {
  const members: number[][] = Array.from({ length: channelsOf(quantizer) }, () => []);
  for (let i = 0; i < x.length; i++) members[channelAt(quantizer, shape, i)].push(i);
  const from = new Int32Array(x.length);
  for (const own of members) own.forEach((i, k) => (from[i] = own[(k + 1) % own.length]));
  return from;
}

/** Values moved within a channel keep their results: also what tells a wrong axis. */
export const permutes = onBlocks<FixedQuantizer>(
  { name: "does not care where in its channel a value stands", source: "Definition: all values of a channel share its parameters" },
  (quantizer, block, y) => {
    const from = turned(quantizer, block);
    const moved = quantizer.fakeQuant(
      Float32Array.from(from, (i) => block.x[i]),
      block.shape,
    );
    for (let k = 0; k < from.length; k++) {
      if (moved[k] === y[from[k]]) continue;
      const must = `fakeQuant(x) must be ${y[from[k]]} at element ${k} too, of the same channel`;
      return { must, got: `${moved[k]}`, at: placeOf(quantizer, block, from[k]) };
    }
    return undefined;
  },
);

/** The laws of every quantizer that decides on each value by itself. */
export const quantizerLaws: readonly Law<FixedQuantizer>[] = [
  whole,
  idempotent,
  monotone,
  integerCodes,
  sameTwoWays,
  fewLevels,
  fewBetween,
  flat,
  permutes,
];
