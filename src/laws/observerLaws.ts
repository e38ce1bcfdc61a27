import fc from "fast-check";
import { ArgumentError, StateError } from "../errors.ts";
import type { Observer, Range } from "../quant/index.ts";
import { Tensor } from "../tensor/index.ts";
import { defineLaw, type Law, type Violation } from "./law.ts";

/** An observer, and what its results may depend on; on the order, `orderSensitive` of the observer itself says. */
export interface ObserverSubject {
  /** As messages call it. */
  readonly name: string;
  /** The observer per tensor (null) or along axis 1. */
  readonly make: (axis: number | null) => Observer;
  /** Set where seeing everything twice may change the result. */
  readonly duplication?: "sensitive";
  /** Set where the result may depend on how the stream is cut into tensors. */
  readonly cuts?: "sensitive";
  /** Set where the observer reads marked volumes only; it is then given marks on all. */
  readonly masked?: true;
  /** Set where ranges reach as far to either side of zero. */
  readonly symmetric?: true;
}

/** Values of one sample [2, 3], channel by channel. */
type Item = readonly number[];

/** Channels and positions of every tensor of a stream. */
const CHANNELS = 2;
const AREA = 3;

const value = fc.oneof(
  { withCrossShrink: true },
  fc.integer({ min: -50, max: 50 }),
  fc.double({ min: -50, max: 50, noNaN: true }).map((v) => (Math.abs(v) < 1e-3 ? 0 : Math.fround(v))),
);

/** Samples [2, 3] of a stream. */
export const streams: fc.Arbitrary<number[][]> = fc.array(fc.array(value, { minLength: CHANNELS * AREA, maxLength: CHANNELS * AREA }), {
  minLength: 1,
  maxLength: 6,
});

const axes = fc.constantFrom(null, 1);
const tensorOf = (values: readonly number[], shape: readonly number[]): Tensor => new Tensor(shape, "f32", Float32Array.from(values));
const pack = (items: readonly Item[]): Tensor => tensorOf(items.flat(), [items.length, CHANNELS, AREA]);
const each = (items: readonly Item[]): Tensor[] => items.map((item) => pack([item]));

/** What `observer` makes of tensors [N, C, ...] one after the other. */
export function rangeAfter(observer: Observer, batches: readonly Tensor[], masked?: true): Range {
  let state = observer.init();
  for (const x of batches) {
    const volumes = [x.shape[0], ...x.shape.slice(2)];
    const all = (): Tensor => new Tensor(volumes, "u8", new Uint8Array(volumes.reduce((n, d) => n * d, 1)).fill(1));
    state = observer.add(state, masked ? { x, mask: all() } : { x });
  }
  return observer.result(state);
}

/** What a subject makes of a stream, one sample a tensor. */
export const observed = (subject: ObserverSubject, axis: number | null, items: readonly Item[]): Range =>
  rangeAfter(subject.make(axis), each(items), subject.masked);

const shown = ({ min, max }: Range): string => Array.from(min, (low, c) => `[${low}, ${max[c]}]`).join(" ");

/** The violation where two ranges differ by more than the share `slack` of their ends. */
export function unequal(
  got: Range,
  want: Range,
  must: (range: string) => string,
  at: Readonly<Record<string, unknown>>,
  slack = 0,
): Violation | undefined {
  const near = (a: number, b: number): boolean => a === b || Math.abs(a - b) <= slack * Math.abs(b);
  const same =
    got.min.length === want.min.length && got.min.every((v, c) => near(v, want.min[c])) && got.max.every((v, c) => near(v, want.max[c]));
  return same ? undefined : { must: must(shown(want)), got: shown(got), at };
}

const isOrderFree = ({ make }: ObserverSubject): boolean => !make(null).orderSensitive;

interface Stream {
  readonly items: number[][];
  readonly axis: number | null;
}

const onStreams = fc.record({ items: streams, axis: axes });
const FOLD = "Definition: an observer is a fold over samples";

