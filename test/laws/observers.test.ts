import { describe, expect, test } from "vitest";
import {
  extremesLaws,
  type ObserverSubject,
  observerLaws,
  type PercentileFamily,
  percentileLaws,
  searchLaws,
} from "../../src/laws/index.ts";
import { averaged } from "../../src/quant/observer/averaged.ts";
import { entropy } from "../../src/quant/observer/entropy.ts";
import { histogram } from "../../src/quant/observer/histogram.ts";
import { masked } from "../../src/quant/observer/masked.ts";
import { maxScale } from "../../src/quant/observer/maxScale.ts";
import { minmax } from "../../src/quant/observer/minmax.ts";
import { movingAverage } from "../../src/quant/observer/movingAverage.ts";
import { mse } from "../../src/quant/observer/mse.ts";
import { percentile } from "../../src/quant/observer/percentile.ts";
import { makeScheme } from "../../src/quant/scheme.ts";
import { obeys } from "./obeys.ts";

const scheme = (axis: number | null) => makeScheme({ bits: 4, axis });
const cuts = "sensitive";
const duplication = "sensitive";

/** One line an observer. p = 2 where there is a choice: scaling by a power of two is then exact. */
const OBSERVERS: readonly ObserverSubject[] = [
  { name: "minmax", make: (axis) => minmax({ axis }) },
  { name: "movingAverage", make: (axis) => movingAverage({ axis }), cuts },
  { name: "movingAverage of percentiles", make: (axis) => movingAverage({ of: percentile({ percentile: 90, axis }) }), cuts },
  { name: "averaged minmax", make: (axis) => averaged(minmax({ axis })), cuts },
  { name: "averaged percentile", make: (axis) => averaged(percentile({ percentile: 90, axis })), cuts },
  { name: "maxScale", make: (axis) => maxScale({ scheme: scheme(axis) }) },
  { name: "percentile, retained", make: (axis) => percentile({ percentile: 95, axis }), duplication },
  { name: "percentile, histogram", make: (axis) => percentile({ percentile: 95, retain: 0, bins: 64, axis }), duplication },
  { name: "percentile, symmetric", make: (axis) => percentile({ percentile: 90, symmetric: true, axis }), duplication, symmetric: true },
  { name: "histogram", make: (axis) => histogram({ scheme: scheme(axis), bins: 64 }) },
  { name: "entropy", make: (axis) => entropy({ scheme: scheme(axis), bins: 64 }) },
  { name: "entropy, few steps", make: (axis) => entropy({ scheme: scheme(axis), bins: 256, steps: 5 }) },
  { name: "mse", make: (axis) => mse({ scheme: scheme(axis), p: 2 }), duplication },
  { name: "masked minmax", make: (axis) => masked(minmax({ axis })), masked: true },
  { name: "masked mse", make: (axis) => masked(mse({ scheme: scheme(axis), p: 2 })), duplication, masked: true },
];

describe.each(OBSERVERS)("$name", (observer) =>
  obeys(
    observer,
    observerLaws.filter((law) => law.applies(observer)),
  ),
);

test("observers whose result may depend on the order are these", () => {
  const sensitive = OBSERVERS.filter(({ make }) => make(null).orderSensitive).map(({ name }) => name);
  expect(sensitive).toEqual(["movingAverage", "movingAverage of percentiles", "mse", "masked mse"]);
});

const percentiles = (name: string, retain: number): PercentileFamily => ({
  name,
  make: (share) => percentile({ percentile: share, retain, bins: 32 }),
});

describe.each([percentiles("percentiles, histogram", 4), percentiles("percentiles, retained", 2 ** 20)])("$name", (family) =>
  obeys(family, percentileLaws),
);

describe("extremes", () => obeys(OBSERVERS[0], extremesLaws));

describe("searched ranges", () => obeys({ name: "mse", make: (format, p) => mse({ scheme: format, p }) }, searchLaws));
