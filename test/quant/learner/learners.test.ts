import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grad } from "../../../src/autograd/index.ts";
import { byGrid } from "../../../src/quant/learner/byGrid.ts";
import { freeWeights } from "../../../src/quant/learner/freeWeights.ts";
import { gridParameters } from "../../../src/quant/learner/gridParameters.ts";
import type { ActivationLearner, WeightLearner } from "../../../src/quant/learner/learner.ts";
import { levelRounding } from "../../../src/quant/learner/levelRounding.ts";
import { levelScaling } from "../../../src/quant/learner/levelScaling.ts";
import { logAffineRounding } from "../../../src/quant/learner/logAffineRounding.ts";
import { rounding } from "../../../src/quant/learner/rounding.ts";
import { stepSize } from "../../../src/quant/learner/stepSize.ts";
import { applySite, levelSite, type SitePlan } from "../../../src/quant/plan.ts";
import type { LevelQuantizer } from "../../../src/quant/quantizer/levels.ts";
import { logAffine } from "../../../src/quant/quantizer/logAffine.ts";
import { powerOfTwo } from "../../../src/quant/quantizer/powerOfTwo.ts";
import { chooseQParams, makeScheme, type Scheme } from "../../../src/quant/scheme.ts";
import { add, item, square, sum, type Tensor, tensor } from "../../../src/tensor/index.ts";
import { rangeOf } from "../integer/plans.ts";

const GRIDS = { scale: 0.01, zeroPoint: 0.02 };

type GridName = "uniform" | "levels" | "exact" | "shift";

/** One line a learner of weights, with the grids it takes. */
const weightLearners: readonly { learner: WeightLearner; grids: readonly GridName[] }[] = [
  { learner: rounding(0.1), grids: ["uniform"] },
  { learner: freeWeights({ weight: 0.1, ...GRIDS }), grids: ["uniform"] },
  { learner: levelRounding(0.1), grids: ["levels", "exact", "shift"] },
  { learner: logAffineRounding("exact", { rounding: 0.1, grid: 0.01 }), grids: ["exact", "levels"] },
  { learner: logAffineRounding("shift", { rounding: 0.1, grid: 0.01 }), grids: ["shift", "levels", "exact"] },
  { learner: levelScaling(0.1), grids: ["levels"] },
  { learner: byGrid(rounding(0.1), levelScaling(0.1)), grids: ["uniform", "levels"] },
];

/** One line a learner of activation grids. */
const activationLearners: readonly ActivationLearner[] = [stepSize(0.1), gridParameters(GRIDS)];

const value = fc.double({ min: -4, max: 4, noNaN: true }).map((v) => (Math.abs(v) < 1e-3 ? 0 : Math.fround(v)));
const weights = fc
  .array(value, { minLength: 4, maxLength: 24 })
  .map((list) => tensor(list.slice(0, list.length & ~1), [2, list.length >> 1]));
const schemes = fc.constantFrom(2, 3, 4, 8).map((bits) => makeScheme({ bits, signed: true, mapping: "affine", axis: 0 }));

const list = (x: Tensor): number[] => Array.from(x.data as ArrayLike<number>);

const onLevels =
  <P extends Readonly<Record<string, Tensor>>>(quantizer: LevelQuantizer<P>) =>
  (w: Tensor, { bits }: Scheme): SitePlan => {
    const scheme = makeScheme({ bits, signed: true, mapping: "symmetricHalf", axis: 0 });
    return levelSite(w, { quantizer, params: quantizer.init(rangeOf(w, 0), scheme, w), scheme }).site;
  };

const sites: Readonly<Record<GridName, (w: Tensor, scheme: Scheme) => SitePlan>> = {
  uniform: (w, scheme) => ({ params: chooseQParams(rangeOf(w, 0), scheme).params, scheme }),
  levels: onLevels(powerOfTwo),
  exact: onLevels(logAffine({ mode: "exact" })),
  shift: onLevels(logAffine({ mode: "shift" })),
};

for (const { learner, grids } of weightLearners) {
  for (const grid of grids) {
    describe(`${learner.name} on a grid of ${grid === "uniform" ? "equal steps" : grid === "levels" ? "powers of two" : `mode ${grid}`}`, () => {
      const law = (check: (w: Tensor, site: SitePlan) => void): void =>
        fc.assert(fc.property(weights, schemes, (w, scheme) => check(w, sites[grid](w, scheme))));

      test("without a step it gives nearest rounding", () =>
        law((w, site) => {
          const { tuned, site: after } = learner.harden(w, site, learner.start(w, site));
          const nearest = applySite(w, site);
          // A weight half-way between two codes may go either way.
          list(tuned).forEach((v, i) =>
            expect(Math.abs(v - w.data[i])).toBeLessThanOrEqual(Math.abs(nearest.data[i] - w.data[i]) * (1 + 1e-5) + 1e-6),
          );
          list(after.params.scale).forEach((s, c) => expect(s / site.params.scale.data[c]).toBeCloseTo(1, 5));
        }));

      test("its gradients are finite, also where weights are on their grid", () =>
        law((w, site) => {
          const slopesOf = (x: Tensor): void => {
            const start = Object.entries(learner.start(x, site));
            const lossOf = (...values: Tensor[]): Tensor => {
              const learned = Object.fromEntries(start.map(([name], k) => [name, values[k]]));
              const pull = learner.pull?.(learned, tensor(4), x, site);
              const moved = sum(square(learner.soft(x, site, learned)));
              return pull ? add(moved, pull) : moved;
            };
            const slopes = grad(
              lossOf,
              start.map(([, value]) => value),
            );
            for (const slope of slopes) expect(list(slope).every(Number.isFinite)).toBe(true);
          };
          slopesOf(w);
          slopesOf(applySite(w, site));
        }));

      test("what it learned lies on its grid", () =>
        law((w, site) => {
          const start = learner.start(w, site);
          const moved = Object.fromEntries(Object.entries(start).map(([name, x], k) => [name, add(x, 0.05 * (k + 1))]));
          const { tuned, site: after } = learner.harden(w, site, moved);
          expect(list(applySite(tuned, after))).toEqual(list(tuned));
        }));

      test("learns something everywhere, at rates above zero, and in shapes that fit", () =>
        law((w, site) => {
          const start = learner.start(w, site);
          const rates = learner.rates(w, site);
          expect(Object.keys(rates)).toEqual(Object.keys(start));
          for (const rate of Object.values(rates)) expect(rate(0, 150)).toBeGreaterThanOrEqual(0);
          expect(learner.soft(w, site, start).shape).toEqual(w.shape);
        }));
    });
  }
}

