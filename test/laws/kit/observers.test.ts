import { expect, test } from "vitest";
import { lawReports, type ObserverSubject, observerLaws } from "../../../src/laws/index.ts";
import { minmaxObserver, type Observer, type Range } from "../../../src/quant/index.ts";
import { Tensor } from "../../../src/tensor/index.ts";

type Right = ReturnType<typeof minmaxObserver>;
type State = ReturnType<Right["init"]>;
type Sample = Parameters<Right["add"]>[1];

/** Min-max but for what `part` changes. */
const but =
  (part: (right: Right, axis: number | null) => Partial<Observer<State>>): ObserverSubject["make"] =>
  (axis) => {
    const right = minmaxObserver({ axis });
    return { ...right, ...part(right, axis) } as Observer;
  };

/** Min-max whose ends are changed afterwards. */
const ending = (end: (v: number) => number): ObserverSubject["make"] =>
  but((right) => ({
    result(state): Range {
      const { min, max } = right.result(state);
      return { min: min.map(end), max: max.map(end) };
    },
  }));

const finite = ({ x }: Sample): Sample => ({
  x: new Tensor(
    x.shape,
    "f32",
    Float32Array.from(x.data, (v: number) => (Number.isFinite(v) ? v : 0)),
  ),
});

/** Min-max that halves its range with each tensor after the first. */
const narrowing: ObserverSubject["make"] = (axis) => {
  const right = minmaxObserver({ axis });
  const observer: Observer<{ state: State; tensors: number }> = {
    ...{ name: "narrowing", orderSensitive: false },
    init: () => ({ state: right.init(), tensors: 0 }),
    add: ({ state, tensors }, sample) => ({ state: right.add(state, sample), tensors: tensors + 1 }),
    result({ state, tensors }) {
      const { min, max } = right.result(state);
      return { min: min.map((v) => v * 2 ** -tensors), max: max.map((v) => v * 2 ** -tensors) };
    },
  };
  return observer as Observer;
};

/** Wrong observers, and the law that says so. */
const WRONG: readonly (readonly [law: string, name: string, make: ObserverSubject["make"]])[] = [
  ["does not depend on order unless it says so", "last", but((right) => ({ add: (_, sample) => right.add(right.init(), sample) }))],
  ["does not depend on duplication unless it says so, but for the rounding of means", "narrowing", narrowing],
  ["does not depend on how the stream is cut unless it says so", "narrowing", narrowing],
  ["merges what two saw into what one would have seen", "first of two", but(() => ({ merge: (a) => a }))],
  ["commutes with scaling by powers of two", "up to 6", ending((v) => Math.min(6, v))],
  ["stays within the extremes, widened to zero", "doubled", ending((v) => 2 * v)],
  [
    "is per channel what it is per tensor on every channel",
    "widest channel",
    but((right) => ({
      result(state): Range {
        const { min, max } = right.result(state);
        return { min: min.fill(Math.min(...min)), max: max.fill(Math.max(...max)) };
      },
    })),
  ],
  [
    "ignores empty tensors, and has no range of nothing",
    "zero for nothing",
    but((right) => ({
      result: (state) => (state.channels.length === 0 ? { min: Float64Array.of(0), max: Float64Array.of(0) } : right.result(state)),
    })),
  ],
  ["refuses NaN and infinities", "forgiving", but((right) => ({ add: (state, sample) => right.add(state, finite(sample)) }))],
];

test.each(WRONG.map(([law, name, make]) => ({ law, name, make })))("laws of observers tell $name: $law", ({ law, name, make }) => {
  const broken = lawReports({ name, make }, observerLaws, { seed: 1 }).filter(({ outcome }) => outcome === "broken");
  expect(broken.map((report) => report.law)).toContain(law);
});

test("every law of observers is one that some observer breaks", () => {
  expect(observerLaws.map(({ name }) => name)).toEqual(WRONG.map(([law]) => law));
});
