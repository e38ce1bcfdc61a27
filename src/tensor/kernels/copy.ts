import { type Arena, FunctionBuilder, i32, instantiate, type Local, load, op, shuffle, type Task } from "../../wasm/index.ts";
import { type Axis, mergeAxes, walk } from "./axes.ts";

type Pointer = Local<"i32">;
const FLOAT = 4;

/** One line: `count` floats from `from` to `to`, given steps of bytes. */
type Line = (f: FunctionBuilder, from: Pointer, fromStep: Pointer, to: Pointer, toStep: Pointer, count: Pointer) => void;

/**
 * Four floats at a time by `quad`, which reads at multiples of `stride` floats; the last four overlap the ones before, so that
 * nothing is written behind the line.
 */
function quads(stride: number, quad: (from: Pointer, offset: number) => ReturnType<typeof shuffle>): Line {
  return (f, from, _, to, __, count) => {
    const left = f.let(count);
    const advance = (floats: number): void => {
      f.bump(from, FLOAT * stride * floats);
      f.bump(to, FLOAT * floats);
      f.set(left, op("i32.sub", left, i32(floats)));
    };
    const run = (vectors: number): void => {
      f.while(op("i32.ge_s", left, i32(4 * vectors)), () => {
        for (let i = 0; i < vectors; i++) f.store("v128.store", to, quad(from, 16 * stride * i), 16 * i);
        advance(4 * vectors);
      });
    };
    f.if(
      op("i32.ge_s", left, i32(4)),
      () => {
        run(4);
        run(1);
        f.if(op("i32.gt_s", left, i32(0)), () => {
          const back = f.let(op("i32.shl", op("i32.sub", i32(4), left), i32(2)));
          f.set(to, op("i32.sub", to, back));
          f.set(from, op("i32.sub", from, op("i32.mul", back, i32(stride))));
          f.store("v128.store", to, quad(from, 0));
        });
      },
      () =>
        f.while(op("i32.gt_s", left, i32(0)), () => {
          f.store("i32.store", to, load("i32.load", from));
          advance(1);
        }),
    );
  };
}

const single: Line = (f, from, fromStep, to, toStep, count) => {
  const left = f.let(count);
  f.while(op("i32.gt_s", left, i32(0)), () => {
    f.store("i32.store", to, load("i32.load", from));
    f.bump(from, fromStep);
    f.bump(to, toStep);
    f.bump(left, -1);
  });
};

const LINES: Readonly<Record<string, Line>> = {
  neighbours: quads(1, (from, offset) => load("v128.load", from, offset)),
  everySecond: quads(2, (from, offset) => shuffle(load("v128.load", from, offset), load("v128.load", from, offset + 16), [0, 2, 4, 6])),
  single,
};

/** Three nested axes: count, step in x and step in y of each, the innermost last. */
const nestOf = (name: string): FunctionBuilder =>
  new FunctionBuilder(
    name,
    Array.from({ length: 11 }, () => "i32" as const),
  );

/** name(x, y, count0, stepX0, stepY0, count1, stepX1, stepY1, count2, stepX2, stepY2): copies line by line. */
function emitLines(name: string, line: Line): FunctionBuilder {
  const f = nestOf(name);
  const [x, y, n0, x0, y0, n1, x1, y1, n2, x2, y2] = f.pointers;
  const [i, j, rowX, rowY, from, to] = f.locals("i32", 6);
  f.for(i!, n0!, 1, () => {
    f.set(rowX!, x!);
    f.set(rowY!, y!);
    f.for(j!, n1!, 1, () => {
      f.set(from!, rowX!);
      f.set(to!, rowY!);
      line(f, from!, x2!, to!, y2!, n2!);
      f.bump(rowX!, x1!);
      f.bump(rowY!, y1!);
    });
    f.bump(x!, x0!);
    f.bump(y!, y0!);
  });
  return f;
}

/** Rows of four vectors as columns. */
function transposed(f: FunctionBuilder, rows: readonly Local<"v128">[]) {
  const [a, b, c, d] = rows;
  const [ab, cd, AB, CD] = [
    f.let(shuffle(a!, b!, [0, 4, 1, 5])),
    f.let(shuffle(c!, d!, [0, 4, 1, 5])),
    f.let(shuffle(a!, b!, [2, 6, 3, 7])),
    f.let(shuffle(c!, d!, [2, 6, 3, 7])),
  ];
  return [shuffle(ab, cd, [0, 1, 4, 5]), shuffle(ab, cd, [2, 3, 6, 7]), shuffle(AB, CD, [0, 1, 4, 5]), shuffle(AB, CD, [2, 3, 6, 7])];
}

