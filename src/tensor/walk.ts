import { stridesOf } from "./shape.ts";

/** For each element of `shape` in row-major order, the offset that `strides` give it, plus `base`. */
export function offsets(shape: readonly number[], strides: readonly number[], base = 0): Int32Array {
  let found = Int32Array.of(base);
  shape.forEach((count, d) => {
    const next = new Int32Array(found.length * count);
    for (let i = 0; i < found.length; i++) {
      for (let k = 0; k < count; k++) next[i * count + k] = found[i] + k * strides[d];
    }
    found = next;
  });
  return found;
}

/** The shape after reducing `dim` (normalised axes), with or without the axes of size 1. */
export function reducedShape(shape: readonly number[], dim: readonly number[], keepdim: boolean): number[] {
  const kept = shape.map((d, i) => (dim.includes(i) ? 1 : d));
  return keepdim ? kept : kept.filter((_, i) => !dim.includes(i));
}

/** For each element of `shape`, the offset of the element it reduces into. */
export function reducedOffsets(shape: readonly number[], dim: readonly number[]): Int32Array {
  const strides = stridesOf(reducedShape(shape, dim, true));
  return offsets(
    shape,
    strides.map((s, i) => (dim.includes(i) ? 0 : s)),
  );
}
