import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { StateError } from "../../../src/errors.ts";
import {
  defineLaw,
  type FixedQuantizer,
  familyOf,
  fittedLaws,
  type LawReport,
  lawReport,
  lawReports,
  nonUniformLaws,
  onEveryFit,
  type QuantizerFamily,
  quantizerLaws,
  type UniformQuantizer,
  uniformFamily,
  uniformFamilyLaws,
} from "../../../src/laws/index.ts";
import { makeScheme, powerOfTwo, type Scheme, uniformAffine } from "../../../src/quant/index.ts";
import { plain } from "./wrong.ts";

const messages = (reports: readonly LawReport[]): string[] => reports.flatMap(({ error }) => error?.message ?? []);
const reportOf = (reports: readonly LawReport[], law: string): LawReport => {
  const found = reports.find((report) => report.law === law);
  if (!found) throw new Error(`the reports must hold "${law}"`);
  return found;
};

describe("quantizers of ours on their own levels", () => {
  const scheme = makeScheme({ bits: 4, signed: true, mapping: "symmetricHalf" });
  const silent = { x: Float32Array.of(0, 0, 0, 1, -2, 0.5), shape: [2, 3] };

  test("have as codes those that stand for a level, and end in each channel where its levels do", () => {
    const { qmin, qmax, reach } = familyOf(powerOfTwo).fit(silent, { ...scheme, axis: 0 });
    expect([qmin, qmax]).toEqual([-8, 6]);
    expect(reach).toEqual(Float64Array.of(64, 2));
  });

  test.each([
    ["zero", { x: Float32Array.of(0), shape: [1] }, null],
    ["a channel of zeros beside a live one", silent, 0],
  ])("obey the laws fitted to %s", (_, block, axis) => {
    const level = familyOf(powerOfTwo, { promises: ["zero is a level", "odd", "nearest level"] }).fit(block, { ...scheme, axis });
    expect(messages(lawReports(level, nonUniformLaws))).toEqual([]);
    const uniform = familyOf(uniformAffine).fit(block, { ...scheme, axis });
    expect(messages(lawReports(uniform, quantizerLaws))).toEqual([]);
  });
});

describe("a law of single quantizers on a family", () => {
  const right = uniformFamily(uniformAffine);

  test("does not apply where it applies to no fit", () => {
    const unfitted: QuantizerFamily = {
      ...right,
      fit(block, scheme) {
        const { fitted: _, ...rest } = right.fit(block, scheme);
        return rest;
      },
    };
    for (const law of fittedLaws)
      expect(lawReport(unfitted, onEveryFit(law), { runs: 20 })).toMatchObject({ outcome: "not applicable", runs: 0 });
  });

  test("is tried on fits it applies to only, as often as asked", () => {
    const tried = new Set<number | null | undefined>();
    const perChannel = defineLaw<FixedQuantizer>({
      ...{ name: "has an axis", source: "none", applies: ({ axis }) => axis !== null },
      violation({ axis }) {
        tried.add(axis);
        return undefined;
      },
    });
    expect(lawReport(right, onEveryFit(perChannel), { runs: 30, seed: 1 })).toMatchObject({ outcome: "holds", runs: 30 });
    expect([...tried].sort()).toEqual([0, 1]);
  });

  test("draws nothing for fits it does not apply to", () => {
    const perChannel = defineLaw<FixedQuantizer, number>({
      ...{ name: "has an axis", source: "none", applies: ({ axis }) => axis !== null },
      inputs({ axis }) {
        if (axis === null) throw new Error("the axis must be there");
        return fc.nat();
      },
      violation: () => undefined,
    });
    expect(lawReport(right, onEveryFit(perChannel), { runs: 30, seed: 1 }).outcome).toBe("holds");
  });

  test("is in doubt where it applies to next to none", () => {
    let asked = 0;
    const once = defineLaw<FixedQuantizer>({
      ...{ name: "is rare", source: "none", applies: () => asked++ === 0 },
      violation: () => undefined,
    });
    expect(() => lawReport(right, onEveryFit(once), { runs: 2, seed: 1 })).toThrow(StateError);
  });
});

