import { FunctionBuilder, f32x4, i32, instantiate, type Local, load, op, placeTasks, type Step } from "../../wasm/index.ts";
import type { MaxPool2dAttrs } from "../ops/maxPool2d.ts";
import { insideSteps } from "./bands.ts";
import { cuts, writeTable } from "./gemm.ts";
import type { FastKernel, Run } from "./index.ts";
import { allFloat, countOf, type Placement, perThread, stepOf } from "./placement.ts";
import { columnOffset, fillStep, layoutOf } from "./plane.ts";

/**
 * maxima(input, rowStep, rows, columns, taps, count, output): the largest of all taps. The last vector of a row overlaps the one
 * before; rows shorter than a vector are written as one.
 */
function emitMaxima(): FunctionBuilder {
  const f = new FunctionBuilder(
    "maxima",
    Array.from({ length: 7 }, () => "i32" as const),
  );
  const [input, rowStep, rows, columns, taps, count, output] = f.pointers;
  const [y, x, from, to, tap] = f.locals("i32", 5);
  const best = f.local("v128");
  const end = f.let(op("i32.add", taps!, op("i32.mul", count!, i32(4))));
  f.for(y!, rows!, 1, () => {
    f.set(from!, input!);
    f.set(to!, output!);
    f.for(x!, columns!, 4, () => {
      stepBack(f, x!, columns!, [from!, to!]);
      f.set(best, f32x4(-Infinity));
      f.set(tap!, taps!);
      f.while(op("i32.lt_u", tap!, end), () => {
        f.set(best, op("f32x4.max", best, load("v128.load", op("i32.add", from!, load("i32.load", tap!)))));
        f.bump(tap!, 4);
      });
      f.store("v128.store", to!, best);
      f.bump(from!, 16);
      f.bump(to!, 16);
    });
    f.bump(input!, rowStep!);
    f.bump(output!, op("i32.mul", columns!, i32(4)));
  });
  return f;
}

/** Moves pointers back so that the last vector of a row of at least one ends with the row. */
export function stepBack(f: FunctionBuilder, x: Local<"i32">, columns: Local<"i32">, pointers: readonly Local<"i32">[]): void {
  const over = op("i32.gt_s", op("i32.add", x, i32(4)), columns);
  f.if(op("i32.and", over, op("i32.gt_s", columns, i32(3))), () => {
    const back = f.let(op("i32.shl", op("i32.sub", op("i32.add", x, i32(4)), columns), i32(2)));
    for (const pointer of pointers) f.set(pointer, op("i32.sub", pointer, back));
  });
}

/** Planes of a pool in groups, one a task; together where rows are so short that a plane is written past its end. */
export const planeGroups = (planes: number, columns: number): [number, number][] =>
  cuts(planes, columns < 4 ? planes : Math.max(1, Math.ceil(planes / MOST_TASKS)));

const MOST_TASKS = 16;

/** Rows, then columns: a window of k x k costs 2 k comparisons. */
function pool(call: Placement, { kernel, stride, padding, dilation }: MaxPool2dAttrs): Run {
  const { arena } = call;
  const [x] = call.inputs;
  const [y] = call.outputs;
  const { maxima } = instantiate("maxPool2d", () => [emitMaxima()], arena);
  const [batch, channels, height, width] = x.shape;
  const [oh, ow] = y.shape.slice(2);
  // A ceiled output may look further than the stated padding; the fill lies there as well.
  const reach = (axis: 0 | 1, count: number, size: number) =>
    Math.max(padding[2 * axis + 1], (count - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1 - size - padding[2 * axis]);
  const layout = layoutOf(height, width, [padding[0], reach(0, oh, height), padding[2], reach(1, ow, width)], stride[1]);
  const padded = perThread(call, 4 * layout.size);
  const between = perThread(call, 4 * (layout.height * ow + 4));
  const across = writeTable(call, kernel[1], (t) => 4 * columnOffset(layout, t * dilation[1]));
  const down = writeTable(call, kernel[0], (t) => 4 * t * dilation[0] * ow);
  const ofPlane = (p: number): Step[] => [
    fillStep(arena, padded, layout.size, -Infinity),
    ...insideSteps(arena, { channels: 1, height, width }, layout, x.address + 4 * p * height * width, 0, padded),
    stepOf(maxima, [padded, 4 * layout.row, layout.height, ow, across, kernel[1], between]),
    stepOf(maxima, [between, 4 * stride[0] * ow, oh, ow, down, kernel[0], y.address + 4 * p * oh * ow]),
  ];
  const tasks = planeGroups(batch * channels, ow).map(([first, count]) =>
    Array.from({ length: count }, (_, i) => ofPlane(first + i)).flat(),
  );
  return placeTasks(arena, tasks, batch * channels * layout.size * (kernel[0] + kernel[1]));
}

/** Separable maximum over windows; padding is -Infinity and NaN wins, as in the reference. */
export const maxPool2d: FastKernel = {
  place(call) {
    const { inputs, outputs, attrs } = call;
    if (!allFloat(inputs) || countOf(outputs[0]) === 0 || countOf(inputs[0]) === 0) return undefined;
    return pool(call, attrs as MaxPool2dAttrs);
  },
  bound: () => "exact",
};
