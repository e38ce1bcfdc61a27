import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expectationMaximization, fitGmm } from "../../src/em/index.ts";
import { exp2Constants, exp2Quotient } from "../../src/em/kernels/exp2.ts";
import { passOver } from "../../src/em/kernels/index.ts";
import { type Components, logPeak, SLOT } from "../../src/em/statistics.ts";
import { spawnThread } from "../../src/node/index.ts";
import { type KernelPolicy, Rng, withKernels } from "../../src/tensor/index.ts";
import { activeThreads, FunctionBuilder, i32, instantiate, load, op, setThreads, stagingArena, ThreadPool } from "../../src/wasm/index.ts";

/** 2^y of the numbers at the first address, in pairs, written from the second on. */
function exp2Function(): FunctionBuilder {
  const f = new FunctionBuilder("exp2", ["i32", "i32", "i32"]);
  const [from, end, to] = f.pointers;
  const constants = exp2Constants(f);
  f.while(op("i32.lt_u", from, end), () => {
    const [[top, bottom]] = exp2Quotient(f, [load("v128.load", from)], constants);
    f.store("v128.store", to, op("f64x2.div", top, bottom));
    f.set(from, op("i32.add", from, i32(16)));
    f.set(to, op("i32.add", to, i32(16)));
  });
  return f;
}

function exp2Of(values: readonly number[]): number[] {
  const arena = stagingArena();
  arena.reset();
  const even = values.length + (values.length % 2);
  const [from, to] = [arena.allocate(8 * even), arena.allocate(8 * even)];
  const doubles = new Float64Array(arena.memory.buffer);
  doubles.set(values, from / 8);
  instantiate("test/exp2", () => [exp2Function()], arena).exp2(from, from + 8 * even, to);
  return Array.from(doubles.subarray(to / 8, to / 8 + values.length));
}

describe("2^y", () => {
  test("lies within 3 ulp wherever it is normal", () => {
    const rng = new Rng(1);
    const wide = Array.from({ length: 100_000 }, () => -1021 + 2021 * rng.float());
    const near = Array.from({ length: 100_000 }, (_, i) => (i - 50_000) / 25_000);
    const values = [...wide, ...near, -1021, -0.5, -0, 0, 0.5, 1, 1000, 2 ** -60];
    const ulp = (y: number): number => 2 ** (Math.floor(y) - 52);
    let worst = 0;
    exp2Of(values).forEach((got, i) => {
      worst = Math.max(worst, Math.abs(got - 2 ** values[i]) / ulp(values[i]));
    });
    expect(worst).toBeLessThanOrEqual(3);
    expect(worst).toBeGreaterThan(0);
  });

  test("is 0 below the normal numbers, stays bounded above, and keeps a NaN", () => {
    expect(exp2Of([-1023, -5000, -Infinity])).toEqual([0, 0, 0]);
    expect(exp2Of([1001, Infinity])).toEqual([2 ** 1000, 2 ** 1000]);
    expect(exp2Of([Number.NaN])).toEqual([Number.NaN]);
  });
});

const statisticsOf = (policy: KernelPolicy, scores: Float64Array, at: Components): Float64Array =>
  withKernels(policy, () => {
    const stats = new Float64Array(SLOT.size);
    passOver(scores)(at, stats);
    return stats;
  });

const part = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const pairOf = (min: number, max: number) => fc.tuple(part(min, max), part(min, max));
const mixture = fc.record({ weights: pairOf(0.01, 1), means: pairOf(-3, 3), variances: pairOf(1e-4, 9) });
const normals = (count: number, seed: number): Float64Array => {
  const rng = new Rng(seed);
  return Float64Array.from({ length: count }, () => 2 * rng.normal());
};

/**
 * What rounding may do to each sum: a responsibility is as wrong as the log-odds are, which lose as much as the sizes of
 * both log-densities; 16 machine epsilons of that, times the factor of its moment.
 */
function roomFor(scores: Float64Array, at: Components): Float64Array {
  const room = new Float64Array(SLOT.size);
  for (const h of scores) {
    const d = at.means.map((mean) => h - mean);
    const densities = [0, 1].map((k) => Math.abs(logPeak(at, k as 0 | 1)) + (0.5 * d[k] ** 2) / at.variances[k]);
    const lost = 16 * Number.EPSILON * (1 + densities[0] + densities[1]);
    room[SLOT.logLikelihood] += lost;
    for (const k of [0, 1]) {
      room[SLOT.count + k] += lost;
      room[SLOT.first + k] += lost * Math.abs(d[k]);
      room[SLOT.second + k] += lost * d[k] ** 2;
    }
  }
  return room;
}

