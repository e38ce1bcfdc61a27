import { type Expr, FunctionBuilder, i32, instantiate, type Local, load, op, placeTasks } from "../../wasm/index.ts";
import type { InterpolateAttrs } from "../ops/interpolate.ts";
import { type Taps, tapsOf } from "../taps.ts";
import { cuts } from "./gemm.ts";
import type { Run } from "./index.ts";
import { allFloat, countOf, type Placement, perThread, type Room, stepOf } from "./placement.ts";

type Int = Local<"i32">;
type Double = Local<"f64">;

/** Bytes of a table entry: two offsets, then the weights of both. */
const ENTRY = 24;
/** Outputs of a task at least. */
const PIECE = 8192;

/** Offsets `unit` bytes apart and weights of an axis, in the memory of the kernel. */
function writeTaps(room: Room, { low, high, share }: Taps, unit: number): number {
  const address = room.table(ENTRY * low.length);
  const view = new DataView(room.arena.memory.buffer, address, ENTRY * low.length);
  low.forEach((first, o) => {
    view.setInt32(ENTRY * o, unit * first, true);
    view.setInt32(ENTRY * o + 4, unit * high[o]!, true);
    view.setFloat64(ENTRY * o + 8, 1 - share[o]!, true);
    view.setFloat64(ENTRY * o + 16, share[o]!, true);
  });
  return address;
}

/** Calls `visit` for every output of `rows` rows, with the taps of its row and column; `at` runs over the outputs. */
function emitOutputs(
  f: FunctionBuilder,
  at: Int,
  [rows, rowTaps, columns, columnTaps]: readonly Int[],
  visit: (tap: (right: boolean, below: boolean, add: (place: Expr<"i32">, weight: Expr<"f64">) => void) => void) => void,
): void {
  const [r, c, row, column] = f.locals("i32", 4) as [Int, Int, Int, Int];
  const none = f.local("f64");
  const weights = [f.local("f64"), f.local("f64"), f.local("f64"), f.local("f64")] as const;
  const [above, beneath, before, behind] = weights as readonly [Double, Double, Double, Double];
  f.set(row, rowTaps!);
  f.for(r, rows!, 1, () => {
    f.set(above, load("f64.load", row, 8));
    f.set(beneath, load("f64.load", row, 16));
    f.set(column, columnTaps!);
    f.for(c, columns!, 1, () => {
      f.set(before, load("f64.load", column, 8));
      f.set(behind, load("f64.load", column, 16));
      visit((right, below, add) => {
        const place = op("i32.add", load("i32.load", row, below ? 4 : 0), load("i32.load", column, right ? 4 : 0));
        const body = (): void => add(place, op("f64.mul", below ? beneath : above, right ? behind : before));
        // A weight of 0 is no tap: its pixel may be infinite.
        const within = right ? () => f.if(op("f64.gt", behind, none), body) : body;
        if (below) f.if(op("f64.gt", beneath, none), within);
        else within();
      });
      f.bump(column, ENTRY);
      f.bump(at, 4);
    });
    f.bump(row, ENTRY);
  });
}

/** Every tap of an output, in the order of the reference. */
const TAPS = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

/** gather(x, y, rows, rowTaps, columns, columnTaps): outputs of a plane, each the sum of its taps in double. */
function emitGather(): FunctionBuilder {
  const f = new FunctionBuilder(
    "gather",
    Array.from({ length: 6 }, () => "i32" as const),
  );
  const [x, y, ...axes] = f.pointers as [Int, Int, Int, Int, Int, Int];
  const sum = f.local("f64");
  const none = f.local("f64");
  emitOutputs(f, y, axes, (tap) => {
    f.set(sum, none);
    for (const [right, below] of TAPS) {
      tap(right, below, (place, weight) => {
        const pixel = op("f64.promote_f32", load("f32.load", op("i32.add", x, place)));
        f.set(sum, op("f64.add", sum, op("f64.mul", pixel, weight)));
      });
    }
    f.store("f32.store", y, op("f32.demote_f64", sum));
  });
  return f;
}

