import { DTypeError, ShapeError } from "../errors.ts";
import { formatShape, sameShape } from "./shape.ts";
import type { Meta } from "./tensor.ts";

/** Checks shared by the `infer` of many ops; each throws the typed error that names the op and the argument. */

export function requireFloat(op: string, name: string, x: Meta): void {
  if (x.dtype !== "f32" && x.dtype !== "f64") throw new DTypeError(op, `${name} must be f32 or f64, got ${x.dtype}${formatShape(x.shape)}`);
}

export function requireIndex(op: string, name: string, x: Meta): void {
  if (x.dtype !== "i32") throw new DTypeError(op, `${name} must be i32, got ${x.dtype}${formatShape(x.shape)}`);
}

export function requireSameDtype(op: string, a: Meta, b: Meta, names: readonly [string, string] = ["a", "b"]): void {
  if (a.dtype === b.dtype) return;
  const [first, second] = [a, b].map((x) => `${x.dtype}${formatShape(x.shape)}`);
  throw new DTypeError(op, `${names[0]} and ${names[1]} must share a dtype, got ${first} and ${second}`);
}

export function requireRank(op: string, name: string, x: Meta, rank: number): void {
  if (x.shape.length !== rank) throw new ShapeError(op, `${name} must have rank ${rank}, got ${x.dtype}${formatShape(x.shape)}`);
}

export function requireShape(op: string, name: string, x: Meta, shape: readonly number[]): void {
  if (sameShape(x.shape, shape)) return;
  throw new ShapeError(op, `${name} must have shape ${formatShape(shape)}, got ${formatShape(x.shape)}`);
}
