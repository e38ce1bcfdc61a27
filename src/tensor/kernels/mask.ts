import { op } from "../../wasm/index.ts";
import type { FastKernel } from "./index.ts";
import { allFloat, countOf, floatsOf } from "./placement.ts";
import { select } from "./vectorMath.ts";

/** Whether a tensor runs along the output (1) or is one value for all of it (0); undefined for other broadcasts. */
function stepOf(length: number, size: number): 0 | 1 | undefined {
  return length === size ? 1 : length === 1 ? 0 : undefined;
}

type Comparison = "f32x4.gt" | "f32x4.ge" | "f32x4.lt" | "f32x4.le" | "f32x4.eq";

/** Fills y[i] with 1 where the comparison holds of a[i * stepA] and b[i * stepB]; one loop per op, so that it inlines. */
type Compare = (a: Float32Array, stepA: number, b: Float32Array, stepB: number, y: Uint8Array) => void;

function comparison(name: Comparison, fill: Compare): FastKernel {
  return {
    formula: ([a, b]) =>
      a.dtype === "f32" && b.dtype === "f32"
        ? { name, weight: 1, parameters: [], apply: (_, [left, right]) => op(name, left!, right!) }
        : undefined,
    place({ inputs, outputs: [y] }) {
      const [a, b] = inputs;
      const size = countOf(y);
      const [stepA, stepB] = [stepOf(countOf(a), size), stepOf(countOf(b), size)];
      if (!allFloat(inputs) || size === 0 || stepA === undefined || stepB === undefined) return undefined;
      const [left, right, to] = [floatsOf(a), floatsOf(b), y.data as Uint8Array];
      return () => fill(left, stepA, right, stepB, to);
    },
    bound: () => "exact",
  };
}

/** Kernel of `where`: operands that run along the output or are one value. */
const where: FastKernel = {
  formula: ([condition, a, b], _, [y]) =>
    a.dtype === "f32" && b.dtype === "f32" && countOf(condition) === countOf(y)
      ? { name: "where", weight: 1, parameters: [], apply: (__, [mask, then, otherwise]) => select(mask!, then!, otherwise!) }
      : undefined,
  place({ inputs: [condition, a, b], outputs: [y] }) {
    const size = countOf(y);
    const [stepA, stepB] = [stepOf(countOf(a), size), stepOf(countOf(b), size)];
    if (!allFloat([a, b]) || size === 0 || countOf(condition) !== size) return undefined;
    if (stepA === undefined || stepB === undefined) return undefined;
    const [mask, left, right, to] = [condition.data, floatsOf(a), floatsOf(b), floatsOf(y)];
    return () => {
      for (let i = 0; i < size; i++) to[i] = mask[i] !== 0 ? left[i * stepA] : right[i * stepB];
    };
  },
  bound: () => "exact",
};

/** Kernels of comparisons and `where`, by op name. */
export const maskKernels: Readonly<Record<string, FastKernel>> = {
  where,
  greater: comparison("f32x4.gt", (a, p, b, q, y) => {
    for (let i = 0; i < y.length; i++) y[i] = a[i * p]! > b[i * q]! ? 1 : 0;
  }),
  greaterEqual: comparison("f32x4.ge", (a, p, b, q, y) => {
    for (let i = 0; i < y.length; i++) y[i] = a[i * p]! >= b[i * q]! ? 1 : 0;
  }),
  less: comparison("f32x4.lt", (a, p, b, q, y) => {
    for (let i = 0; i < y.length; i++) y[i] = a[i * p]! < b[i * q]! ? 1 : 0;
  }),
  lessEqual: comparison("f32x4.le", (a, p, b, q, y) => {
    for (let i = 0; i < y.length; i++) y[i] = a[i * p]! <= b[i * q]! ? 1 : 0;
  }),
  equal: comparison("f32x4.eq", (a, p, b, q, y) => {
    for (let i = 0; i < y.length; i++) y[i] = a[i * p]! === b[i * q]! ? 1 : 0;
  }),
};
