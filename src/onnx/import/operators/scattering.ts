import type { Operand } from "../../../graph/index.ts";
import {
  add,
  expand,
  indexSelect,
  maximum,
  minimum,
  mul,
  type OpDef,
  scatter,
  scatterAdd,
  sizeOf,
  slice,
  stridesOf,
  Tensor,
} from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";
import { positions } from "./positions.ts";

type Plain = { readonly def: OpDef<Record<string, never>> };
type Reduction = "none" | "add" | "mul" | "max" | "min";

/** What combines an element with its update. */
const COMBINE: Readonly<Record<Exclude<Reduction, "none" | "add">, Plain>> = { mul, max: maximum, min: minimum };

function reductionOf(call: NodeCall): Reduction {
  const found = call.attributes.string("reduction", "none");
  if (found === "none" || found === "add" || Object.hasOwn(COMBINE, found)) return found as Reduction;
  return call.fail(`reduction must be none, add, mul, max or min, got ${found}`);
}

/** Rows in rounds that write no place twice; of several rows for one place "none" keeps the last. */
function roundsOf(places: Int32Array, reduction: Reduction): number[][] {
  const rounds: number[][] = [];
  const seen = new Map<number, number>();
  if (reduction === "none") {
    places.forEach((place, i) => void seen.set(place, i));
    return [[...seen.values()]];
  }
  places.forEach((place, i) => {
    const round = seen.get(place) ?? 0;
    seen.set(place, round + 1);
    if (rounds.length === round) rounds.push([]);
    rounds[round].push(i);
  });
  return rounds;
}

const wholes = (values: Iterable<number>): Tensor => {
  const data = Int32Array.from(values);
  return new Tensor([data.length], "i32", data);
};

/** Writes rows of `updates` [Q, R] into rows `places` of x [P, R]. */
function writeRows(call: NodeCall, x: Operand, places: Int32Array, updates: Operand, reduction: Reduction): Operand {
  const width = x.meta.shape[1];
  return roundsOf(places, reduction).reduce((y, rows, i) => {
    const all = rows.length === places.length;
    const given = all ? updates : call.emit(`updates${i}`, indexSelect, [updates, call.own(`rows${i}`, wholes(rows))], { dim: 0 });
    const at = call.own(`places${i}`, wholes(rows.map((row) => places[row])));
    const spread = call.emit(`index${i}`, expand, [call.shaped(`column${i}`, at, [rows.length, 1])], { shape: [rows.length, width] });
    if (reduction === "none" || reduction === "add") return call.emit(`written${i}`, scatter, [y, spread, given], { dim: 0 });
    const before = call.emit(`before${i}`, indexSelect, [y, at], { dim: 0 });
    return call.emit(`written${i}`, scatter, [y, spread, call.emit(`combined${i}`, COMBINE[reduction], [before, given], {})], { dim: 0 });
  }, x);
}

/** Constant indices as offsets into x, element by element. */
function offsetsOf(x: Operand, index: Tensor, dim: number): Int32Array {
  const strides = stridesOf(x.meta.shape);
  const inner = stridesOf(index.shape);
  return Int32Array.from(index.data, (k, i) =>
    index.shape.reduce((at, d, axis) => at + (axis === dim ? k : Math.floor(i / inner[axis]) % d) * strides[axis], 0),
  );
}

const scatterElements = (type: string): OperatorRow => ({
  type,
  build(call) {
    const [x, updates] = [call.input(0), call.input(2)];
    const dim = call.axis(call.attributes.int("axis", 0), x.meta.shape.length);
    const reduction = reductionOf(call);
    const index = positions(call, call.input(1), x.meta.shape[dim]);
    if (reduction === "add") return call.write(scatterAdd, [x, index, updates], { dim });
    const known = index.value && offsetsOf(x, index.value, dim);
    if (reduction === "none" && (!known || new Set(known).size === known.length)) return call.write(scatter, [x, index, updates], { dim });
    const places = known ?? call.fail(`indices must be constants for reduction ${reduction}, got computed "${call.input(1).name}"`);
    const flat = writeRows(
      call,
      call.shaped("column", x, [sizeOf(x.meta.shape), 1]),
      places,
      call.shaped("given", updates, [places.length, 1]),
      reduction,
    );
    return call.settle(call.shaped("whole", flat, x.meta.shape));
  },
});