const order = defineLaw<ObserverSubject, Stream>({
  name: "does not depend on order unless it says so",
  source: FOLD,
  applies: isOrderFree,
  inputs: () => onStreams,
  violation(subject, { items, axis }) {
    const reversed = items.toReversed().map((item) => [...item.slice(0, AREA).reverse(), ...item.slice(AREA).reverse()]);
    const must = (range: string): string => `the range of the reversed stream must be ${range}, as forwards`;
    return unequal(observed(subject, axis, reversed), observed(subject, axis, items), must, { items, axis });
  },
});

/** What the mean of twice as many values may round differently by. */
const MEAN_ROUNDS = 2 ** -48;

const duplication = defineLaw<ObserverSubject, Stream>({
  name: "does not depend on duplication unless it says so, but for the rounding of means",
  source: FOLD,
  applies: (subject) => subject.duplication !== "sensitive",
  inputs: () => onStreams,
  violation(subject, { items, axis }) {
    const once = isOrderFree(subject) ? items : items.slice(0, 1);
    const twice = once.flatMap((item) => [item, item]);
    const must = (range: string): string => `the range of every sample twice must be ${range}, as of every sample once`;
    return unequal(observed(subject, axis, twice), observed(subject, axis, once), must, { items: once, axis }, MEAN_ROUNDS);
  },
});

const onCuts = fc.record({ items: streams, axis: axes, at: fc.nat(6) });
type Cut = Stream & { readonly at: number };

const partsOf = ({ items, at }: Cut): number[][][] => {
  const cut = at % (items.length + 1);
  return [items.slice(0, cut), items.slice(cut)];
};

const cuts = defineLaw<ObserverSubject, Cut>({
  name: "does not depend on how the stream is cut unless it says so",
  source: FOLD,
  applies: (subject) => subject.cuts !== "sensitive",
  inputs: () => onCuts,
  violation(subject, cut) {
    const { items, axis } = cut;
    const parts = partsOf(cut).filter((part) => part.length > 0);
    const got = rangeAfter(subject.make(axis), parts.map(pack), subject.masked);
    const must = (range: string): string => `the range of two tensors must be ${range}, as of ${items.length}`;
    return unequal(got, observed(subject, axis, items), must, { parts, axis });
  },
});

const merges = defineLaw<ObserverSubject, Cut>({
  name: "merges what two saw into what one would have seen",
  source: FOLD,
  applies: ({ make, masked }) => make(null).merge !== undefined && masked === undefined,
  inputs: () => onCuts,
  violation(subject, cut) {
    const observer = subject.make(cut.axis);
    const parts = partsOf(cut);
    const [a, b] = parts.map((part) => each(part).reduce((state, x) => observer.add(state, { x }), observer.init()));
    const must = (range: string): string => `the range of merged states must be ${range}, as of one stream`;
    const at = { parts, axis: cut.axis };
    return unequal(observer.result(observer.merge?.(a, b)), observed(subject, cut.axis, cut.items), must, at);
  },
});

const scaling = defineLaw<ObserverSubject, Stream & { readonly exponent: number }>({
  name: "commutes with scaling by powers of two",
  source: "Definition: the unit of the values is a convention",
  inputs: () => fc.record({ items: streams, axis: axes, exponent: fc.integer({ min: -10, max: 10 }) }),
  violation(subject, { items, axis, exponent }) {
    const factor = 2 ** exponent;
    const plain = observed(subject, axis, items);
    const big = items.map((item) => item.map((v) => v * factor));
    const want = { min: plain.min.map((v) => v * factor), max: plain.max.map((v) => v * factor) };
    const must = (range: string): string => `the range of values times ${factor} must be ${range}`;
    return unequal(observed(subject, axis, big), want, must, { items, axis, factor });
  },
});

