import type { Operand } from "../../graph/index.ts";
import { concat, expand, indexSelect, type PadMode, pad, permute, reshape, sizeOf, slice, Tensor } from "../../tensor/index.ts";
import { type OperatorRow, type TfCall, wholeTensor } from "../call.ts";
import { inPlaneOrder, planeAxis } from "../held.ts";

const concatRow: OperatorRow = {
  op: "ConcatV2",
  build(call) {
    const count = call.inputCount - 1;
    const parts = call.allHeld.slice(0, count);
    if (count < 1) call.fail("at least 1 tensor must be given, got 0");
    const dim = call.axis(call.numbers(count)[0], parts[0].meta.shape.length);
    if (parts.some((held) => held.prefersPlanes)) {
      return call.writePlanes(
        concat,
        parts.map((_, i) => call.planes(i)),
        { dim: planeAxis(dim) },
      );
    }
    return call.write(
      concat,
      parts.map((_, i) => call.rows(i)),
      { dim },
    );
  },
};

/** A target shape with at most one -1, filled in. */
function filled(call: TfCall, size: number, target: readonly number[]): number[] {
  const rest = sizeOf(target.filter((d) => d !== -1));
  const shape = target.map((d) => (d === -1 ? size / rest : d));
  if (target.filter((d) => d === -1).length > 1 || shape.some((d) => !Number.isInteger(d) || d < 0))
    call.fail(`the shape must hold ${size} elements with at most one -1, got [${target.join(",")}]`);
  return shape;
}

const reshapeRow: OperatorRow = {
  op: "Reshape",
  build(call) {
    const x = call.rows(0);
    call.write(reshape, [x], { shape: filled(call, sizeOf(x.meta.shape), call.numbers(1)) });
  },
};

const squeeze: OperatorRow = {
  op: "Squeeze",
  build(call) {
    const { shape } = call.held(0).meta;
    const given = call.attributes.ints("squeeze_dims") ?? call.attributes.ints("axis") ?? [];
    const axes = given.length > 0 ? given.map((a) => call.axis(a, shape.length)) : shape.flatMap((d, i) => (d === 1 ? [i] : []));
    for (const a of axes) if (shape[a] !== 1) call.fail(`axis ${a} must have size 1, got ${shape[a]}`);
    call.write(reshape, [call.rows(0)], { shape: shape.filter((_, i) => !axes.includes(i)) });
  },
};

const expandDims: OperatorRow = {
  op: "ExpandDims",
  build(call) {
    const { shape } = call.held(0).meta;
    const at = call.axis(call.numbers(1)[0], shape.length + 1);
    call.write(reshape, [call.rows(0)], { shape: [...shape.slice(0, at), 1, ...shape.slice(at)] });
  },
};

const transpose: OperatorRow = {
  op: "Transpose",
  build: (call) => call.write(permute, [call.rows(0)], { perm: call.numbers(1) }),
};

const shapeRow: OperatorRow = { op: "Shape", build: (call) => call.define(wholeTensor(call.held(0).meta.shape)) };

/** Stacks tensors of one shape along a new axis. */
const pack: OperatorRow = {
  op: "Pack",
  build(call) {
    const { shape } = call.held(0).meta;
    const dim = call.axis(call.attributes.int("axis", 0), shape.length + 1);
    const one = [...shape.slice(0, dim), 1, ...shape.slice(dim)];
    const parts = call.allHeld.map((held, i) => call.emit(String(i), reshape, [held.rows(call)], { shape: one }));
    if (parts.length === 1) call.write(reshape, [call.rows(0)], { shape: one });
    else call.write(concat, parts, { dim });
  },
};

/** The opposite of Pack. */
const unpack: OperatorRow = {
  op: "Unpack",
  build(call) {
    const x = call.rows(0);
    const { shape } = x.meta;
    const dim = call.axis(call.attributes.int("axis", 0), shape.length);
    for (let i = 0; i < shape[dim]; i++) {
      const part = call.emit(`slice${i}`, slice, [x], { dim, start: i, end: i + 1, step: 1 });
      call.write(reshape, [part], { shape: shape.filter((_, d) => d !== dim) }, i);
    }
  },
};

