import type { FastKernel } from "./index.ts";
import { allFloat, countOf, floatsOf } from "./placement.ts";

/** Whether a tensor runs along the output (1) or is one value for all of it (0); undefined for other broadcasts. */
function stepOf(length: number, size: number): 0 | 1 | undefined {
  return length === size ? 1 : length === 1 ? 0 : undefined;
}

/** Fills y[i] with 1 where the comparison holds of a[i * stepA] and b[i * stepB]; one loop per op, so that it inlines. */
type Compare = (a: Float32Array, stepA: number, b: Float32Array, stepB: number, y: Uint8Array) => void;

function comparison(fill: Compare): FastKernel {
  return {
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
  greater: comparison((a, p, b, q, y) => {
    for (let i = 0; i < y.length; i++) y[i] = a[i * p]! > b[i * q]! ? 1 : 0;
  }),
  greaterEqual: comparison((a, p, b, q, y) => {
    for (let i = 0; i < y.length; i++) y[i] = a[i * p]! >= b[i * q]! ? 1 : 0;
  }),
  less: comparison((a, p, b, q, y) => {
    for (let i = 0; i < y.length; i++) y[i] = a[i * p]! < b[i * q]! ? 1 : 0;
  }),
  lessEqual: comparison((a, p, b, q, y) => {
    for (let i = 0; i < y.length; i++) y[i] = a[i * p]! <= b[i * q]! ? 1 : 0;
  }),
  equal: comparison((a, p, b, q, y) => {
    for (let i = 0; i < y.length; i++) y[i] = a[i * p]! === b[i * q]! ? 1 : 0;
  }),
};
