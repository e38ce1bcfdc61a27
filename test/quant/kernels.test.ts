import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileViews } from "../../src/autograd/index.ts";
import { SiteMeter } from "../../src/quant/measure.ts";
import { masked, selectVolumes } from "../../src/quant/observer/masked.ts";
import { minmax } from "../../src/quant/observer/minmax.ts";
import { saliency } from "../../src/quant/saliency.ts";
import { chooseQParams, makeScheme } from "../../src/quant/scheme.ts";
import { add, Rng, randn, Tensor, withKernels } from "../../src/tensor/index.ts";
import { runs } from "../runs.ts";

/** The same values in the memory of a program. */
const resident = (x: Tensor): Tensor =>
  compileViews((y: Tensor) => add(y, y))(new Tensor(x.shape, "f32", x.data.map((v) => v / 2) as Float32Array));

const shapes = fc.tuple(fc.constant(1), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 13 }), fc.integer({ min: 1, max: 33 }));
const problems = fc.record({ seed: fc.nat(), shape: shapes, axis: fc.constantFrom(null, 1) });

function drawn(seed: number, shape: readonly number[]): { x: Tensor; mask: Tensor } {
  const rng = new Rng(seed);
  const x = randn(shape, rng);
  for (let i = 0; i < x.size; i += 3) x.data[i] = [0, -0, 3, -0.5][i % 4];
  const [, , h, w] = shape;
  return {
    x,
    mask: new Tensor(
      [1, h, w],
      "u8",
      Uint8Array.from({ length: h * w }, () => (rng.float() < 0.4 ? 1 : 0)),
    ),
  };
}

/** What `f` gives on plain loops, on kernels, and on kernels where the tensor lies in the memory of a program. */
function agree<T>(x: Tensor, f: (x: Tensor) => T): void {
  const expected = withKernels("reference", () => f(x));
  expect(f(x)).toEqual(expected);
  expect(f(resident(x))).toEqual(expected);
}

describe("kernels of observers", () => {
  it("find the range of all and of the marked values as the plain loops do", () => {
    fc.assert(
      fc.property(problems, ({ seed, shape, axis }) => {
        const { x, mask } = drawn(seed, shape);
        const observer = minmax({ axis });
        agree(x, (y) => observer.result(observer.add(observer.init(), { x: y })));
        if (!mask.data.some((m) => m === 1)) return;
        const inliers = masked(observer);
        agree(x, (y) => inliers.result(inliers.add(inliers.init(), { x: y, mask })));
        const chosen = observer.result(observer.add(observer.init(), { x: selectVolumes(x, mask) }));
        expect(inliers.result(inliers.add(inliers.init(), { x, mask }))).toEqual(chosen);
      }),
      { numRuns: runs(60) },
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "refuse %d wherever it is, and see none that is not marked",
    (bad) => {
      const shape = [1, 3, 11, 13];
      for (let at = 0; at < 3 * 143; at += 7) {
        const { x, mask } = drawn(at, shape);
        x.data[at] = bad;
        const observer = minmax({ axis: 1 });
        expect(() => observer.add(observer.init(), { x })).toThrow(`got ${bad} (element ${at} of f32[1,3,11,13])`);
        mask.data[at % 143] = 1;
        expect(() => masked(observer).add(observer.init(), { x, mask })).toThrow(`got ${bad}`);
        mask.data[at % 143] = 0;
        expect(() => masked(observer).add(observer.init(), { x, mask })).not.toThrow();
      }
    },
  );

  it("add up scores in the memory of a program as elsewhere", () => {
    fc.assert(
      fc.property(problems, ({ seed, shape }) => agree(drawn(seed, shape).x, (y) => [...saliency(y).data])),
      { numRuns: runs(30) },
    );
  });
});

describe("SiteMeter", () => {
  it("has the same sums on kernels, to the bit", () => {
    fc.assert(
      fc.property(problems, fc.integer({ min: 2, max: 8 }), ({ seed, shape, axis }, bits) => {
        const { x } = drawn(seed, shape);
        const scheme = makeScheme({ bits, axis });
        const count = axis === null ? 1 : shape[1];
        const range = { min: new Float64Array(count).fill(-1.1), max: Float64Array.from({ length: count }, (_, c) => 0.9 + c / 8) };
        const site = { params: chooseQParams(range, scheme).params, scheme };
        agree(x, (y) => {
          const meter = new SiteMeter(site);
          meter.add(y);
          meter.add(y);
          return meter.result();
        });
      }),
      { numRuns: runs(60) },
    );
  });
});
