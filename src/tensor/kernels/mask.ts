import { op } from "../../wasm/index.ts";
import type { Meta } from "../tensor.ts";
import { type ElementFormula, placeChain } from "./chain.ts";
import type { FastKernel } from "./index.ts";
import { allFloat, countOf } from "./placement.ts";
import { select } from "./vectorMath.ts";

type Comparison = "f32x4.gt" | "f32x4.ge" | "f32x4.lt" | "f32x4.le" | "f32x4.eq";

/** A kernel of one formula; operands run along the output or are one value for all of it. */
function kernelOf(formula: (inputs: readonly Meta[], y: Meta) => ElementFormula | undefined): FastKernel {
  return {
    place({ arena, inputs, outputs: [y] }) {
      const size = countOf(y);
      const found = size > 0 && inputs.every((x) => countOf(x) === size || countOf(x) === 1) ? formula(inputs, y) : undefined;
      if (!found) return undefined;
      const chain = { steps: [{ formula: found, operands: inputs.map((_, i) => i) }], stored: [inputs.length] };
      return placeChain(arena, chain, size, inputs, [y]);
    },
    formula: (inputs, _, [y]) => formula(inputs, y),
    bound: () => "exact",
  };
}

const comparison = (name: Comparison): FastKernel =>
  kernelOf((inputs) =>
    allFloat(inputs) ? { name, weight: 1, parameters: [], apply: (_, [left, right]) => op(name, left!, right!) } : undefined,
  );

/** Kernels of comparisons and `where`, by op name. */
export const maskKernels: Readonly<Record<string, FastKernel>> = {
  where: kernelOf(([condition, a, b], y) =>
    allFloat([a, b]) && countOf(condition) === countOf(y)
      ? { name: "where", weight: 1, parameters: [], apply: (_, [mask, then, otherwise]) => select(mask!, then!, otherwise!) }
      : undefined,
  ),
  greater: comparison("f32x4.gt"),
  greaterEqual: comparison("f32x4.ge"),
  less: comparison("f32x4.lt"),
  lessEqual: comparison("f32x4.le"),
  equal: comparison("f32x4.eq"),
};
