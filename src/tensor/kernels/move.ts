import { type Arena, f32x4, placeTasks, type Task } from "../../wasm/index.ts";
import type { IndexAttrs } from "../ops/gather.ts";
import type { PadAttrs } from "../ops/pad.ts";
import type { SliceAttrs } from "../ops/slice.ts";
import { broadcastStrides, splitAt, stridesOf } from "../shape.ts";
import { type Data, itemBytes } from "../tensor.ts";
import { type Axis, mergeAxes, walk } from "./axes.ts";
import { chainOf, placeChain } from "./chain.ts";
import { copyTasks } from "./copy.ts";
import { cuts } from "./gemm.ts";
import type { FastKernel, Run } from "./index.ts";
import { type Block, countOf, type Placement, type Room, residentBlock } from "./placement.ts";
import { zeroStep } from "./plane.ts";
import { allBelow } from "./scatter.ts";
import { placeStretch } from "./stretch.ts";
import { interpolate, interpolateInputGrad } from "./upsample.ts";
import { add } from "./vectorMath.ts";

/** From here on a native copy beats a loop. */
const LONG_RUN = 24;

/** y[to + i toStep] = x[from + i fromStep]; a loop of its own, so that it is compiled for the arrays it sees. */
function copyLine(x: Data, from: number, fromStep: number, y: Data, to: number, toStep: number, length: number): void {
  for (let i = 0, source = from, target = to; i < length; i++, source += fromStep, target += toStep) y[target] = x[source];
}

/** y[row-major] = x[base + strided], with axes merged so that the inner loop is as long as it can be. */
function copyStrided(x: Data, y: Data, shape: readonly number[], strides: readonly number[], base: number): void {
  const axes = mergeAxes(shape, [strides]);
  const [length, [step]] = axes[axes.length - 1] as Axis & [number, [number]];
  let to = 0;
  walk(axes.slice(0, -1), [base], ([from]) => {
    if (step === 1 && length >= LONG_RUN) y.set(x.subarray(from, from! + length), to);
    else copyLine(x, from!, step, y, to, 1, length);
    to += length;
  });
}

/** x[base + strided] = y[row-major], the reverse of `copyStrided`. */
function placeStrided(y: Data, x: Data, shape: readonly number[], strides: readonly number[], base: number): void {
  const axes = mergeAxes(shape, [strides]);
  const [length, [step]] = axes[axes.length - 1] as Axis & [number, [number]];
  let from = 0;
  walk(axes.slice(0, -1), [base], ([to]) => {
    if (step === 1 && length >= LONG_RUN) x.set(y.subarray(from, from + length), to);
    else copyLine(y, from, 1, x, to!, step, length);
    from += length;
  });
}

/** A kernel that fills one output of any dtype; exact, since it moves values or adds them in the order of the reference. */
export function mover(fill: (call: Placement) => Run | undefined): FastKernel {
  return {
    place: (call) => (countOf(call.outputs[0]) === 0 || countOf(call.inputs[0]) === 0 ? undefined : fill(call)),
    bound: () => "exact",
  };
}

/** Whether values of four bytes lie in the arena anyway: others are moved where they are, without a copy in and out. */
const inArena = (blocks: readonly Block[]): boolean => blocks.every(({ resident, dtype }) => resident && itemBytes(dtype) === 4);

/** Where the elements of a dense block lie. */
const denseAt = ({ address, shape }: Block) => ({ address, strides: stridesOf(shape) });

/** Reads `x` by strides. */
function strided(arena: Arena, x: Block, y: Block, strides: readonly number[], base = 0): Run {
  if (inArena([x, y])) {
    return placeTasks(arena, copyTasks(arena, y.shape, { address: x.address + 4 * base, strides }, denseAt(y)), countOf(y));
  }
  const [from, to] = [x.data, y.data];
  return () => copyStrided(from, to, y.shape, strides, base);
}

/** Bytes of a task that fills. */
const FILL = 131072;

/** Gives all elements of a block in the arena one value. */
function filling({ arena, table }: Room, y: Block, value: number): Run {
  const count = countOf(y);
  if (!Object.is(value, 0)) {
    const cell = residentBlock(arena, { shape: [1], dtype: y.dtype }, table(16), true);
    cell.data.fill(value);
    const everywhere = { address: cell.address, strides: y.shape.map(() => 0) };
    return placeTasks(arena, copyTasks(arena, y.shape, everywhere, denseAt(y)), count);
  }
  const tasks = cuts(4 * count, FILL).map(([from, bytes]): Task => [zeroStep(arena, y.address + from, bytes)]);
  return placeTasks(arena, tasks, count);
}

/** Writes `g` by strides over an output filled with `value`. */
function spread(room: Room, g: Block, y: Block, strides: readonly number[], base: number, value = 0): Run {
  if (inArena([g, y])) {
    const fill = filling(room, y, value);
    const tasks = copyTasks(room.arena, g.shape, denseAt(g), { address: y.address + 4 * base, strides });
    const place = placeTasks(room.arena, tasks, countOf(g));
    return () => {
      fill();
      place();
    };
  }
  const [from, to] = [g.data, y.data];
  return () => {
    to.fill(value);
    placeStrided(from, to, g.shape, strides, base);
  };
}

