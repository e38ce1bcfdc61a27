import type { Operand } from "../../../graph/index.ts";
import { concat, expand, indexSelect, type PadMode, pad, permute, reshape, sizeOf, slice, Tensor, tensor } from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";
import { positions } from "./positions.ts";

const concatRow: OperatorRow = {
  type: "Concat",
  build(call) {
    const inputs = call.inputs;
    if (inputs.length === 0) call.fail("at least 1 input must be given, got 0");
    call.write(concat, inputs, { dim: call.axis(call.attributes.int("axis", 1), inputs[0].meta.shape.length) });
  },
};

const reshapeRow: OperatorRow = {
  type: "Reshape",
  build(call) {
    const x = call.input(0);
    const keepZero = call.attributes.int("allowzero", 0) !== 0;
    const target = Array.from(call.constant(1).data, (d, i) => (d === 0 && !keepZero ? x.meta.shape[i] : d));
    const rest = sizeOf(target.filter((d) => d !== -1));
    const shape = target.map((d) => (d === -1 ? sizeOf(x.meta.shape) / rest : d));
    if (target.filter((d) => d === -1).length > 1 || shape.some((d) => !Number.isInteger(d) || d < 0)) {
      call.fail(`shape must hold ${sizeOf(x.meta.shape)} elements with at most one -1, got [${target.join(",")}]`);
    }
    call.write(reshape, [x], { shape });
  },
};

const transpose: OperatorRow = {
  type: "Transpose",
  build(call) {
    const x = call.input(0);
    call.write(permute, [x], { perm: call.attributes.ints("perm") ?? x.meta.shape.map((_, i) => x.meta.shape.length - 1 - i) });
  },
};

const flatten: OperatorRow = {
  type: "Flatten",
  build(call) {
    const x = call.input(0);
    const rank = x.meta.shape.length;
    const given = call.attributes.int("axis", 1);
    const at = given === rank ? rank : call.axis(given, rank);
    call.write(reshape, [x], { shape: [sizeOf(x.meta.shape.slice(0, at)), sizeOf(x.meta.shape.slice(at))] });
  },
};

/** Axes are an attribute before opset 13 and an input since. */
const axesOf = (call: NodeCall): number[] | undefined => (call.opset < 13 ? call.attributes.ints("axes") : call.numbers(1));

const squeezeRow: OperatorRow = {
  type: "Squeeze",
  build(call) {
    const x = call.input(0);
    const { shape } = x.meta;
    const axes = axesOf(call)?.map((a) => call.axis(a, shape.length)) ?? shape.flatMap((d, i) => (d === 1 ? [i] : []));
    for (const a of axes) if (shape[a] !== 1) call.fail(`axis ${a} must have size 1, got ${shape[a]}`);
    call.write(reshape, [x], { shape: shape.filter((_, i) => !axes.includes(i)) });
  },
};

const unsqueezeRow: OperatorRow = {
  type: "Unsqueeze",
  build(call) {
    const x = call.input(0);
    const given = axesOf(call) ?? call.fail("axes must be given, got none");
    const rank = x.meta.shape.length + given.length;
    const axes = new Set(given.map((a) => call.axis(a, rank)));
    if (axes.size !== given.length) call.fail(`axes must be distinct, got [${given.join(",")}]`);
    const rest = [...x.meta.shape];
    call.write(reshape, [x], { shape: Array.from({ length: rank }, (_, i) => (axes.has(i) ? 1 : (rest.shift() as number))) });
  },
};

