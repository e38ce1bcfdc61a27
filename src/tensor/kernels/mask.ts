import { op } from "../../wasm/index.ts";
import type { Meta } from "../tensor.ts";
import { chainOf, type ElementFormula, placeChain } from "./chain.ts";
import type { FastKernel } from "./index.ts";
import { allFloat, countOf } from "./placement.ts";
import { select } from "./vectorMath.ts";

type Comparison = "f32x4.gt" | "f32x4.ge" | "f32x4.lt" | "f32x4.le" | "f32x4.eq";

/** A kernel of one formula, for calls that `fits` accepts; operands run along the output or are one value for all of it. */
function kernelOf(formula: ElementFormula, operands: number, fits: (inputs: readonly Meta[], y: Meta) => boolean): FastKernel {
  const step = { formula, operands: Array.from({ length: operands }, (_, i) => i) };
  const chain = chainOf([step], [operands]);
  return {
    place({ arena, inputs, outputs: [y] }) {
      const size = countOf(y);
      const flat = size > 0 && inputs.every((x) => countOf(x) === size || countOf(x) === 1);
      return flat && fits(inputs, y) ? placeChain(arena, chain, size, inputs, [y]) : undefined;
    },
    formula: (inputs, _, [y]) => (fits(inputs, y) ? formula : undefined),
    bound: () => "exact",
  };
}

const light = { weight: 1, parameters: [] };
const comparison = (name: Comparison): FastKernel =>
  kernelOf({ ...light, name, apply: (_, [left, right]) => op(name, left!, right!) }, 2, allFloat);

/** Kernels of comparisons and `where`, by op name. */
export const maskKernels: Readonly<Record<string, FastKernel>> = {
  where: kernelOf(
    { ...light, name: "where", apply: (_, [mask, then, otherwise]) => select(mask!, then!, otherwise!) },
    3,
    ([condition, a, b], y) => allFloat([a, b]) && countOf(condition) === countOf(y),
  ),
  greater: comparison("f32x4.gt"),
  greaterEqual: comparison("f32x4.ge"),
  less: comparison("f32x4.lt"),
  lessEqual: comparison("f32x4.le"),
  equal: comparison("f32x4.eq"),
};
