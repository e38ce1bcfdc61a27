import { type Expr, FunctionBuilder, f32x4, i32, instantiate, type Local, load, op, placeTasks, type Step } from "../../wasm/index.ts";
import type { MaxPool2dAttrs } from "../ops/maxPool2d.ts";
import { insideSteps } from "./bands.ts";
import { writeTable } from "./gemm.ts";
import type { FastKernel, Run } from "./index.ts";
import { planeGroups, stepBack } from "./maxPool2d.ts";
import { allFloat, countOf, type Placement, perThread, type Room, stepOf } from "./placement.ts";
import { columnOffset, fillStep, layoutOf } from "./plane.ts";

/** The largest value so far, and where it lies: four windows at a time. */
interface Best {
  readonly value: Local<"v128">;
  readonly index: Local<"v128">;
}

/** Takes `value` where it is larger than the best or NaN, so that the first maximum stays, or else the last NaN. */
function take(f: FunctionBuilder, best: Best, value: Local<"v128">, index: Expr<"v128">): void {
  const choose = (old: Expr<"v128">, fresh: Expr<"v128">) =>
    op("v128.bitselect", fresh, op("v128.bitselect", old, fresh, op("f32x4.eq", value, value)), op("f32x4.gt", value, best.value));
  f.set(best.index, choose(best.index, index));
  f.set(best.value, choose(best.value, value));
}

/**
 * across(input, rowStep, rows, columns, taps, count, steps, firsts, values, indices): the maxima of windows of one row and where
 * they lie in the plane. `taps` are byte offsets; `steps` holds the width of the plane and the dilation; `firsts`, for every
 * four columns, the column of the first element that is inside and that of tap 0.
 */
function emitAcross(): FunctionBuilder {
  const f = new FunctionBuilder(
    "across",
    Array.from({ length: 10 }, () => "i32" as const),
  );
  const [input, rowStep, rows, columns, taps, count, steps, firsts, values, indices] = f.pointers;
  const [y, x, from, offset, tap, first] = f.locals("i32", 6);
  const [row, at, value] = f.locals("v128", 3);
  const best = { value: f.local("v128"), index: f.local("v128") };
  const end = f.let(op("i32.add", taps, op("i32.mul", count, i32(4))));
  f.for(y, rows, 1, () => {
    f.set(from, input);
    f.set(first, firsts);
    f.set(offset, i32(0));
    f.for(x, columns, 4, () => {
      f.set(best.value, f32x4(-Infinity));
      f.set(best.index, op("i32x4.add", row, load("v128.load", first)));
      f.set(at, op("i32x4.add", row, load("v128.load", first, 16)));
      f.set(tap, taps);
      f.while(op("i32.lt_u", tap, end), () => {
        f.set(value, load("v128.load", op("i32.add", from, load("i32.load", tap))));
        take(f, best, value, at);
        f.set(at, op("i32x4.add", at, load("v128.load32_splat", steps, 4)));
        f.bump(tap, 4);
      });
      f.store("v128.store", op("i32.add", values, offset), best.value);
      f.store("v128.store", op("i32.add", indices, offset), best.index);
      f.bump(from, 16);
      f.bump(offset, 16);
      f.bump(first, 32);
    });
    f.set(row, op("i32x4.add", row, load("v128.load32_splat", steps)));
    f.bump(input, rowStep);
    f.bump(values, op("i32.mul", columns, i32(4)));
    f.bump(indices, op("i32.mul", columns, i32(4)));
  });
  return f;
}

/**
 * down(values, indices, windows, rows, columns, step, output): the indices of the maxima over rows of `values`. `windows` holds,
 * per output row, the byte offset of its first row and how many rows it has, `step` bytes apart.
 */
function emitDown(): FunctionBuilder {
  const f = new FunctionBuilder(
    "down",
    Array.from({ length: 7 }, () => "i32" as const),
  );
  const [values, indices, windows, rows, columns, step, output] = f.pointers;
  const [y, x, at, offset, left, to] = f.locals("i32", 6);
  const value = f.local("v128");
  const best = { value: f.local("v128"), index: f.local("v128") };
  f.for(y, rows, 1, () => {
    f.set(at, load("i32.load", windows));
    f.set(to, output);
    f.for(x, columns, 4, () => {
      stepBack(f, x, columns, [at, to]);
      f.set(best.value, load("v128.load", op("i32.add", values, at)));
      f.set(best.index, load("v128.load", op("i32.add", indices, at)));
      f.set(offset, at);
      f.set(left, load("i32.load", windows, 4));
      f.while(op("i32.gt_s", left, i32(1)), () => {
        f.bump(offset, step);
        f.set(value, load("v128.load", op("i32.add", values, offset)));
        take(f, best, value, load("v128.load", op("i32.add", indices, offset)));
        f.bump(left, -1);
      });
      f.store("v128.store", to, best.index);
      f.bump(at, 16);
      f.bump(to, 16);
    });
    f.bump(windows, 8);
    f.bump(output, op("i32.mul", columns, i32(4)));
  });
  return f;
}

