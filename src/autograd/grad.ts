import { type Tensor, zeros } from "../tensor/index.ts";
import { record } from "./tape.ts";

/** Value and gradients of a scalar function with respect to each argument. */
export function valueAndGrad(f: (...xs: Tensor[]) => Tensor, xs: readonly Tensor[]): { value: Tensor; grads: Tensor[] } {
  const { value, tape } = record(() => f(...xs));
  const used = new Set(tape.entries.flatMap((e) => e.inputs));
  const wrt = xs.filter((x) => used.has(x));
  const found = new Map(tape.vjp(value, wrt).map((g, i) => [wrt[i]!, g]));
  return { value, grads: xs.map((x) => found.get(x) ?? zeros(x.shape, x.dtype)) };
}

/** Gradients of a scalar function with respect to each argument; zeros where it does not depend on one. */
export const grad = (f: (...xs: Tensor[]) => Tensor, xs: readonly Tensor[]): Tensor[] => valueAndGrad(f, xs).grads;
