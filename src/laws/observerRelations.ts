import fc from "fast-check";
import { type Mapping, makeScheme, minmaxObserver, type Observer, type Range, type Scheme, uniformAffine } from "../quant/index.ts";
import { Tensor } from "../tensor/index.ts";
import { defineLaw, type Law } from "./law.ts";
import { type ObserverSubject, observed, streams, unequal } from "./observerLaws.ts";

/** Observers of one kind by the share of values they keep. */
export interface PercentileFamily {
  /** As messages call it. */
  readonly name: string;
  /** The observer that keeps this percentage, 0 to 100, of the values. */
  readonly make: (percentile: number) => Observer;
}

const extremes: ObserverSubject = { name: "minmax", make: (axis) => minmaxObserver({ axis }) };
const percentage = fc.oneof({ withCrossShrink: true }, fc.integer({ min: 0, max: 100 }), fc.double({ min: 0, max: 100, noNaN: true }));
const shown = ({ min, max }: Range): string => `[${min[0]}, ${max[0]}]`;

const nested = defineLaw<PercentileFamily, { items: number[][]; p: number; q: number }>({
  name: "is nested: a larger percentage never gives a narrower range",
  source: "Definition: quantiles are ordered",
  inputs: () => fc.record({ items: streams, p: percentage, q: percentage }),
  violation({ name, make }, { items, p, q }) {
    const at = (percent: number): Range => observed({ name, make: () => make(percent) }, null, items);
    const [few, many] = [Math.min(p, q), Math.max(p, q)];
    const [small, large] = [at(few), at(many)];
    if (small.min[0] >= large.min[0] && small.max[0] <= large.max[0]) return undefined;
    return { must: `the range at ${few} % must lie within ${shown(large)}, that at ${many} %`, got: shown(small), at: { items } };
  },
});

const all = defineLaw<PercentileFamily, number[][]>({
  name: "is min-max at 100 %",
  source: "Definition: the extremes are the outermost quantiles",
  inputs: () => streams,
  violation: ({ name, make }, items) =>
    unequal(
      observed({ name, make: () => make(100) }, null, items),
      observed(extremes, null, items),
      (range) => `the range at 100 % must be ${range}, the extremes`,
      { items },
    ),
});

/** The laws of observers that keep a percentage of the values. */
export const percentileLaws: readonly Law<PercentileFamily>[] = [nested, all];

/** An observer that searches the range of least error to the power p. */
export interface SearchFamily {
  /** As messages call it. */
  readonly name: string;
  /** The observer for a format and a power of the error. */
  readonly make: (scheme: Scheme, p: number) => Observer;
}

const MAPPINGS: readonly Mapping[] = ["affine", "symmetricNarrow"];

const noWorse = defineLaw<SearchFamily, { items: number[][]; p: number; bits: number; mapping: Mapping }>({
  name: "is never worse than min-max in the error it searches for",
  source: "Definition: the extremes are among the candidates",
  inputs: () =>
    fc.record({
      items: streams,
      p: fc.constantFrom(2, 2.4),
      bits: fc.integer({ min: 2, max: 8 }),
      mapping: fc.constantFrom(...MAPPINGS),
    }),
  violation({ name, make }, { items, p, bits, mapping }) {
    const scheme = makeScheme({ bits, mapping });
    const values = Float32Array.from(items.flat());
    const x = new Tensor([values.length], "f32", values);
    const error = (range: Range): number => {
      const y = uniformAffine.fakeQuant(x, uniformAffine.init(range, scheme), scheme);
      return values.reduce((sum, v, i) => sum + Math.abs(y.data[i] - v) ** p, 0);
    };
    const [searched, plain] = [observed({ name, make: () => make(scheme, p) }, null, items), observed(extremes, null, items)];
    const most = error(plain) * (1 + 1e-4) + 1e-9;
    if (error(searched) <= most) return undefined;
    const must = `the error of ${shown(searched)} must be at most ${most}, that of the extremes ${shown(plain)}`;
    return { must, got: `${error(searched)}`, at: { items, p, bits, mapping } };
  },
});

/** The laws of observers that search for least error. */
export const searchLaws: readonly Law<SearchFamily>[] = [noWorse];

const union = defineLaw<ObserverSubject, { a: number[][]; b: number[][]; axis: number | null }>({
  name: "has as range of a union the merge of the ranges",
  source: "Definition: extremes of a union",
  inputs: () => fc.record({ a: streams, b: streams, axis: fc.constantFrom(null, 1) }),
  violation(subject, { a, b, axis }) {
    const [first, second] = [observed(subject, axis, a), observed(subject, axis, b)];
    const merged = {
      min: first.min.map((v, c) => Math.min(v, second.min[c])),
      max: first.max.map((v, c) => Math.max(v, second.max[c])),
    };
    const must = (range: string): string => `the range of both must be ${range}, the merge of theirs`;
    return unequal(observed(subject, axis, [...a, ...b]), merged, must, { a, b, axis });
  },
});

/** The laws of observers that keep the extremes. */
export const extremesLaws: readonly Law<ObserverSubject>[] = [union];
