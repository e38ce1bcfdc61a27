import { sizeOf, stridesOf } from "./shape.ts";

/** For each element of `shape` in row-major order, the offset that `strides` give it, plus `base`. */
export function offsets(shape: readonly number[], strides: readonly number[], base = 0): Int32Array {
  const found = new Int32Array(sizeOf(shape));
  const index = new Array<number>(shape.length).fill(0);
  let at = base;
  for (let i = 0; i < found.length; i++) {
    found[i] = at;
    for (let d = shape.length - 1; d >= 0; d--) {
      index[d]++;
      at += strides[d];
      if (index[d] < shape[d]) break;
      at -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
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