/** Per window of one axis: where it begins, and the first position inside with the number of taps that are inside. */
function windowsOf(axis: 0 | 1, count: number, size: number, { kernel, stride, padding, dilation }: MaxPool2dAttrs) {
  const [step, k] = [dilation[axis], kernel[axis]];
  return Array.from({ length: count }, (_, o) => {
    const start = o * stride[axis] - padding[2 * axis];
    const tap = Math.max(0, Math.ceil(-start / step));
    return { start, first: start + tap * step, inside: Math.min(k, Math.ceil((size - start) / step)) - tap };
  });
}

type AxisWindow = ReturnType<typeof windowsOf>[number];

/** Rows, then columns, both in the order of the reference. */
function placeIndices(call: Placement, attrs: MaxPool2dAttrs, down: readonly AxisWindow[], across: readonly AxisWindow[]): Run {
  const { arena } = call;
  const [[x], [y]] = [call.inputs, call.outputs];
  const entries = instantiate("maxPoolIndices", () => [emitAcross(), emitDown()], arena);
  const [batch, channels, height, width] = x.shape;
  const columns = across.length;
  const reach = Math.max(0, (columns - 1) * attrs.stride[1] + (attrs.kernel[1] - 1) * attrs.dilation[1] + 1 - width - attrs.padding[2]);
  const layout = layoutOf(height, width, [0, 0, attrs.padding[2], reach], attrs.stride[1]);
  const padded = perThread(call, 4 * layout.size);
  const [values, indices] = [0, 1].map(() => perThread(call, 4 * (height * columns + 4)));
  const taps = writeTable(call, attrs.kernel[1], (t) => 4 * columnOffset(layout, t * attrs.dilation[1]));
  const steps = writeTable(call, 2, (i) => [width, attrs.dilation[1]][i]);
  const firsts = writeFirsts(call, across);
  const windows = writeTable(call, 2 * down.length, (i) => (i % 2 === 0 ? 4 * columns * down[i >> 1].first : down[i >> 1].inside));
  const ofPlane = (p: number): Step[] => [
    fillStep(arena, padded, layout.size, -Infinity),
    ...insideSteps(arena, { channels: 1, height, width }, layout, x.address + 4 * p * height * width, 0, padded),
    stepOf(entries.across, [padded, 4 * layout.row, height, columns, taps, attrs.kernel[1], steps, firsts, values, indices]),
    stepOf(entries.down, [
      ...[values, indices, windows, down.length, columns, 4 * attrs.dilation[0] * columns],
      y.address + 4 * p * down.length * columns,
    ]),
  ];
  const tasks = planeGroups(batch * channels, columns).map(([first, count]) =>
    Array.from({ length: count }, (_, i) => ofPlane(first + i)).flat(),
  );
  return placeTasks(arena, tasks, 4 * batch * channels * layout.size * (attrs.kernel[0] + attrs.kernel[1]));
}

/** For every four columns: their first elements inside, then their first elements. */
function writeFirsts(room: Room, windows: readonly AxisWindow[]): number {
  const at = (i: number) => windows[Math.min(windows.length - 1, 4 * (i >> 3) + (i & 3))];
  return writeTable(room, 8 * Math.ceil(windows.length / 4), (i) => ((i & 4) === 0 ? at(i).first : at(i).start));
}

/** Where windows have their maxima; a window of padding only is left to the reference. */
export const maxPool2dIndices: FastKernel = {
  place(call) {
    const { inputs, outputs } = call;
    const attrs = call.attrs as MaxPool2dAttrs;
    if (!allFloat(inputs) || countOf(inputs[0]) === 0 || countOf(outputs[0]) === 0) return undefined;
    const down = windowsOf(0, outputs[0].shape[2], inputs[0].shape[2], attrs);
    const across = windowsOf(1, outputs[0].shape[3], inputs[0].shape[3], attrs);
    return [...down, ...across].every(({ inside }) => inside > 0) ? placeIndices(call, attrs, down, across) : undefined;
  },
  bound: () => "exact",
};