describe("a pass", () => {
  test("agrees with plain loops, up to the rounding of log-densities and of sums", () => {
    const count = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1000, max: 40_000 }));
    fc.assert(
      fc.property(mixture, count, fc.nat(), (at, length, seed) => {
        const scores = normals(length, seed);
        const [got, want] = [statisticsOf("auto", scores, at), statisticsOf("reference", scores, at)];
        const room = roomFor(scores, at);
        got.forEach((value, slot) => {
          expect(Math.abs(value - want[slot]), `slot ${slot}`).toBeLessThanOrEqual(room[slot]);
        });
      }),
    );
  });

  test("has the same bits on any number of threads", async () => {
    const scores = normals(40_003, 1);
    const at = { weights: [0.4, 0.6], means: [-1, 2], variances: [1, 3] } as const;
    const before = activeThreads();
    const on = async (threads: number): Promise<Float64Array> => {
      const pool = new ThreadPool(threads, spawnThread);
      setThreads(pool);
      try {
        await expect.poll(() => pool.ready, { timeout: 30_000 }).toBe(threads - 1);
        return statisticsOf("auto", scores, at);
      } finally {
        pool.close();
        setThreads(before);
      }
    };
    const alone = await on(1);
    for (const threads of [2, 3]) expect(await on(threads)).toEqual(alone);
  });

  test.each([0, 1] as const)("component %i, far from every score, answers for nothing", (far) => {
    const scores = normals(64, 1);
    const means: [number, number] = far === 0 ? [1e4, 0] : [0, 1e4];
    const stats = statisticsOf("auto", scores, { weights: [0.5, 0.5], means, variances: [1, 1] });
    expect(stats[SLOT.count + far]).toBe(0);
    expect(stats[SLOT.first + far]).toBe(0);
    expect(stats[SLOT.count + 1 - far]).toBeCloseTo(64, 12);
  });

  test.each([0, 9])("a score that is not a number shows in every sum (place %i)", (place) => {
    const scores = normals(20, 1);
    scores[place] = Number.NaN;
    const at = { weights: [0.5, 0.5], means: [-1, 1], variances: [1, 1] } as const;
    for (const policy of ["auto", "reference"] as const) {
      expect(Array.from(statisticsOf(policy, scores, at)).every(Number.isNaN)).toBe(true);
    }
  });

  test("a component without weight has no share, and no mixture at all no likelihood", () => {
    const scores = normals(64, 1);
    for (const policy of ["auto", "reference"] as const) {
      expect(statisticsOf(policy, scores, { weights: [0, 1], means: [0, 0], variances: [1, 1] })[SLOT.count]).toBe(0);
      expect(statisticsOf(policy, scores, { weights: [1, 0], means: [0, 0], variances: [1, 1] })[SLOT.count + 1]).toBe(0);
      expect(statisticsOf(policy, scores, { weights: [0, 0], means: [0, 0], variances: [1, 1] })[SLOT.logLikelihood]).not.toBeGreaterThan(
        -Infinity,
      );
    }
  });
});

/** Largest relative difference of the numbers of two mixtures. */
const distance = (a: Components, b: Components): number =>
  Math.max(
    ...(["weights", "means", "variances"] as const).flatMap((name) =>
      a[name].map((v, k) => Math.abs(v - b[name][k]) / Math.abs(b[name][k])),
    ),
  );

describe("a fit", () => {
  const scores = (seed: number): Float64Array => {
    const rng = new Rng(seed);
    return Float64Array.from({ length: 5003 }, () => Math.exp(0.7 * rng.normal() + (rng.float() < 0.2 ? 2 : 0)));
  };

  test("takes the steps of the plain loops, to 1e-10", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const start = { weights: [0.7, 0.3], means: [1, 6], variances: [4, 4] } as const;
        const run = (policy: KernelPolicy) =>
          withKernels(policy, () => expectationMaximization(scores(seed), start, { iterations: 200, tolerance: 1e-7 }));
        const [got, want] = [run("auto"), run("reference")];
        expect(got.steps.length).toBe(want.steps.length);
        expect(distance(got.final, want.final)).toBeLessThan(1e-10);
        expect(got.finalLogLikelihood).toBeCloseTo(want.finalLogLikelihood, 11);
      }),
    );
  });

  test.each(["raw", "sqrt", "log"] as const)("finds the threshold of the plain loops: %s", (transform) => {
    const separate = (policy: KernelPolicy) => withKernels(policy, () => fitGmm(scores(2), { transform }));
    const [got, want] = [separate("auto"), separate("reference")];
    expect(Math.abs(got.threshold - want.threshold)).toBeLessThan(1e-9 * want.threshold);
    expect(got.trace.length).toBe(want.trace.length);
    expect(got.flags).toEqual(want.flags);
  });
});