/** Bounds are attributes before opset 10 and inputs since. */
const sliceRow: OperatorRow = {
  type: "Slice",
  build(call) {
    const x = call.input(0);
    const read = (index: number, attribute: string) => (call.opset < 10 ? call.attributes.ints(attribute) : call.numbers(index));
    const starts = read(1, "starts") ?? call.fail("starts must be given, got none");
    const ends = read(2, "ends") ?? call.fail("ends must be given, got none");
    const axes = read(3, "axes") ?? starts.map((_, i) => i);
    const steps = (call.opset < 10 ? undefined : call.numbers(4)) ?? starts.map(() => 1);
    if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length) {
      call.fail(
        `starts, ends, axes and steps must have equal length, got ${starts.length}, ${ends.length}, ${axes.length} and ${steps.length}`,
      );
    }
    let current = x;
    starts.forEach((start, i) => {
      const dim = call.axis(axes[i], x.meta.shape.length);
      const attrs = { dim, ...bounds(call, current.meta.shape[dim], start, ends[i], steps[i]) };
      if (i === starts.length - 1) call.write(slice, [current], attrs);
      else current = call.emit(`axis${dim}`, slice, [current], attrs);
    });
    if (starts.length === 0) call.alias(x);
  },
};

function bounds(call: NodeCall, length: number, from: number, to: number, step: number): { start: number; end: number; step: number } {
  if (!(step >= 1)) call.fail(`steps must be at least 1, got ${step}`);
  const clip = (v: number): number => Math.min(Math.max(v < 0 ? v + length : v, 0), length);
  const start = clip(from);
  return { start, end: Math.max(start, clip(to)), step };
}

/** Sizes are an attribute before opset 13 and an input since; without them the pieces are equal. */
const splitRow: OperatorRow = {
  type: "Split",
  build(call) {
    const x = call.input(0);
    const dim = call.axis(call.attributes.int("axis", 0), x.meta.shape.length);
    const length = x.meta.shape[dim];
    const count = call.opset >= 18 ? call.attributes.int("num_outputs", call.outputCount) : call.outputCount;
    if (count !== call.outputCount) call.fail(`num_outputs must be the number of outputs, ${call.outputCount}, got ${count}`);
    const even = Array.from({ length: count }, (_, i) =>
      Math.min(Math.ceil(length / count), Math.max(0, length - i * Math.ceil(length / count))),
    );
    const sizes = (call.opset < 13 ? call.attributes.ints("split") : call.numbers(1)) ?? even;
    if (sizes.reduce((a, b) => a + b, 0) !== length || sizes.length !== call.outputCount || sizes.some((s) => s < 0)) {
      call.fail(`split must give ${call.outputCount} sizes that add up to ${length}, got [${sizes.join(",")}]`);
    }
    let start = 0;
    sizes.forEach((size, i) => {
      call.writeAt(i, slice, [x], { dim, start, end: start + size, step: 1 });
      start += size;
    });
  },
};

const gatherRow: OperatorRow = {
  type: "Gather",
  build(call) {
    const x = call.input(0);
    const dim = call.axis(call.attributes.int("axis", 0), x.meta.shape.length);
    if (!call.input(1).value) return gatherComputed(call, x, dim);
    const given = call.constant(1);
    const length = x.meta.shape[dim];
    const index = Int32Array.from(given.data, (k) => {
      if (!Number.isInteger(k) || k < -length || k >= length) call.fail(`every index must be in [${-length}, ${length}), got ${k}`);
      return k < 0 ? k + length : k;
    });
    const shape = [...x.meta.shape.slice(0, dim), ...given.shape, ...x.meta.shape.slice(dim + 1)];
    const name = call.input(1).name;
    const kept = index.every((k, i) => k === given.data[i]) && given.dtype === "i32" && given.shape.length === 1;
    if (kept) return call.write(indexSelect, [x, { name, meta: given, value: given }], { dim });
    // A single entry is a slice: no index tensor is needed.
    const picked =
      index.length === 1
        ? call.emit("pick", slice, [x], { dim, start: index[0], end: index[0] + 1, step: 1 })
        : call.emit("pick", indexSelect, [x, call.own("index", new Tensor([index.length], "i32", index))], { dim });
    return call.write(reshape, [picked], { shape });
  },
};

