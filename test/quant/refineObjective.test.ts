import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { importanceOf } from "../../src/quant/objective/importance.ts";
import type { RefineProblem, RefineReader } from "../../src/quant/refine.ts";
import { product, RefineObjective } from "../../src/quant/refineObjective.ts";
import type { LayerRows } from "../../src/quant/rows.ts";
import { chooseQParams, makeScheme, type QParams } from "../../src/quant/scheme.ts";
import { fakeQuant, Rng, randn } from "../../src/tensor/index.ts";
import { runs } from "../runs.ts";

interface Size {
  readonly groups: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly taps: number;
  readonly rows: number;
}

function readerOf({ groups, inputs, outputs, taps, rows }: Size, rng: Rng): RefineReader {
  const gradients = randn([outputs, rows], rng).data.map((g) => g ** 5) as Float32Array; // a few heavy rows, as in life
  const weight = randn([groups, outputs / groups, (inputs / groups) * taps], rng);
  const grid = makeScheme({ bits: 4, signed: true, mapping: "symmetricNarrow" });
  const { scale, zeroPoint } = chooseQParams({ min: Float64Array.of(-2), max: Float64Array.of(2) }, grid).params;
  const view = { inputs, outputs, taps, groups } as LayerRows["view"];
  return {
    rows: { layer: undefined, view, patches: randn([inputs, taps, rows], rng), gradients, inlier: new Uint8Array(rows).fill(1), rows },
    weight,
    quantizedWeight: fakeQuant(weight, scale, zeroPoint, { qmin: grid.qmin, qmax: grid.qmax, axis: null }),
    importance: importanceOf(gradients, undefined, { samples: 1, channels: outputs, volumes: rows }),
  };
}

/** The objective as it is written down: whole products, errors added in the order of the rows. */
function specification({ readers, range, scheme }: RefineProblem, { scale, zeroPoint }: QParams): Float64Array {
  const scales = range.min.length;
  const sum = new Float64Array(scales);
  for (const { rows, weight, quantizedWeight, importance } of readers) {
    const { qmin, qmax } = scheme;
    const target = product(weight, rows.patches).data;
    const y = product(quantizedWeight, fakeQuant(rows.patches, scale, zeroPoint, { qmin, qmax, axis: scales > 1 ? 0 : null })).data;
    const errors = new Float64Array(scales);
    const energies = new Float64Array(scales);
    for (let c = 0; c < rows.view.outputs; c++) {
      let [error, energy] = [0, 0];
      for (let i = c * rows.rows; i < (c + 1) * rows.rows; i++) {
        error += importance.elements[i] * (y[i] - target[i]) * (y[i] - target[i]);
        energy += importance.elements[i] * target[i] * target[i];
      }
      errors[Math.floor((c * scales) / rows.view.outputs)] += error;
      energies[Math.floor((c * scales) / rows.view.outputs)] += energy;
    }
    const energy = energies.reduce((a, e) => a + e, 0) || 1;
    errors.forEach((e, c) => {
      sum[c] += e / energy;
    });
  }
  return sum;
}

const count = (max: number) => fc.integer({ min: 1, max });
const perTensor = fc.record({
  seed: fc.nat(),
  groups: count(2),
  sizes: fc.array(fc.tuple(count(3), count(9), count(1100)), { minLength: 1, maxLength: 2 }),
});
const perChannel = fc.record({
  seed: fc.nat(),
  channels: fc.integer({ min: 2, max: 5 }),
  sizes: fc.array(fc.tuple(count(2), count(9), count(200)), { minLength: 1, maxLength: 2 }),
});
const shrinks = fc.array(fc.double({ min: 0.05, max: 1.3, noNaN: true }), { minLength: 2, maxLength: 6 });

function problemOf(readers: readonly RefineReader[], scales: number, rng: Rng): RefineProblem {
  const range = { min: new Float64Array(scales), max: new Float64Array(scales) };
  for (let c = 0; c < scales; c++) [range.min[c], range.max[c]] = [-1 - rng.float(), 1 + 2 * rng.float()];
  return { scheme: makeScheme({ bits: 6, axis: scales > 1 ? 1 : null }), range, readers };
}

function obeys(problem: RefineProblem, factors: readonly number[]): void {
  const objective = new RefineObjective(problem);
  const candidates = factors.map((f) => {
    const scaled = { min: problem.range.min.map((v) => v * f), max: problem.range.max.map((v) => v * f) };
    return chooseQParams(scaled, problem.scheme).params;
  });
  const values = candidates.map((params) => specification(problem, params));
  candidates.forEach((params, i) => {
    expect(objective.evaluate(params)).toEqual(values[i]);
    for (const limit of values) {
      const found = objective.evaluate(params, limit);
      found.forEach((v, c) => {
        if (values[i][c] < limit[c]) expect(v).toBe(values[i][c]);
        else expect(v).toBeGreaterThanOrEqual(limit[c]);
      });
    }
  });
  objective.close(); // the next one gets the memory as this one left it
}

describe("RefineObjective", () => {
  it("is the written sum to the bit, and tells every candidate below a limit from the rest, on one scale", () => {
    fc.assert(
      fc.property(perTensor, shrinks, ({ seed, groups, sizes }, factors) => {
        const rng = new Rng(seed);
        const readers = sizes.map(([inputs, outputs, rows]) =>
          readerOf({ groups, inputs: groups * inputs, outputs: groups * outputs, taps: 2, rows }, rng),
        );
        obeys(problemOf(readers, 1, rng), factors);
      }),
      { numRuns: runs(20) },
    );
  });

  it("is it on one scale per channel", () => {
    fc.assert(
      fc.property(perChannel, shrinks, ({ seed, channels, sizes }, factors) => {
        const rng = new Rng(seed);
        const readers = sizes.map(([per, taps, rows]) =>
          readerOf({ groups: channels, inputs: channels, outputs: per * channels, taps, rows }, rng),
        );
        obeys(problemOf(readers, channels, rng), factors);
      }),
      { numRuns: runs(20) },
    );
  });
});