/** Extremes of a stream, widened to zero: the most a range may reach. */
function widest(items: readonly Item[], axis: number | null, symmetric: boolean): Range {
  const channels = axis === null ? 1 : CHANNELS;
  const of = (c: number): number[] => items.flatMap((item) => (axis === null ? item : item.slice(c * AREA, (c + 1) * AREA)));
  const low = Float64Array.from({ length: channels }, (_, c) => Math.min(0, ...of(c)));
  const high = Float64Array.from({ length: channels }, (_, c) => Math.max(0, ...of(c)));
  if (!symmetric) return { min: low, max: high };
  const most = low.map((v, c) => Math.max(-v, high[c]));
  return { min: most.map((v) => -v), max: most };
}

const within = defineLaw<ObserverSubject, Stream>({
  name: "stays within the extremes, widened to zero",
  source: "Definition: a range covers no more than was seen",
  inputs: () => onStreams,
  violation(subject, { items, axis }) {
    const got = observed(subject, axis, items);
    const most = widest(items, axis, subject.symmetric === true);
    const inside = got.min.every((low, c) => low >= most.min[c] && got.max[c] <= most.max[c] && low <= got.max[c]);
    return inside ? undefined : { must: `the range must lie within ${shown(most)}`, got: shown(got), at: { items, axis } };
  },
});

const perChannel = defineLaw<ObserverSubject, number[][]>({
  name: "is per channel what it is per tensor on every channel",
  source: "Krishnamoorthi 2018, section 2.4: per-channel quantization",
  inputs: () => streams,
  violation(subject, items) {
    const together = observed(subject, 1, items);
    for (let c = 0; c < CHANNELS; c++) {
      const slices = items.map((item) => tensorOf(item.slice(c * AREA, (c + 1) * AREA), [1, 1, AREA]));
      const got = { min: together.min.slice(c, c + 1), max: together.max.slice(c, c + 1) };
      const must = (range: string): string => `the range of channel ${c} must be ${range}, as alone`;
      const found = unequal(got, rangeAfter(subject.make(null), slices, subject.masked), must, { items });
      if (found) return found;
    }
    return undefined;
  },
});

/** The violation where `act` does not throw what `kind` accepts. */
function unthrown(act: () => Range, kind: (error: unknown) => boolean, must: string, at: Record<string, unknown>): Violation | undefined {
  let got: string;
  try {
    got = shown(act());
  } catch (error) {
    if (kind(error)) return undefined;
    got = String(error);
  }
  return { must, got, at };
}

const empties = defineLaw<ObserverSubject, Stream>({
  name: "ignores empty tensors, and has no range of nothing",
  source: FOLD,
  inputs: () => onStreams,
  violation(subject, { items, axis }) {
    const empty = tensorOf([], [0, CHANNELS, AREA]);
    const got = rangeAfter(subject.make(axis), [empty, ...each(items), empty], subject.masked);
    const must = (range: string): string => `the range beside empty tensors must be ${range}, as without`;
    const refuses = (): Range => rangeAfter(subject.make(axis), [empty], subject.masked);
    return (
      unequal(got, observed(subject, axis, items), must, { items, axis }) ??
      unthrown(refuses, (e) => e instanceof StateError, "the range of nothing must be a StateError", { axis })
    );
  },
});

const refuses = defineLaw<ObserverSubject, { bad: number; at: number }>({
  name: "refuses NaN and infinities",
  source: "Definition: a range is finite",
  inputs: () =>
    fc.record({
      bad: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
      at: fc.nat(CHANNELS * AREA - 1),
    }),
  violation(subject, { bad, at }) {
    const item = Array.from({ length: CHANNELS * AREA }, (_, i) => (i === at ? bad : i));
    return unthrown(
      () => observed(subject, null, [item]),
      (e) => e instanceof ArgumentError,
      "the range must be an ArgumentError",
      { values: item },
    );
  },
});

/** The laws of range observers. */
export const observerLaws: readonly Law<ObserverSubject>[] = [
  order,
  duplication,
  cuts,
  merges,
  scaling,
  within,
  perChannel,
  empties,
  refuses,
];