/** Entries at places that only a run knows. */
function gatherComputed(call: NodeCall, x: Operand, dim: number): void {
  const index = positions(call, call.input(1), x.meta.shape[dim]);
  const { shape } = index.meta;
  const picked = call.emit("pick", indexSelect, [x, call.shaped("line", index, [sizeOf(shape)])], { dim });
  call.settle(call.shaped("whole", picked, [...x.meta.shape.slice(0, dim), ...shape, ...x.meta.shape.slice(dim + 1)]));
}

const MODES: Readonly<Record<string, PadMode>> = { constant: "constant", reflect: "reflect", edge: "replicate", wrap: "circular" };

/** Amounts are an attribute before opset 11 and an input since. */
const padRow: OperatorRow = {
  type: "Pad",
  build(call) {
    const x = call.input(0);
    const rank = x.meta.shape.length;
    const name = call.attributes.string("mode", "constant");
    const mode = MODES[name] ?? call.fail(`mode must be one of ${Object.keys(MODES).join(", ")}, got ${name}`);
    const given = (call.opset < 11 ? call.attributes.ints("pads") : call.numbers(1)) ?? call.fail("pads must be given, got none");
    const value = call.opset < 11 ? call.attributes.float("value", 0) : (call.numbers(2)?.[0] ?? 0);
    const axes = ((call.opset < 18 ? undefined : call.numbers(3)) ?? x.meta.shape.map((_, i) => i)).map((a) => call.axis(a, rank));
    if (given.length !== 2 * axes.length) call.fail(`pads must have ${2 * axes.length} entries, got ${given.length}`);
    const pads = new Array<number>(2 * rank).fill(0);
    axes.forEach((axis, i) => {
      pads[2 * (rank - 1 - axis)] = given[i];
      pads[2 * (rank - 1 - axis) + 1] = given[i + axes.length];
    });
    while (pads.length > 2 && pads[pads.length - 1] === 0 && pads[pads.length - 2] === 0) pads.length -= 2;
    call.write(pad, [x], { pads, mode, value });
  },
};

const expandRow: OperatorRow = {
  type: "Expand",
  build(call) {
    const x = call.input(0);
    const target = Array.from(call.constant(1).data);
    const rank = Math.max(target.length, x.meta.shape.length);
    const shape = Array.from({ length: rank }, (_, i) => {
      const wanted = target[target.length - rank + i] ?? 1;
      return wanted === 1 ? (x.meta.shape[x.meta.shape.length - rank + i] ?? 1) : wanted;
    });
    call.write(expand, [x], { shape });
  },
};

const shapeRow: OperatorRow = {
  type: "Shape",
  build(call) {
    const { shape } = call.input(0).meta;
    const clip = (v: number): number => Math.min(Math.max(v < 0 ? v + shape.length : v, 0), shape.length);
    const part = shape.slice(clip(call.attributes.int("start", 0)), clip(call.attributes.int("end", shape.length)));
    call.define(known(tensor(Int32Array.from(part), [part.length], "i32")));
  },
};

const constantRow: OperatorRow = {
  type: "Constant",
  build(call) {
    const { attributes: a } = call;
    if (a.has("value")) call.define(known(a.tensor("value") as Tensor));
    else if (a.has("value_float")) call.define(known(tensor(a.float("value_float", 0))));
    else if (a.has("value_int")) call.define(known(tensor(a.int("value_int", 0), [], "i32")));
    else if (a.has("value_floats")) call.define(known(tensor([...(a.floats("value_floats") ?? [])])));
    else if (a.has("value_ints")) call.define(known(tensor(a.ints("value_ints") ?? [], undefined, "i32")));
    else call.fail(`the value must be numeric and dense, got ${a.unread().join(", ") || "none"}`);
  },
};

const known = (value: Tensor): Omit<Operand, "name"> => ({ meta: { shape: value.shape, dtype: value.dtype }, value });

export const shapingRows: readonly OperatorRow[] = [
  concatRow,
  reshapeRow,
  transpose,
  flatten,
  squeezeRow,
  unsqueezeRow,
  sliceRow,
  splitRow,
  gatherRow,
  padRow,
  expandRow,
  shapeRow,
  constantRow,
];
