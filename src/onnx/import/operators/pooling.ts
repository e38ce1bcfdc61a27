import type { Operand } from "../../../graph/index.ts";
import {
  add,
  amax,
  avgPool2d,
  div,
  maxPool2d,
  maxPool2dIndices,
  mean,
  mul,
  type OpDef,
  scalar,
  sizeOf,
  sub,
  Tensor,
} from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";
import { asPicture, type Geometry, geometryOf, perAxis, pictureWindow, splitVolume } from "./window.ts";

interface Pool {
  readonly x: Operand;
  readonly geometry: Geometry;
  readonly ceilMode: boolean;
}

function readPool(call: NodeCall): Pool {
  const x = call.input(0);
  const size = x.meta.shape.slice(2);
  if (size.length < 1 || size.length > 3) call.fail(`input must have 3, 4 or 5 dimensions, got ${x.meta.shape.length}`);
  const geometry = geometryOf(call, size, perAxis(call, "kernel_shape", 1, size.length));
  return { x, geometry, ceilMode: call.attributes.int("ceil_mode", 0) !== 0 };
}

type Emit = (step: string, x: Operand, geometry: Geometry) => Operand;

/** Pools a line as a picture of one row, and a volume plane by plane, then along its depth. */
function pooled(call: NodeCall, { x, geometry }: Pool, emit: Emit): Operand {
  const [n, c, ...size] = x.meta.shape;
  if (size.length === 1) {
    const y = emit("row", call.shaped("picture", x, [n, c, 1, ...size]), asPicture(geometry));
    return call.shaped("line", y, [n, c, y.meta.shape[3]]);
  }
  const { plane, depth } = splitVolume(geometry);
  const flat = emit("planes", call.shaped("slices", x, [n, c * size[0], size[1], size[2]]), plane);
  const [, , h, w] = flat.meta.shape;
  const y = emit("depth", call.shaped("columns", flat, [n, c, size[0], h * w]), depth);
  return call.shaped("volume", y, [n, c, y.meta.shape[2], h, w]);
}

/** Whole pictures go to the op at once. */
function writePool<A>(call: NodeCall, op: { readonly def: OpDef<A> }, pool: Pool, attrsOf: (geometry: Geometry) => A): void {
  const { x, geometry } = pool;
  if (geometry.kernel.length === 2) call.write(op, [x], attrsOf(geometry));
  else call.settle(pooled(call, pool, (step, input, window) => call.emit(step, op, [input], attrsOf(window))));
}

const maxPool: OperatorRow = {
  type: "MaxPool",
  build(call) {
    const columnMajor = call.attributes.int("storage_order", 0) !== 0;
    const pool = readPool(call);
    writePool(call, maxPool2d, pool, (geometry) => ({ ...pictureWindow(geometry), ceilMode: pool.ceilMode }));
    if (call.writes(1)) writeIndices(call, pool, columnMajor);
  },
};

/** Offsets into the whole input; column by column within a plane where `columnMajor`. */
function writeIndices(call: NodeCall, { x, geometry, ceilMode }: Pool, columnMajor: boolean): void {
  const [n, c, ...size] = x.meta.shape;
  if (size.length > 2) call.fail("the indices of pooled volumes are not supported, got a file that reads them");
  const line = size.length === 1;
  const [h, w] = line ? [1, size[0]] : size;
  const picture = call.shaped("places", call.converted("real", x, x.meta.dtype === "f64" ? "f64" : "f32"), [n, c, h, w]);
  const found = call.emit("found", maxPool2dIndices, [picture], { ...pictureWindow(line ? asPicture(geometry) : geometry), ceilMode });
  call.makeRoom(n * c);
  const planes = Int32Array.from({ length: n * c }, (_, i) => i * h * w);
  const at = columnMajor ? byColumns(call, found, h, w) : found;
  const all = call.emit("offsets", add, [at, call.own("starts", new Tensor([n, c, 1, 1], "i32", planes))], {});
  call.settle(call.shaped("indices", all, [n, c, ...found.meta.shape.slice(line ? 3 : 2)]), 1);
}

/** row · W + column as column · H + row, all in whole numbers. */
function byColumns(call: NodeCall, found: Operand, h: number, w: number): Operand {
  const number = (label: string, value: number): Operand => call.own(label, scalar(value, "i32"));
  const row = call.emit("rows", div, [found, number("width", w)], {});
  const column = call.emit("columns", sub, [found, call.emit("rowStarts", mul, [row, number("widthAgain", w)], {})], {});
  return call.emit("turned", add, [call.emit("columnStarts", mul, [column, number("height", h)], {}), row], {});
}

const averagePool: OperatorRow = {
  type: "AveragePool",
  build(call) {
    const countIncludePad = call.attributes.int("count_include_pad", 0) !== 0;
    const pool = readPool(call);
    const { dilation } = pool.geometry;
    if (dilation.some((d) => d !== 1)) call.fail(`dilations must be 1, got [${dilation.join(",")}]`);
    writePool(call, avgPool2d, pool, (geometry) => {
      const { dilation: _, ...window } = pictureWindow(geometry);
      return { ...window, ceilMode: pool.ceilMode, countIncludePad };
    });
  },
};

const global = (type: string, op: typeof mean): OperatorRow => ({
  type,
  build(call) {
    const x = call.input(0);
    if (sizeOf(x.meta.shape.slice(2)) === 0) call.fail(`the pooled axes must not be empty, got [${x.meta.shape.join(",")}]`);
    const dim = x.meta.shape.map((_, i) => i).slice(2);
    call.write(op, [x], { dim, keepdim: true });
  },
});

export const poolingRows: readonly OperatorRow[] = [maxPool, averagePool, global("GlobalAveragePool", mean), global("GlobalMaxPool", amax)];