/** Offsets of the rows that lists of indices [..., k] name in axes of these sizes, as one axis. */
function rowsOf(call: NodeCall, indices: Operand, sizes: readonly number[]): Operand {
  const { shape } = indices.meta;
  const last = shape.length - 1;
  const count = sizeOf(shape.slice(0, -1));
  const parts = sizes.map((length, k) => {
    const part = call.emit(`index${k}`, slice, [indices], { dim: last, start: k, end: k + 1, step: 1 });
    return positions(call, call.shaped(`line${k}`, part, [count]), length, `axis${k}`);
  });
  return parts.reduce((at, part, k) => {
    const rows = call.emit(`start${k}`, mul, [at, call.number(`length${k}`, sizes[k], at)], {});
    return call.emit(`offset${k}`, add, [rows, part], {});
  });
}

/** The lists of indices of a node, which name the first k axes behind `batch`. */
function readLists(call: NodeCall, batch: number): { x: Operand; indices: Operand; k: number } {
  const [x, indices] = [call.input(0), call.input(1)];
  const k = indices.meta.shape.at(-1) ?? 0;
  if (k < 1 || k + batch > x.meta.shape.length) call.fail(`indices must name 1 to ${x.meta.shape.length - batch} axes, got ${k}`);
  return { x, indices, k };
}

const scatterNd: OperatorRow = {
  type: "ScatterND",
  build(call) {
    const reduction = reductionOf(call);
    const { x, indices, k } = readLists(call, 0);
    const { shape } = x.meta;
    const [outer, inner] = [sizeOf(shape.slice(0, k)), sizeOf(shape.slice(k))];
    const rows = rowsOf(call, indices, shape.slice(0, k));
    const count = rows.meta.shape[0];
    const table = call.shaped("table", x, [outer, inner]);
    const updates = call.shaped("given", call.input(2), [count, inner]);
    const result = (y: Operand): void => call.settle(call.shaped("whole", y, shape));
    if (rows.value && reduction !== "add") return result(writeRows(call, table, Int32Array.from(rows.value.data), updates, reduction));
    if (reduction !== "none" && reduction !== "add")
      call.fail(`indices must be constants for reduction ${reduction}, got computed "${indices.name}"`);
    const index = call.emit("index", expand, [call.shaped("column", rows, [count, 1])], { shape: [count, inner] });
    return result(call.emit("written", reduction === "add" ? scatterAdd : scatter, [table, index, updates], { dim: 0 }));
  },
};

/** The first `batch_dims` axes of both inputs run together. */
const gatherNd: OperatorRow = {
  type: "GatherND",
  build(call) {
    const batch = call.attributes.int("batch_dims", 0);
    const { x, indices, k } = readLists(call, batch);
    const { shape } = x.meta;
    const batches = sizeOf(shape.slice(0, batch));
    const rows = rowsOf(call, indices, shape.slice(batch, batch + k));
    const each = rows.meta.shape[0] / batches;
    const spanned = sizeOf(shape.slice(batch, batch + k));
    call.makeRoom(rows.meta.shape[0]);
    const starts = wholes(Array.from({ length: rows.meta.shape[0] }, (_, i) => Math.floor(i / each) * spanned));
    const at = batch === 0 ? rows : call.emit("rows", add, [rows, call.own("starts", starts)], {});
    const table = call.shaped("table", x, [batches * spanned, sizeOf(shape.slice(batch + k))]);
    const picked = call.emit("picked", indexSelect, [table, at], { dim: 0 });
    call.settle(call.shaped("whole", picked, [...indices.meta.shape.slice(0, -1), ...shape.slice(batch + k)]));
  },
};

export const scatteringRows: readonly OperatorRow[] = [scatterElements("ScatterElements"), scatterElements("Scatter"), scatterNd, gatherNd];
