import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type LogAffineOptions, logAffine, refitScale, searchPhase } from "../../src/quant/quantizer/logAffine.ts";
import { exactCandidates } from "../../src/quant/quantizer/logAffineInit.ts";
import type { LogAffineParams } from "../../src/quant/quantizer/logAffineTables.ts";
import { makeScheme, type Scheme } from "../../src/quant/scheme.ts";
import { item, Rng, type Tensor, tensor } from "../../src/tensor/index.ts";
import { rangeOf } from "./integer/plans.ts";

const list = (x: Tensor): number[] => Array.from(x.data as ArrayLike<number>);
const signed = (bits: number): Scheme => makeScheme({ bits, signed: true, mapping: "symmetricHalf" });
const EXACT: LogAffineOptions = { mode: "exact", zero: false };
const SHIFT: LogAffineOptions = { mode: "shift", zero: false };

describe("where no code stands for the centre, zeros count with the level they get", () => {
  interface Pruned {
    readonly w: Tensor;
    readonly scheme: Scheme;
  }
  /** Normal weights, all negative or of both signs, some of them 0. */
  const pruned: fc.Arbitrary<Pruned> = fc
    .record({
      seed: fc.nat(9999),
      tenths: fc.nat(9),
      bits: fc.integer({ min: 2, max: 5 }),
      both: fc.boolean(),
    })
    .map(({ seed, tenths, bits, both }) => {
      const rng = new Rng(seed);
      const w = Array.from({ length: 40 }, (_, i) => (i > 0 && rng.float(0, 10) < tenths ? 0 : rng.normal() || 1));
      return { w: tensor(both ? w : w.map((v) => 0 - Math.abs(v))), scheme: signed(bits) };
    });
  const errorOf = ({ w, scheme }: Pruned, options: LogAffineOptions, params: LogAffineParams): number => {
    const y = logAffine(options).fakeQuant(w, params, scheme);
    return list(w).reduce((s, v, i) => s + (v - y.data[i]) ** 2, 0);
  };
  const notAbove = (error: number, other: number): void => expect(error).toBeLessThanOrEqual(other * (1 + 1e-4));
  const shapeOf = ({ bits }: Scheme) => ({ largest: 2 ** (bits - 1) - 1, zero: false });
  const start = (options: LogAffineOptions, { w, scheme }: Pruned) => logAffine(options).init(rangeOf(w, null), scheme, w);

  test("mode exact starts with no more error than any of its candidates", () =>
    fc.assert(
      fc.property(pruned, (drawn) => {
        const first = start(EXACT, drawn);
        const error = errorOf(drawn, EXACT, first);
        const side = (sign: number): number[] => list(drawn.w).flatMap((v) => (v === 0 || Math.sign(v) === sign ? [Math.abs(v)] : []));
        for (const { k, a } of exactCandidates(side(1), shapeOf(drawn.scheme)))
          notAbove(error, errorOf(drawn, EXACT, { ...first, kappaPositive: tensor([Math.log(k)]), aPositive: tensor([a]) }));
        for (const { k, a } of exactCandidates(side(-1), shapeOf(drawn.scheme)))
          notAbove(error, errorOf(drawn, EXACT, { ...first, kappaNegative: tensor([Math.log(k)]), aNegative: tensor([a]) }));
      }),
    ));

  test("mode shift starts with no more error than any other phase whose scale is refitted", () =>
    fc.assert(
      fc.property(pruned, (drawn) => {
        const first = start(SHIFT, drawn);
        const error = errorOf(drawn, SHIFT, first);
        const largest = Math.max(...list(drawn.w).map(Math.abs));
        for (let j = 0; j < 10; j++) {
          const a = tensor([shapeOf(drawn.scheme).largest - Math.log2(largest) + j / 5]);
          notAbove(error, errorOf(drawn, SHIFT, refitScale(drawn.w, { ...first, aPositive: a, aNegative: a }, drawn.scheme, SHIFT)));
        }
      }),
    ));

  test("the search of the phase never raises the error", () =>
    fc.assert(
      fc.property(pruned, fc.constantFrom(-0.5, -0.2, 0, 0.3), (drawn, by) => {
        const first = start(EXACT, drawn);
        const off = { ...first, aPositive: tensor([item(first.aPositive) + by]), aNegative: tensor([item(first.aNegative) + by]) };
        notAbove(errorOf(drawn, EXACT, searchPhase(drawn.w, off, drawn.scheme, EXACT)), errorOf(drawn, EXACT, off));
      }),
    ));

  test("a centre above all other values takes no notable error", () => {
    const w = tensor([...new Array<number>(30).fill(0), -1, -0.5]);
    expect(errorOf({ w, scheme: signed(2) }, { mode: "exact" }, start({ mode: "exact" }, { w, scheme: signed(2) }))).toBeLessThan(1e-3);
  });
});