test("learned rounding goes to the code below or above, and starts at the float weights", () =>
  fc.assert(
    fc.property(weights, schemes, fc.infiniteStream(fc.boolean()), (w, scheme, ups) => {
      const site = sites.uniform(w, scheme);
      const learner = rounding(0.1);
      const soft = learner.soft(w, site, learner.start(w, site));
      const v = tensor(
        list(w).map(() => (ups.next().value ? 1 : -1)),
        w.shape,
      );
      const { tuned } = learner.harden(w, site, { rounding: v });
      list(tuned).forEach((x, i) => {
        const s = site.params.scale.data[i < w.shape[1] ? 0 : 1];
        expect(Math.abs(x - w.data[i])).toBeLessThanOrEqual(s * (1 + 1e-4) + 1e-6);
        const z = site.params.zeroPoint.data[i < w.shape[1] ? 0 : 1];
        const inside = w.data[i] / s + z >= scheme.qmin && w.data[i] / s + z <= scheme.qmax;
        if (inside) expect(Math.abs(soft.data[i] - w.data[i])).toBeLessThanOrEqual(1e-4 * s + 1e-6);
      });
    }),
  ));

test("rounding between levels keeps to the two neighbours also where they are far apart", () => {
  const scheme = makeScheme({ bits: 4, signed: true, mapping: "symmetricHalf", axis: 0 });
  const w = tensor([0.3, -0.9, 0.05, 1, -0.2, 0], [2, 3]);
  const quantizer = logAffine({ mode: "shift" });
  const { site } = levelSite(w, { quantizer, params: quantizer.init(rangeOf(w, 0), scheme, w), scheme });
  const learner = levelRounding(0.1);
  const [up, down] = [1, -1].map(
    (v) =>
      learner.harden(w, site, {
        rounding: tensor(
          list(w).map(() => v),
          w.shape,
        ),
      }).tuned,
  );
  list(w).forEach((v, i) => {
    expect(down.data[i]).toBeLessThanOrEqual(v + 1e-6);
    expect(up.data[i]).toBeGreaterThanOrEqual(Math.min(v, up.data[i]) - 1e-6);
    expect(up.data[i]).toBeGreaterThanOrEqual(down.data[i]);
  });
});

for (const learner of activationLearners) {
  test(`${learner.name}: without a step the grid stays`, () =>
    fc.assert(
      fc.property(weights, fc.constantFrom(2, 4, 8), (x, bits) => {
        const scheme = makeScheme({ bits });
        const site = { params: chooseQParams(rangeOf(x, null), scheme).params, scheme };
        const after = learner.harden(site, learner.start(site));
        expect(after.params.scale.data[0] / site.params.scale.data[0]).toBeCloseTo(1, 5);
        expect(list(after.params.zeroPoint)).toEqual(list(site.params.zeroPoint));
        const soft = learner.soft(x, site, learner.start(site));
        list(applySite(x, after)).forEach((v, i) =>
          expect(Math.abs(v - soft.data[i])).toBeLessThanOrEqual(site.params.scale.data[0] * 1.001),
        );
      }),
    ));
}

test("a learned zero point beyond the codes counts as the end and keeps a gradient, so that it can come back", () =>
  fc.assert(
    fc.property(fc.constantFrom(2, 4, 8), fc.double({ min: 0.01, max: 20, noNaN: true }), fc.boolean(), (bits, by, above) => {
      const scheme = makeScheme({ bits, axis: 0 });
      const [end, beyond] = above ? [scheme.qmax, scheme.qmax + by] : [scheme.qmin, scheme.qmin - by];
      const x = tensor([above ? 1e4 : -1e4], [1, 1]);
      const site = { params: { scale: tensor([0.5]), zeroPoint: tensor([end]) }, scheme };
      const [activation, weight] = [gridParameters(GRIDS), freeWeights({ weight: 0.1, ...GRIDS })];
      const softs = [
        (zeroPoint: Tensor) => activation.soft(x, site, { ...activation.start(site), zeroPoint }),
        (zeroPoint: Tensor) => weight.soft(x, site, { ...weight.start(x, site), zeroPoint }),
      ];
      for (const soft of softs) {
        expect(list(soft(tensor([beyond])))).toEqual(list(soft(tensor([end]))));
        const [slope] = grad((z) => sum(soft(z)), [tensor([beyond])]);
        expect(item(slope)).toBeCloseTo(-0.5, 6);
      }
    }),
  ));
