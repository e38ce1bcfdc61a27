import { ShapeError } from "../errors.ts";
import { add, formatShape, mul, sameShape, sum, type Tensor, zeros } from "../tensor/index.ts";
import { record, type Tape } from "./tape.ts";

type Scalar = (...xs: Tensor[]) => Tensor;

function requireScalar(op: string, value: Tensor): void {
  if (value.size !== 1) throw new ShapeError(op, `the function must return one element, got ${value.dtype}${formatShape(value.shape)}`);
}

/** Cotangents of `xs`, zeros for those the root does not depend on: all of them if it is a constant made elsewhere. */
function pull(tape: Tape, root: Tensor, xs: readonly Tensor[]): Tensor[] {
  const used = new Set(tape.entries.flatMap((e) => e.inputs));
  const known = xs.includes(root) || tape.made(root);
  const wrt = known ? xs.filter((x) => used.has(x) || x === root) : [];
  const found = new Map(tape.vjp(root, wrt).map((g, i) => [wrt[i], g]));
  return xs.map((x) => found.get(x) ?? zeros(x.shape, x.dtype));
}

/** Value and gradients of a scalar function with respect to each argument. Errors: ShapeError unless the value has one element. */
export function valueAndGrad(f: Scalar, xs: readonly Tensor[]): { value: Tensor; grads: Tensor[] } {
  const { value, tape } = record(() => f(...xs));
  requireScalar("valueAndGrad", value);
  return { value, grads: pull(tape, value, xs) };
}

/**
 * Gradients of a scalar function with respect to each argument; zeros where it does not depend on one. Errors:
 * ShapeError unless the function returns one element.
 */
export const grad = (f: Scalar, xs: readonly Tensor[]): Tensor[] => valueAndGrad(f, xs).grads;

/**
 * Hessian of a scalar function times a direction `vs` (shapes of `xs`), by differentiating the recorded
 * gradient: exact, at the price of two backward passes. Zero second derivatives are assumed for steps
 * and straight-through operations. Without arguments there are no products.
 *
 * Errors: ShapeError where a direction does not have its argument's shape.
 */
export function hessianVectorProduct(f: Scalar, xs: readonly Tensor[], vs: readonly Tensor[]): Tensor[] {
  xs.forEach((x, i) => {
    if (vs[i] && sameShape(x.shape, vs[i].shape)) return;
    throw new ShapeError(
      "hessianVectorProduct",
      `vs[${i}] must have shape ${formatShape(x.shape)}, got ${vs[i] ? formatShape(vs[i].shape) : "nothing"}`,
    );
  });
  if (xs.length === 0) return [];
  const { value: slope, tape } = record(() => {
    const terms = valueAndGrad(f, xs).grads.map((g, i) => sum(mul(g, vs[i])));
    return terms.reduce((a, b) => add(a, b));
  });
  return pull(tape, slope, xs);
}
