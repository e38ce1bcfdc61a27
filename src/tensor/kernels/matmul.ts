import { placeTasks, type Step, type Task } from "../../wasm/index.ts";
import { broadcastStrides, sizeOf } from "../shape.ts";
import type { Meta } from "../tensor.ts";
import { eachAlone, inTurn, multiplyStep, type Product, packsOf, partsOf, piecesFor, workspaceOf, writeGrid } from "./gemm.ts";
import type { FastKernel, Run } from "./index.ts";
import { type Argument, allFloat, type Placement, type Room } from "./placement.ts";

/** Batched matrix product with broadcast batch dimensions; operands of rank 2 or more. */
export const matmul: FastKernel = {
  place(call) {
    const [a, b] = call.inputs;
    if (!allFloat([a, b]) || a.shape.length < 2 || b.shape.length < 2 || call.outputs[0].shape.includes(0)) return undefined;
    return product(call);
  },
  bound: ([a]: readonly Meta[]) => ({ terms: a.shape[a.shape.length - 1] }),
};

/** Sizes of one matrix product. */
export type ProductSize = Pick<Product, "rows" | "terms" | "columns">;

function product(call: Placement): Run {
  const {
    arena,
    inputs: [a, b],
    outputs: [y],
  } = call;
  const [rows, terms] = a.shape.slice(-2);
  const columns = b.shape[b.shape.length - 1];
  const p: Product = {
    rows,
    columns,
    terms,
    aRows: writeGrid(call, 1, 0, rows, 4 * terms),
    aTerms: writeGrid(call, 1, 0, terms, 4),
    bColumns: writeGrid(call, 1, 0, columns, 4),
    bTerms: writeGrid(call, 1, 0, terms, 4 * columns),
  };
  const matrices = batches(y.shape, a.shape, b.shape);
  const lefts = [...new Set(matrices.map(([, ia]) => ia))];
  const at = new Map(lefts.map((ia, i) => [ia, i]));
  const sources = lefts.map((ia) => a.address + 4 * ia * rows * terms);
  const { packs, steps } = packsOf(call, p, sources, a.constant);
  const parts = partsOf(p, piecesFor(arena, matrices.length));
  const space = workspaceOf(call, { rows, columns: parts[0]!.columns, terms });
  const tasks: Task[] = [];
  for (const [i, ia, ib] of matrices) {
    const left = packs[at.get(ia)!]!;
    const right = b.address + 4 * ib * terms * columns;
    for (const { row, rows: high, column, columns: wide } of parts) {
      const c = y.address + 4 * ((i * rows + row) * columns + column);
      const part = { row, rows: high, column, columns: wide, a: left, b: right, c, pitch: columns };
      tasks.push([multiplyStep(arena, p, space, part)]);
    }
  }
  const multiply = placeTasks(arena, tasks, matrices.length * rows * columns * terms);
  return steps.length === 0 ? multiply : inTurn(placeTasks(arena, eachAlone(steps), steps.length * rows * terms), multiply);
}

/**
 * Steps that multiply constant matrices, [rows, terms] each at `sources`, with matrices [terms, columns] at `b` into
 * [rows, columns] at `c`: for tasks made of several calls, which run one after the other on each thread.
 */
export function productSteps(
  room: Room,
  { rows, terms, columns }: ProductSize,
  sources: readonly number[],
): (source: number, b: Argument, c: number) => Step {
  const p: Product = {
    ...{ rows, columns, terms },
    aRows: writeGrid(room, 1, 0, rows, 4 * terms),
    aTerms: writeGrid(room, 1, 0, terms, 4),
    bColumns: writeGrid(room, 1, 0, columns, 4),
    bTerms: writeGrid(room, 1, 0, terms, 4 * columns),
  };
  const { packs } = packsOf(room, p, sources, true);
  const space = workspaceOf(room, p);
  return (source, b, c) => multiplyStep(room.arena, p, space, { a: packs[source], b, c, pitch: columns });
}

/** Matrix numbers [output, a, b] of a broadcast batch, in output order. */
function batches(shape: readonly number[], a: readonly number[], b: readonly number[]): [number, number, number][] {
  if (shape.length === 2) return [[0, 0, 0]];
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
