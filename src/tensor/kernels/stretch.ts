import { FunctionBuilder, i32, instantiate, load, op, placeTasks } from "../../wasm/index.ts";
import { broadcastStrides } from "../shape.ts";
import { mergeAxes, walk } from "./axes.ts";
import type { Run } from "./index.ts";
import { allFloat, type Placement } from "./placement.ts";

/** stretch(x, step, y, rows, length): each row of y is one value of x, the values `step` bytes apart. */
function emitStretch(): FunctionBuilder {
  const f = new FunctionBuilder(
    "stretch",
    Array.from({ length: 5 }, () => "i32" as const),
  );
  const [x, step, y, rows, length] = f.pointers;
  const [row, left] = f.locals("i32", 2);
  const value = f.local("v128");
  f.for(row, rows, 1, () => {
    f.set(value, load("v128.load32_splat", x));
    f.set(left, length);
    for (const wide of [4, 1]) {
      f.while(op("i32.ge_s", left, i32(4 * wide)), () => {
        for (let i = 0; i < wide; i++) f.store("v128.store", y, value, 16 * i);
        f.bump(y, 16 * wide);
        f.set(left, op("i32.sub", left, i32(4 * wide)));
      });
    }
    f.while(op("i32.gt_s", left, i32(0)), () => {
      f.store("f32.store", y, load("f32.load", x));
      f.bump(y, 4);
      f.set(left, op("i32.sub", left, i32(1)));
    });
    f.bump(x, step);
  });
  return f;
}

/** Shorter rows than this cost more than plain copies. */
const SHORT_ROW = 8;

/** An expand whose last axes repeat one value: undefined where they do not. */
export function placeStretch({ arena, inputs: [x], outputs: [y] }: Placement): Run | undefined {
  const axes = mergeAxes(y.shape, [broadcastStrides(x.shape, y.shape)]);
  const [length, [repeated]] = axes[axes.length - 1];
  if (!allFloat([x]) || repeated !== 0 || length < SHORT_ROW) return undefined;
  const { stretch } = instantiate("stretch", () => [emitStretch()], arena);
  const [rows, [step]] = axes[axes.length - 2] ?? [1, [0]];
  const starts: number[] = [];
  walk(axes.slice(0, -2), [0], ([from]) => starts.push(from));
  const tasks = starts.map((from, i) => [
    { entry: stretch, args: [x.address + 4 * from, 4 * step, y.address + 4 * i * rows * length, rows, length] },
  ]);
  return placeTasks(arena, tasks, starts.length * rows * length);
}