/** Equal parts, or with SplitV parts of given sizes. */
const split = (op: string, x: number, axis: number, sizesAt: number | undefined): OperatorRow => ({
  op,
  build(call) {
    const { shape } = call.held(x).meta;
    const dim = call.axis(call.numbers(axis)[0], shape.length);
    const count = call.attributes.int("num_split", 1);
    if (count < 1 || count > shape[dim]) call.fail(`num_split must be in 1..${shape[dim]}, got ${count}`);
    const sizes =
      sizesAt === undefined ? new Array<number>(count).fill(shape[dim] / count) : filledSizes(call.numbers(sizesAt), shape[dim]);
    if (sizes.some((s) => !Number.isInteger(s) || s < 0) || sizes.reduce((a, b) => a + b, 0) !== shape[dim])
      call.fail(`the parts must add up to ${shape[dim]}, got [${sizes.join(",")}]`);
    const planes = call.held(x).prefersPlanes;
    let start = 0;
    sizes.forEach((size, i) => {
      const range = { start, end: start + size, step: 1 };
      if (planes) call.writePlanes(slice, [call.planes(x)], { dim: planeAxis(dim), ...range }, i);
      else call.write(slice, [call.rows(x)], { dim, ...range }, i);
      start += size;
    });
  },
});

/** A size of -1 takes what the others leave. */
const filledSizes = (sizes: readonly number[], length: number): number[] => {
  const rest = length - sizes.filter((s) => s >= 0).reduce((a, b) => a + b, 0);
  return sizes.map((s) => (s === -1 ? rest : s));
};

const MIRROR: Readonly<Record<string, PadMode>> = { REFLECT: "reflect" };

const padRow = (op: string): OperatorRow => ({
  op,
  build(call) {
    const rank = call.held(0).meta.shape.length;
    const flat = call.numbers(1);
    if (flat.length !== 2 * rank) call.fail(`paddings must be [${rank},2], got ${flat.length} numbers`);
    const pairs = Array.from({ length: rank }, (_, i) => flat.slice(2 * i, 2 * i + 2));
    const value = op === "PadV2" ? call.numbers(2)[0] : 0;
    const name = op === "MirrorPad" ? call.attributes.string("mode", "REFLECT") : "CONSTANT";
    const mode: PadMode = name === "CONSTANT" ? "constant" : (MIRROR[name] ?? call.fail(`mode must be REFLECT, got ${name}`));
    // Our op takes the last axis first.
    const padsOf = (ordered: readonly number[][]): number[] => ordered.toReversed().flat();
    if (call.held(0).prefersPlanes) call.writePlanes(pad, [call.planes(0)], { pads: padsOf(inPlaneOrder(pairs)), mode, value });
    else call.write(pad, [call.rows(0)], { pads: padsOf(pairs), mode, value });
  },
});

/** One value in a shape; of constants only, as shape arithmetic uses it. */
const fill: OperatorRow = {
  op: "Fill",
  build(call) {
    const value = call.rows(1);
    if (!value.value) call.fail("the value must be a constant, got a computed one");
    call.write(expand, [value], { shape: call.numbers(0) });
  },
};

const tile: OperatorRow = {
  op: "Tile",
  build(call) {
    let current: Operand = call.rows(0);
    const repeats = call.numbers(1);
    repeats.forEach((times, dim) => {
      if (!(times >= 1 && times <= 65536)) call.fail(`every multiple must be in 1..65536, got ${times}`);
      if (times > 1) current = call.emit(`axis${dim}`, concat, new Array<Operand>(times).fill(current), { dim });
    });
    call.write(reshape, [current], { shape: current.meta.shape });
  },
};

/** Indices must be known. */
const gather: OperatorRow = {
  op: "GatherV2",
  build(call) {
    const x = call.rows(0);
    const index = call.constant(1);
    const dim = call.axis(call.numbers(2)[0], x.meta.shape.length);
    if (call.attributes.int("batch_dims", 0) !== 0) call.fail("batch_dims must be 0, got another number");
    const flat = Int32Array.from(index.data);
    if (flat.some((k) => k < 0 || k >= x.meta.shape[dim])) call.fail(`every index must be in [0, ${x.meta.shape[dim]}), got another one`);
    const picked = call.emit("pick", indexSelect, [x, call.own("index", new Tensor([flat.length], "i32", flat))], { dim });
    call.write(reshape, [picked], { shape: [...x.meta.shape.slice(0, dim), ...index.shape, ...x.meta.shape.slice(dim + 1)] });
  },
};

export const shapingRows: readonly OperatorRow[] = [
  concatRow,
  reshapeRow,
  squeeze,
  expandDims,
  transpose,
  shapeRow,
  pack,
  unpack,
  split("Split", 1, 0, undefined),
  split("SplitV", 0, 2, 1),
  padRow("Pad"),
  padRow("PadV2"),
  padRow("MirrorPad"),
  fill,
  tile,
  gather,
];
