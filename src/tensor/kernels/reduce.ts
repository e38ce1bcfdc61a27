import type { ReduceAttrs } from "../ops/reduce.ts";
import { stridesOf } from "../shape.ts";
import { type Axis, mergeAxes, walk } from "./axes.ts";
import type { FastKernel } from "./index.ts";
import { placeLineSums } from "./lineSums.ts";
import { placeChannelSums } from "./moments.ts";
import { allFloat, countOf, floatsOf } from "./placement.ts";

interface Fold {
  readonly start: number;
  /** Folds x[from .. from + length) into one running value. */
  run(value: number, x: Float32Array, from: number, length: number): number;
  /** Folds one element. */
  one(value: number, x: number): number;
  readonly mean?: boolean;
  /** What it adds up from 0, where that is what it does. */
  readonly adds?: "values" | "magnitudes";
}

/** Sizes of batch, channels and inner where only the channels stay; undefined for other reductions. */
function channelsOf(axes: readonly Axis[]): [number, number, number] | undefined {
  const [inner, channels, batch = [1, [0]]] = axes.toReversed() as [Axis, Axis | undefined, Axis | undefined];
  const fits = axes.length <= 3 && inner[1][0] === 0 && channels?.[1][0] === 1 && batch[1][0] === 0;
  return fits ? [batch[0], channels[0], inner[0]] : undefined;
}

/** Sizes of outer, lines and inner where only the lines are reduced, between what stays; undefined for other reductions. */
function linesOf(axes: readonly Axis[]): [number, number, number] | undefined {
  const [inner, lines, outer = [1, [1]]] = axes.toReversed() as [Axis, Axis | undefined, Axis | undefined];
  const fits = axes.length <= 3 && inner[1][0] !== 0 && lines?.[1][0] === 0 && outer[1][0] !== 0;
  return fits ? [outer[0], lines[0], inner[0]] : undefined;
}

/** Visits elements in the order of the reference and accumulates in double as it does, so the bits agree. */
function reduction(fold: Fold): FastKernel {
  return {
    place(call) {
      const {
        arena,
        inputs,
        outputs: [y],
        attrs,
      } = call;
      const { shape } = inputs[0];
      const { dim } = attrs as ReduceAttrs;
      if (!allFloat(inputs) || countOf(inputs[0]) === 0) return undefined;
      const into = stridesOf(shape.map((d, i) => (dim.includes(i) ? 1 : d))).map((s, i) => (dim.includes(i) ? 0 : s));
      const axes = mergeAxes(shape, [into]);
      const [length, steps] = axes[axes.length - 1];
      const outer = axes.slice(0, -1);
      const count = fold.mean ? dim.reduce((n, d) => n * shape[d], 1) : 1;
      const channels = fold.adds === "values" ? channelsOf(axes) : undefined;
      const lines = fold.adds && linesOf(axes);
      const fast =
        (channels && placeChannelSums(arena, inputs[0], y, channels, count)) ??
        (lines && placeLineSums(call, lines, count, fold.adds === "magnitudes"));
      if (fast) return fast;
      const sums = new Float64Array(countOf(y));
      const [x, results] = [floatsOf(inputs[0]), y.data];
      let from = 0;
      const line = ([to]: readonly number[]): void => {
        if (steps[0] === 0) sums[to] = fold.run(sums[to], x, from, length);
        else for (let i = 0; i < length; i++) sums[to + i] = fold.one(sums[to + i], x[from + i]);
        from += length;
      };
      return () => {
        from = 0;
        sums.fill(fold.start);
        walk(outer, [0], line);
        for (let i = 0; i < sums.length; i++) results[i] = sums[i] / count;
      };
    },
    bound: () => "exact",
  };
}

const plus: Omit<Fold, "mean"> = {
  start: 0,
  adds: "values",
  run(value, x, from, length) {
    let sum = value;
    for (let i = from; i < from + length; i++) sum += x[i]!;
    return sum;
  },
  one: (value, x) => value + x,
};

/** Kernels of the reductions, by op name. */
export const reduceKernels: Readonly<Record<string, FastKernel>> = {
  sum: reduction(plus),
  mean: reduction({ ...plus, mean: true }),
  l1Norm: reduction({
    start: 0,
    adds: "magnitudes",
    run(value, x, from, length) {
      let sum = value;
      for (let i = from; i < from + length; i++) sum += Math.abs(x[i]!);
      return sum;
    },
    one: (value, x) => value + Math.abs(x),
  }),
  amax: reduction({
    start: -Infinity,
    run(value, x, from, length) {
      let best = value;
      for (let i = from; i < from + length; i++) best = Math.max(best, x[i]!);
      return best;
    },
    one: (value, x) => Math.max(value, x),
  }),
  amin: reduction({
    start: Infinity,
    run(value, x, from, length) {
      let best = value;
      for (let i = from; i < from + length; i++) best = Math.min(best, x[i]!);
      return best;
    },
    one: (value, x) => Math.min(value, x),
  }),
};
