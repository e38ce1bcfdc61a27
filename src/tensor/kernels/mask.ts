import { sizeOf } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import type { FastKernel } from "./index.ts";
import { floats } from "./staging.ts";

/** Whether a tensor runs along the output (1) or is one value for all of it (0); undefined for other broadcasts. */
function stepOf(length: number, size: number): 0 | 1 | undefined {
  return length === size ? 1 : length === 1 ? 0 : undefined;
}

/** Fills y[i] with 1 where the comparison holds of a[i * stepA] and b[i * stepB]; one loop per op, so that it inlines. */
type Compare = (a: Float32Array, stepA: number, b: Float32Array, stepB: number, y: Uint8Array) => void;

function comparison(fill: Compare): FastKernel {
  return {
    run(inputs, _, [meta]) {
      const arrays = floats(inputs);
      if (!arrays) return undefined;
      const [a, b] = arrays as [Float32Array, Float32Array];
      const size = sizeOf(meta!.shape);
      const [stepA, stepB] = [stepOf(a.length, size), stepOf(b.length, size)];
      if (size === 0 || stepA === undefined || stepB === undefined) return undefined;
      const y = new Uint8Array(size);
      fill(a, stepA, b, stepB, y);
      return [new Tensor(meta!.shape, "u8", y)];
    },
    bound: () => "exact",
  };
}

/** Kernel of `where`: operands that run along the output or are one value. */
const where: FastKernel = {
  run(inputs, _, [meta]) {
    const [condition, ...rest] = inputs;
    const arrays = floats(rest);
    const mask = condition!.data;
    const size = sizeOf(meta!.shape);
    if (!arrays || size === 0 || mask.length !== size) return undefined;
    const [a, b] = arrays as [Float32Array, Float32Array];
    const [stepA, stepB] = [stepOf(a.length, size), stepOf(b.length, size)];
    if (stepA === undefined || stepB === undefined) return undefined;
    const y = new Float32Array(size);
    for (let i = 0; i < size; i++) y[i] = mask[i] !== 0 ? a[i * stepA]! : b[i * stepB]!;
    return [new Tensor(meta!.shape, "f32", y)];
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