/** spread(g, y, count, rows, rowTaps, columns, columnTaps, sums): adds every output to its taps, in double, then writes the plane of `count` pixels. */
function emitSpread(): FunctionBuilder {
  const f = new FunctionBuilder(
    "spread",
    Array.from({ length: 8 }, () => "i32" as const),
  );
  const [g, y, count, rows, rowTaps, columns, columnTaps, sums] = f.pointers as Int[];
  const value = f.local("f64");
  const [to, k] = f.locals("i32", 2) as [Int, Int];
  f.zero(sums!, op("i32.shl", count!, i32(3)));
  emitOutputs(f, g!, [rows!, rowTaps!, columns!, columnTaps!], (tap) => {
    f.set(value, op("f64.promote_f32", load("f32.load", g!)));
    for (const [right, below] of TAPS) {
      tap(right, below, (place, weight) => {
        f.set(to, op("i32.add", sums!, place));
        f.store("f64.store", to, op("f64.add", load("f64.load", to), op("f64.mul", value, weight)));
      });
    }
  });
  f.set(to, sums!);
  f.for(k, count!, 1, () => {
    f.store("f32.store", y!, op("f32.demote_f64", load("f64.load", to)));
    f.bump(to, 8);
    f.bump(y!, 4);
  });
  return f;
}

/** Bilinear resizing of planes, with the double sums of the reference; undefined for other modes. */
export function placeBilinear({ inputs: [x], outputs: [y], attrs, ...room }: Placement): Run | undefined {
  const resize = attrs as InterpolateAttrs;
  if (resize.mode !== "bilinear" || !allFloat([x]) || countOf(y) === 0) return undefined;
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const [rows, columns] = resize.size;
  const { gather } = instantiate("bilinear", () => [emitGather()], room.arena);
  const rowTaps = writeTaps(room, tapsOf(0, height, resize), 4 * width);
  const columnTaps = writeTaps(room, tapsOf(1, width, resize), 4);
  const planes = cuts(batch * channels, Math.max(1, Math.ceil(PIECE / (rows * columns))));
  const tasks = planes.map(([first, count]) =>
    Array.from({ length: count }, (_, k) => {
      const plane = first + k;
      const [from, to] = [x.address + 4 * plane * height * width, y.address + 4 * plane * rows * columns];
      return { entry: gather!, args: [from, to, rows, rowTaps, columns, columnTaps] };
    }),
  );
  return placeTasks(room.arena, tasks, 4 * countOf(y));
}

/** The gradient of that. */
export function placeBilinearInputGrad({ inputs: [g], outputs: [y], attrs, ...room }: Placement): Run | undefined {
  const resize = attrs as InterpolateAttrs;
  if (resize.mode !== "bilinear" || !allFloat([g]) || countOf(y) === 0) return undefined;
  const [batch, channels, height, width] = y.shape as [number, number, number, number];
  const [rows, columns] = resize.size;
  const { spread } = instantiate("bilinear gradient", () => [emitSpread()], room.arena);
  const rowTaps = writeTaps(room, tapsOf(0, height, resize), 8 * width);
  const columnTaps = writeTaps(room, tapsOf(1, width, resize), 8);
  const sums = perThread(room, 8 * height * width);
  const planes = cuts(batch * channels, Math.max(1, Math.ceil(PIECE / (rows * columns))));
  const tasks = planes.map(([first, count]) =>
    Array.from({ length: count }, (_, k) => {
      const plane = first + k;
      const [from, to] = [g.address + 4 * plane * rows * columns, y.address + 4 * plane * height * width];
      return stepOf(spread!, [from, to, height * width, rows, rowTaps, columns, columnTaps, sums]);
    }),
  );
  return placeTasks(room.arena, tasks, 4 * countOf(g));
}