describe("laws of uniform families", () => {
  const narrow = [3, 4].map((bits) => makeScheme({ bits, signed: true, mapping: "symmetricNarrow" }));
  const affine = [2, 3].map((bits) => makeScheme({ bits, signed: true }));

  /** A family that refuses formats it does not list, and zero points a symmetric format does not have. */
  function strict(schemes: readonly Scheme[]): QuantizerFamily<UniformQuantizer> {
    const right = uniformFamily(uniformAffine, schemes);
    return {
      ...right,
      at(scale, zeroPoint, scheme) {
        const listed = schemes.some(
          ({ bits, mapping, signed }) => bits === scheme.bits && mapping === scheme.mapping && signed === scheme.signed,
        );
        if (!listed) throw new Error(`the format must be listed, got ${scheme.bits} bits ${scheme.mapping}`);
        if (scheme.mapping !== "affine" && zeroPoint !== 0) throw new Error(`the zero point must be 0, got ${zeroPoint}`);
        return right.at?.(scale, zeroPoint, scheme) as UniformQuantizer;
      },
    };
  }
  const MORE_BITS = "errs no more with one more bit, at the same scale and zero point";
  const TIES = "rounds every tie to even where its scale is a power of two";

  test("ask for no format and no zero point that a family does not have", () => {
    const symmetric = lawReports(strict(narrow), uniformFamilyLaws, { seed: 1 });
    expect(messages(symmetric)).toEqual([]);
    expect(reportOf(symmetric, MORE_BITS).outcome).toBe("not applicable");
    expect(reportOf(symmetric, TIES).outcome).toBe("holds");
    const both = lawReports(strict(affine), uniformFamilyLaws, { seed: 1 });
    expect(messages(both)).toEqual([]);
    expect(reportOf(both, MORE_BITS).outcome).toBe("holds");
  });

  test("tell ties that are rounded up, in symmetric formats too", () => {
    for (const schemes of [narrow, affine]) {
      const right = uniformFamily(uniformAffine, schemes);
      const halfUp: QuantizerFamily<UniformQuantizer> = {
        ...{ ...right, name: "half up" },
        at: (scale, zeroPoint, { qmin, qmax }) => {
          const code = (v: number): number => Math.min(qmax, Math.max(qmin, Math.floor(v / scale + 0.5) + zeroPoint));
          return { ...plain("half up"), fakeQuant: (x) => x.map((v) => (code(v) - zeroPoint) * scale) };
        },
      };
      const { outcome, error } = reportOf(lawReports(halfUp, uniformFamilyLaws, { seed: 1 }), TIES);
      expect([outcome, error?.counterexample.scale]).toEqual(["broken", 1]);
    }
  });

  test("tell a family that wastes its last bit", () => {
    const right = uniformFamily(uniformAffine, affine);
    const wasteful: QuantizerFamily<UniformQuantizer> = {
      ...{ ...right, name: "wasteful" },
      at: (scale, zeroPoint, scheme) =>
        right.at?.(scale, zeroPoint, scheme.bits === 3 ? { ...scheme, qmin: -1, qmax: 1 } : scheme) as UniformQuantizer,
    };
    expect(reportOf(lawReports(wasteful, uniformFamilyLaws, { seed: 1 }), MORE_BITS).outcome).toBe("broken");
  });
});

describe("levels of wide codes", () => {
  const FEW = "has at most as many levels as codes";
  const BETWEEN = "has no levels but those of the codes between two codes";
  const wide = { qmin: 0, qmax: 2 ** 16 - 1 };
  const twiceTooFine: FixedQuantizer = {
    ...{ name: "twice too fine", ...wide, scale: [2 ** -4], zeroPoint: [2 ** 15] },
    fakeQuant: (x) => x.map((v) => Math.max(-(2 ** 11), Math.min(2 ** 11, Math.round(v * 32) / 32))),
  };

  test("are counted between two codes, whose values are known", () => {
    const reports = lawReports(twiceTooFine, quantizerLaws, { seed: 1 });
    expect([reportOf(reports, FEW).outcome, reportOf(reports, BETWEEN).outcome]).toEqual(["not applicable", "broken"]);
  });

  test("are nothing a law speaks of where no code has a value", () => {
    const { scale: _, zeroPoint: __, ...blind } = twiceTooFine;
    const reports = lawReports(blind, quantizerLaws, { seed: 1 });
    expect([reportOf(reports, FEW).outcome, reportOf(reports, BETWEEN).outcome]).toEqual(["not applicable", "not applicable"]);
  });
});
