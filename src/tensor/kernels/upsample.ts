import { FunctionBuilder, i32, instantiate, load, op, placeTasks, type Task } from "../../wasm/index.ts";
import type { InterpolateAttrs } from "../ops/interpolate.ts";
import { itemBytes } from "../tensor.ts";
import { placeBilinear, placeBilinearInputGrad } from "./bilinear.ts";
import { copyTasks } from "./copy.ts";
import { cuts } from "./gemm.ts";
import type { FastKernel, Run } from "./index.ts";
import { allFloat, countOf, type Placement } from "./placement.ts";

/** The whole factor of a nearest upsampling by a power of two, where position o reads floor(o / factor); else undefined. */
function upsampling(
  height: number,
  width: number,
  { size, step, mode, coordinate, rounding }: InterpolateAttrs,
): [number, number] | undefined {
  const factors = [size[0] / height, size[1] / width];
  const whole = factors.every((k, i) => Math.log2(k) >= 0 && Number.isInteger(Math.log2(k)) && step[i] === 1 / k);
  return whole && mode === "nearest" && coordinate === "asymmetric" && rounding === "floor" ? [factors[0]!, factors[1]!] : undefined;
}

/** Every value is copied to each position of its window. */
function place({ arena, inputs: [x], outputs: [y], attrs }: Placement): Run | undefined {
  const [batch, channels, height, width] = x.shape;
  const factors = upsampling(height, width, attrs as InterpolateAttrs);
  if (!factors || itemBytes(x.dtype) !== 4 || countOf(y) === 0) return undefined;
  const [fy, fx] = factors;
  const long = width * fx;
  const tasks: Task[] = [];
  for (let i = 0; i < fy; i++) {
    for (let j = 0; j < fx; j++) {
      const to = { address: y.address + 4 * (i * long + j), strides: [fy * long, fx] };
      tasks.push(...copyTasks(arena, [batch * channels * height, width], { address: x.address, strides: [width, 1] }, to));
    }
  }
  return placeTasks(arena, tasks, countOf(y));
}

/** windowSums(g, row, down, across, y, rows, columns): the sums of windows of `down` rows, `row` bytes apart, and `across` columns. */
function emitWindowSums(): FunctionBuilder {
  const f = new FunctionBuilder(
    "windowSums",
    Array.from({ length: 7 }, () => "i32" as const),
  );
  const [g, row, down, across, y, rows, columns] = f.pointers;
  const [r, c, i, j, at, line] = f.locals("i32", 6);
  const sum = f.local("f64");
  const none = f.local("f64");
  const width = f.let(op("i32.shl", across!, i32(2)));
  f.for(r!, rows!, 1, () => {
    f.set(at!, g!);
    f.for(c!, columns!, 1, () => {
      f.set(sum, none);
      f.set(line!, at!);
      f.for(i!, down!, 1, () => {
        f.for(j!, width, 4, () => f.set(sum, op("f64.add", sum, op("f64.promote_f32", load("f32.load", op("i32.add", line!, j!))))));
        f.bump(line!, row!);
      });
      f.store("f32.store", y!, op("f32.demote_f64", sum));
      f.bump(y!, 4);
      f.bump(at!, width);
    });
    f.bump(g!, op("i32.mul", row!, down!));
  });
  return f;
}

/** Sums of a task. */
const PIECE = 8192;

/** The sum, in double and in the order of the reference, of every window. */
function placeInputGrad({ arena, inputs: [g], outputs: [y], attrs }: Placement): Run | undefined {
  const [batch, channels, height, width] = y.shape;
  const factors = upsampling(height, width, attrs as InterpolateAttrs);
  if (!factors || !allFloat([g]) || countOf(y) === 0) return undefined;
  const [fy, fx] = factors;
  const { windowSums } = instantiate("upsample", () => [emitWindowSums()], arena);
  const tasks = cuts(batch * channels * height, Math.max(1, Math.floor(PIECE / width))).map(([first, rows]): Task => {
    const args = [g.address + 4 * first * fy * width * fx, 4 * width * fx, fy, fx, y.address + 4 * first * width, rows, width];
    return [{ entry: windowSums!, args }];
  });
  return placeTasks(arena, tasks, 2 * countOf(g));
}

/** Nearest upsampling by powers of two, and bilinear resizing; other calls run the reference. */
export const interpolate: FastKernel = { place: (call) => place(call) ?? placeBilinear(call), bound: () => "exact" };

/** The gradient of that. */
export const interpolateInputGrad: FastKernel = {
  place: (call) => placeInputGrad(call) ?? placeBilinearInputGrad(call),
  bound: () => "exact",
};