/** Strides of every `step`-th element along `dim`, and the offset of the first. */
function cutOf(shape: readonly number[], { dim, start, step }: SliceAttrs): [number[], number] {
  const strides = stridesOf(shape);
  return [strides.map((s, i) => (i === dim ? s * step : s)), start * strides[dim]!];
}

const slice = mover(({ arena, inputs: [x], outputs: [y], attrs }) => strided(arena, x, y, ...cutOf(x.shape, attrs as SliceAttrs)));

const sliceInputGrad = mover((call) => {
  const [[g], [y]] = [call.inputs, call.outputs];
  return spread(call, g, y, ...cutOf(y.shape, call.attrs as SliceAttrs));
});

const permute = mover(({ arena, inputs: [x], outputs: [y], attrs }) => {
  const strides = stridesOf(x.shape);
  const { perm } = attrs as { readonly perm: readonly number[] };
  return strided(
    arena,
    x,
    y,
    perm.map((d) => strides[d]),
  );
});

const expand = mover((call) => {
  const [[x], [y]] = [call.inputs, call.outputs];
  return placeStretch(call) ?? strided(call.arena, x, y, broadcastStrides(x.shape, y.shape));
});

/** Blocks one behind the other along an axis. */
const concat = mover(({ arena, inputs, outputs: [y], attrs }) => {
  const { dim } = attrs as { readonly dim: number };
  const [outer, , inner] = splitAt(y.shape, dim);
  const starts = inputs.map((_, i) => inputs.slice(0, i).reduce((sum, x) => sum + x.shape[dim], 0) * inner);
  if (inArena([...inputs, y])) {
    const to = denseAt(y);
    const tasks = inputs.flatMap((x, i) =>
      countOf(x) === 0 ? [] : copyTasks(arena, x.shape, denseAt(x), { ...to, address: to.address + 4 * starts[i]! }),
    );
    return placeTasks(arena, tasks, countOf(y));
  }
  const [to, from] = [y.data, inputs.map((x) => x.data)];
  const length = to.length / outer;
  return () => {
    from.forEach((x, i) => {
      const row = x.length / outer;
      for (let o = 0; o < outer; o++) to.set(x.subarray(o * row, (o + 1) * row), o * length + starts[i]!);
    });
  };
});

/** Strides of a padded tensor and the offset of the first original element, for constant pads that only add. */
function frameOf(shape: readonly number[], { pads, mode }: PadAttrs): [readonly number[], number] | undefined {
  if (mode !== "constant" || pads.some((p) => p < 0)) return undefined;
  const strides = stridesOf(shape);
  return [strides, strides.reduce((at, stride, i) => at + stride * (pads[2 * (shape.length - 1 - i)] ?? 0), 0)];
}

/** Constant padding that adds on every side; other modes run the reference. */
const pad = mover((call) => {
  const [[x], [y]] = [call.inputs, call.outputs];
  const frame = frameOf(y.shape, call.attrs as PadAttrs);
  return frame && spread(call, x, y, ...frame, (call.attrs as PadAttrs).value);
});

const plusZero = { name: "plusZero", weight: 1, parameters: [] };
/** The reference adds to 0, which turns -0 into 0. */
const PLUS_ZERO = chainOf([{ formula: { ...plusZero, apply: (_, [x]) => add(x!, f32x4(0)) }, operands: [0] }], [1]);

const padInputGrad = mover(({ arena, inputs: [g], outputs: [y], attrs }) => {
  const frame = frameOf(g.shape, attrs as PadAttrs);
  if (!frame) return undefined;
  const cut = strided(arena, g, y, ...frame);
  const settle = y.resident && y.dtype === "f32" ? placeChain(arena, PLUS_ZERO, countOf(y), [y], [y]) : undefined;
  const values = y.data;
  return () => {
    cut();
    if (settle) settle();
    else for (let i = 0; i < values.length; i++) values[i] += 0;
  };
});

/** Rows along one axis picked by index, each a run of everything behind it. */
const indexSelect: FastKernel = {
  ...mover(({ inputs: [x, index], outputs: [y], attrs }) => {
    const [outer, length, inner] = splitAt(x.shape, (attrs as IndexAttrs).dim);
    if (inner < LONG_RUN) return undefined;
    const [from, rows, to] = [x.data, index.data, y.data];
    return () => {
      for (let o = 0; o < outer; o++) {
        for (let k = 0; k < rows.length; k++) {
          const at = (o * length + rows[k]) * inner;
          to.set(from.subarray(at, at + inner), (o * rows.length + k) * inner);
        }
      }
    };
  }),
  // An index outside the axis is the reference's to report.
  accepts: ([x, index], attrs) => allBelow(index.data, x.shape[(attrs as IndexAttrs).dim]),
};

/** Kernels that move values, and the adjoints of those moves, by op name. */
export const moveKernels: Readonly<Record<string, FastKernel>> = {
  ...{ slice, sliceInputGrad, permute, expand, concat, pad, padInputGrad, interpolate, interpolateInputGrad, indexSelect },
};
