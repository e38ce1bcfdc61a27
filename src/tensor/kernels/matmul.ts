import type { Arena } from "../../wasm/index.ts";
import { broadcastStrides, sizeOf } from "../shape.ts";
import { type Meta, Tensor } from "../tensor.ts";
import { allocatePacks, multiply, type Product, packA, roundUp, writeGrid, zeroStart } from "./gemm.ts";
import type { FastKernel } from "./index.ts";
import { copyRows } from "./plane.ts";
import { floats, stage, staged } from "./staging.ts";

/** Batched matrix product with broadcast batch dimensions; operands of rank 2 or more. */
export const matmul: FastKernel = {
  run(inputs, _, [meta]) {
    const arrays = floats(inputs);
    const [a, b] = inputs as [Tensor, Tensor];
    if (!arrays || a.shape.length < 2 || b.shape.length < 2 || meta!.shape.includes(0)) return undefined;
    return staged((arena) => [new Tensor(meta!.shape, "f32", product(arena, a.shape, b.shape, meta!.shape, arrays[0]!, arrays[1]!))]);
  },
  bound: ([a]: readonly Meta[]) => ({ terms: a!.shape[a!.shape.length - 1]! }),
};

function product(
  arena: Arena,
  aShape: readonly number[],
  bShape: readonly number[],
  shape: readonly number[],
  a: Float32Array,
  b: Float32Array,
): Float32Array {
  const [rows, terms] = aShape.slice(-2) as [number, number];
  const columns = bShape[bShape.length - 1]!;
  const size = sizeOf(shape);
  const output = arena.allocate(4 * (size + 4 * roundUp(columns, 8)));
  const [pa, pb] = [stage(arena, a), stage(arena, b)];
  const p: Product = {
    ...{ rows, columns, terms },
    aRows: writeGrid(arena, 1, 0, rows, 4 * terms),
    aTerms: writeGrid(arena, 1, 0, terms, 4),
    bColumns: writeGrid(arena, 1, 0, columns, 4),
    bTerms: writeGrid(arena, 1, 0, terms, 4 * columns),
  };
  const packs = allocatePacks(arena, p, 1)[0]!;
  const pitch = roundUp(columns, 8);
  const tile = pitch === columns ? undefined : arena.allocate(4 * roundUp(rows, 4) * pitch);
  const start = zeroStart(arena, rows);
  let packed = -1;
  for (const [i, ia, ib] of batches(shape, aShape, bShape)) {
    if (ia !== packed) packA(arena, p, pa + 4 * ia * rows * terms, packs);
    packed = ia;
    const target = output + 4 * i * rows * columns;
    multiply(arena, p, pb + 4 * ib * terms * columns, tile ?? target, pitch, packs, start);
    if (tile !== undefined) copyRows(arena, target, 4 * columns, tile, 4 * pitch, rows, 4 * columns);
  }
  return arena.read(output, size);
}

/** Matrix numbers [output, a, b] of a broadcast batch, in output order. */
function batches(shape: readonly number[], a: readonly number[], b: readonly number[]): [number, number, number][] {
  const batch = shape.slice(0, -2);
  const strides = [a, b].map((s) => broadcastStrides(s.slice(0, -2), batch));
  return Array.from({ length: sizeOf(batch) }, (_, i) => {
    const at = [0, 0];
    let rest = i;
    for (let d = batch.length - 1; d >= 0; d--) {
      const index = rest % batch[d]!;
      rest = (rest - index) / batch[d]!;
      strides.forEach((s, j) => {
        at[j] = at[j]! + index * s[d]!;
      });
    }
    return [i, at[0]!, at[1]!];
  });
}