/** turned(...) for floats that are neighbours along axis 1 in x and along axis 2 in y, at least four of each: tiles of 4 x 4. */
function emitTurned(): FunctionBuilder {
  const f = nestOf("turned");
  const [x, y, n0, x0, y0, n1, , y1, n2, x2] = f.pointers;
  const [i, j, k, from, to, at, row] = f.locals("i32", 7);
  const rows = f.locals("v128", 4);
  /** The last tile overlaps the one before. */
  const clamped = (position: Pointer, count: Pointer) => {
    f.set(at!, op("i32.sub", count, i32(4)));
    f.if(op("i32.lt_s", position, at!), () => f.set(at!, position));
  };
  f.for(i!, n0!, 1, () => {
    f.for(j!, n1!, 4, () => {
      clamped(j!, n1!);
      f.set(from!, op("i32.add", x!, op("i32.shl", at!, i32(2))));
      f.set(to!, op("i32.add", y!, op("i32.mul", at!, y1!)));
      f.for(k!, n2!, 4, () => {
        clamped(k!, n2!);
        f.set(row!, op("i32.add", from!, op("i32.mul", at!, x2!)));
        for (const vector of rows) {
          f.set(vector, load("v128.load", row!));
          f.bump(row!, x2!);
        }
        f.set(row!, op("i32.add", to!, op("i32.shl", at!, i32(2))));
        for (const column of transposed(f, rows)) {
          f.store("v128.store", row!, column);
          f.bump(row!, y1!);
        }
      });
    });
    f.bump(x!, x0!);
    f.bump(y!, y0!);
  });
  return f;
}

const emitCopies = (): FunctionBuilder[] => [...Object.entries(LINES).map(([name, line]) => emitLines(name, line)), emitTurned()];

/** Where floats lie: an address, and a step of floats along every axis. */
export interface Strided {
  readonly address: number;
  readonly strides: readonly number[];
}

/** Floats of a task. */
const PIECE = 32768;
/** Columns of a strip of tiles at least: as many lines of x stay in the first-level cache. */
const STRIP = 128;

/** An axis in front of all others that does nothing. */
const ONCE: Axis = [1, [0, 0]];

/** The axes with one where floats are neighbours in x put before the last, if tiles can be turned. */
function turnable(axes: readonly Axis[]): readonly Axis[] | undefined {
  const [last, ...others] = [...axes].reverse();
  const across = others.find(([count, [stepX]]) => stepX === 1 && count >= 4);
  if (!last || !across || last[0] < 4 || last[1][1] !== 1) return undefined;
  return [...axes.filter((axis) => axis !== last && axis !== across), across, last];
}

function entryFor([stepX, stepY]: readonly number[]): string {
  if (stepY !== 1) return "single";
  return stepX === 1 ? "neighbours" : stepX === 2 ? "everySecond" : "single";
}

/** Tasks that copy `shape` floats of four bytes, of any dtype, from one place to another that does not overlap it. */
export function copyTasks(arena: Arena, shape: readonly number[], x: Strided, y: Strided): Task[] {
  const merged = mergeAxes(shape, [x.strides, y.strides]);
  const tiled = turnable(merged);
  const axes = [ONCE, ONCE, ...(tiled ?? merged)];
  const entries = instantiate("copy", emitCopies, arena);
  const entry = entries[tiled ? "turned" : entryFor(axes[axes.length - 1]![1])]!;
  const inner = axes.slice(-3);
  const size = inner.reduce((product, [count]) => product * count, 1);
  // A long copy is cut along its first axis, tiles along their last, so that a strip of x is read while it is near.
  const cut = tiled ? 2 : inner.findIndex(([count]) => count > 1);
  const length = inner[cut]?.[0] ?? 1;
  const pieces = tiled ? Math.floor(length / STRIP) : Math.min(length, Math.ceil(size / PIECE));
  const tasks: Task[] = [];
  walk(axes.slice(0, -3), [0, 0], ([fromX, fromY]) => {
    for (const [first, count] of evenCuts(length, pieces)) {
      const numbers = inner.flatMap(([all, steps], d) => [d === cut ? count : all, ...steps.map((s) => FLOAT * s)]);
      const [stepX, stepY] = inner[cut]?.[1] ?? [0, 0];
      const args = [x.address + FLOAT * (fromX! + first * stepX!), y.address + FLOAT * (fromY! + first * stepY!), ...numbers];
      tasks.push([{ entry, args }]);
    }
  });
  return tasks;
}

/** Pieces of a length, [first, count] each, that differ by one at most. */
function evenCuts(length: number, pieces: number): [number, number][] {
  const starts = Array.from({ length: Math.max(1, pieces) + 1 }, (_, i) => Math.floor((i * length) / Math.max(1, pieces)));
  return starts.slice(1).map((end, i) => [starts[i]!, end - starts[i]!]);
}
