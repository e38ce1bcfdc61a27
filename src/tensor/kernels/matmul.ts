import { broadcastStrides, sizeOf } from "../shape.ts";
import type { Meta } from "../tensor.ts";
import { isWhole, multiply, type Product, packA, packARoom, packBRoom, roundUp, writeGrid, zeroStart } from "./gemm.ts";
import type { FastKernel, Run } from "./index.ts";
import { allFloat, type Placement } from "./placement.ts";
import { copyRows } from "./plane.ts";

/** Batched matrix product with broadcast batch dimensions; operands of rank 2 or more. */
export const matmul: FastKernel = {
  place(call) {
    const [a, b] = call.inputs;
    if (!allFloat([a, b]) || a.shape.length < 2 || b.shape.length < 2 || call.outputs[0].shape.includes(0)) return undefined;
    return product(call);
  },
  bound: ([a]: readonly Meta[]) => ({ terms: a.shape[a.shape.length - 1] }),
};

function product(call: Placement): Run {
  const {
    arena,
    inputs: [a, b],
    outputs: [y],
  } = call;
  const [rows, terms] = a.shape.slice(-2);
  const columns = b.shape[b.shape.length - 1];
  const p: Product = {
    ...{ rows, columns, terms },
    aRows: writeGrid(call, 1, 0, rows, 4 * terms),
    aTerms: writeGrid(call, 1, 0, terms, 4),
    bColumns: writeGrid(call, 1, 0, columns, 4),
    bTerms: writeGrid(call, 1, 0, terms, 4 * columns),
  };
  const packs = { a: packARoom(call, p), b: packBRoom(call, p) };
  const pitch = roundUp(columns, 8);
  const tile = isWhole(rows, columns) ? undefined : call.scratch(4 * roundUp(rows, 4) * pitch);
  const start = zeroStart(call, rows);
  const matrices = batches(y.shape, a.shape, b.shape);
  const [pa, pb, output] = [a.address, b.address, y.address];
  return () => {
    let packed = -1;
    for (const [i, ia, ib] of matrices) {
      if (ia !== packed) packA(arena, p, pa + 4 * ia * rows * terms, packs);
      packed = ia;
      const target = output + 4 * i * rows * columns;
      multiply(arena, p, pb + 4 * ib * terms * columns, tile ?? target, pitch, packs, start);
      if (tile !== undefined) copyRows(arena, target, 4 * columns, tile, 4 * pitch, rows, 4 * columns);
    }
  };
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
