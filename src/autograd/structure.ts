import { ArgumentError } from "../errors.ts";
import { Tensor } from "../tensor/index.ts";

/** Tensors in lists and records of any depth. */
export type Tensors = Tensor | readonly Tensors[] | { readonly [name: string]: Tensors };

/**
 * The tensors of a value in the order of its fields. Errors: ArgumentError where it holds something else; `what` says
 * what it is. Any shapes.
 */
export function flatten(op: string, what: string, value: Tensors): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (typeof value !== "object" || value === null || value instanceof Promise) {
    throw new ArgumentError(op, `${what} tensors, got ${value instanceof Promise ? "a promise" : typeof value}`);
  }
  return Object.values(value).flatMap((part: Tensors) => flatten(op, what, part));
}

/** A value of the same structure with other tensors, in the order of `flatten`. Any shapes. */
export function rebuild<T extends Tensors>(value: T, tensors: readonly Tensor[]): T {
  return taken(value, [...tensors].reverse()) as T;
}

/** The structure of `value` with its tensors taken from the end of `left`. */
function taken(value: Tensors, left: Tensor[]): Tensors {
  if (value instanceof Tensor) return left.pop() as Tensor;
  if (Array.isArray(value)) return value.map((part) => taken(part, left));
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, taken(part, left)]));
}
