import { FunctionBuilder, f32x4, i32, i32x4, instantiate, load, op, placeTasks, type Task } from "../../wasm/index.ts";
import { splitAt } from "../shape.ts";
import { cuts } from "./gemm.ts";
import type { FastKernel, Run } from "./index.ts";
import { allFloat, countOf, type Placement, perThread, stepOf } from "./placement.ts";
import { select } from "./vectorMath.ts";

/** Positions of the functions in their module. */
const [SIFT, SORT, KEYS, RANK] = [0, 1, 2, 3];

/** sift(heap, at, end): restores the order below the entry at byte `at` of a heap of `end` bytes whose root is the least. */
function emitSift(): FunctionBuilder {
  const f = new FunctionBuilder("sift", ["i32", "i32", "i32"]);
  const [heap, at, end] = f.pointers;
  const child = f.local("i32");
  const entry = (offset: typeof at, behind = 0) => load("i64.load", op("i32.add", heap!, offset!), behind);
  const moved = f.let(entry(at));
  f.block((done) => {
    f.doWhile(() => {
      f.set(child, op("i32.add", op("i32.shl", at!, i32(1)), i32(8)));
      f.breakIf(done, op("i32.ge_s", child, end!));
      f.if(op("i32.lt_s", op("i32.add", child, i32(8)), end!), () => {
        f.if(op("i64.lt_s", entry(child, 8), entry(child)), () => f.bump(child, 8));
      });
      f.breakIf(done, op("i32.eqz", op("i64.lt_s", entry(child), moved)));
      f.store("i64.store", op("i32.add", heap!, at!), entry(child));
      f.set(at!, child);
    }, i32(1));
  });
  f.store("i64.store", op("i32.add", heap!, at!), moved);
  return f;
}

/** sort(heap, size): the entries of a heap, the greatest first. */
function emitSort(): FunctionBuilder {
  const f = new FunctionBuilder("sort", ["i32", "i32"]);
  const [heap, size] = f.pointers;
  const at = f.local("i32");
  const root = f.local("i64");
  f.bump(size!, -8);
  f.while(op("i32.gt_s", size!, i32(0)), () => {
    f.set(at, op("i32.add", heap!, size!));
    f.set(root, load("i64.load", heap!));
    f.store("i64.store", heap!, load("i64.load", at));
    f.store("i64.store", at, root);
    f.call(SIFT, heap!, i32(0), size!);
    f.bump(size!, -8);
  });
  return f;
}

/**
 * keys(x, step, count, flip, keys): integers in the order of the values `step` bytes apart, reversed where `flip` is -1. NaN is
 * above all, and both zeros are equal.
 */
function emitKeys(): FunctionBuilder {
  const f = new FunctionBuilder(
    "keys",
    Array.from({ length: 5 }, () => "i32" as const),
  );
  const [x, step, count, flip, keys] = f.pointers;
  const i = f.local("i32");
  const to = f.let(keys!);
  f.if(op("i32.eqz", op("i32.eq", step!, i32(4))), () => {
    f.for(i, count!, 1, () => {
      f.store("i32.store", to, load("i32.load", x!));
      f.bump(x!, step!);
      f.bump(to, 4);
    });
    f.set(x!, keys!);
    f.set(to, keys!);
  });
  const turn = f.let(op("i32x4.splat", flip!));
  const value = f.local("v128");
  f.for(i, count!, 4, () => {
    f.set(value, op("f32x4.add", load("v128.load", x!), f32x4(0)));
    const ordered = op("v128.xor", value, op("v128.and", op("i32x4.shr_s", value, i32(31)), i32x4(0x7fffffff)));
    f.store("v128.store", to, op("v128.xor", select(op("f32x4.eq", value, value), ordered, i32x4(0x7fffffff)), turn));
    f.bump(x!, 16);
    f.bump(to, 16);
  });
  return f;
}

/**
 * rank(keys, count, size, heap): the `size` bytes of the best entries, best first; of equal keys the first. An entry holds the
 * complement of its index below its key, so that one comparison orders both.
 */
function emitRank(): FunctionBuilder {
  const f = new FunctionBuilder("rank", ["i32", "i32", "i32", "i32"]);
  const [keys, count, size, heap] = f.pointers;
  const [at, next, stop, low, mine, least] = f.locals("i32", 6);
  const end = f.let(op("i32.add", keys!, op("i32.shl", count!, i32(2))));
  const put = (target: typeof at, index: typeof low, key: typeof at) => {
    f.store("i32.store", target!, index!);
    f.store("i32.store", target!, load("i32.load", key!), 4);
  };
  f.set(low!, i32(-1));
  f.set(at!, keys!);
  f.for(next!, size!, 8, () => {
    f.set(stop!, op("i32.add", heap!, next!));
    put(stop!, low!, at!);
    f.bump(at!, 4);
    f.bump(low!, -1);
  });
  // From the last parent to the root; leaves are heaps already.
  f.set(next!, size!);
  f.while(op("i32.gt_s", next!, i32(0)), () => {
    f.bump(next!, -8);
    f.call(SIFT, heap!, next!, size!);
  });
  const threshold = f.local("v128");
  const settle = () => {
    f.set(least!, load("i32.load", heap!, 4));
    f.set(threshold, op("i32x4.splat", least!));
  };
  settle();
  f.while(op("i32.lt_u", at!, end), () => {
    f.if(op("v128.any_true", op("i32x4.gt_s", load("v128.load", at!), threshold)), () => {
      f.set(next!, at!);
      f.set(mine!, low!);
      f.set(stop!, op("i32.add", at!, i32(16)));
      f.if(op("i32.lt_u", end, stop!), () => f.set(stop!, end));
      f.doWhile(
        () => {
          f.if(op("i32.gt_s", load("i32.load", next!), least!), () => {
            put(heap!, mine!, next!);
            f.call(SIFT, heap!, i32(0), size!);
            settle();
          });
          f.bump(next!, 4);
          f.bump(mine!, -1);
        },
        op("i32.lt_u", next!, stop!),
      );
    });
    f.bump(at!, 16);
    f.bump(low!, -4);
  });
  f.call(SORT, heap!, size!);
  return f;
}

/** best(x, row, step, count, y, indices, kept, rows, k, flip, keys, heap): values and indices of the k best of each row. */
function emitBest(): FunctionBuilder {
  const f = new FunctionBuilder(
    "best",
    Array.from({ length: 12 }, () => "i32" as const),
  );
  const [x, row, step, count, y, indices, kept, rows, k, flip, keys, heap] = f.pointers;
  const [r, index, to, entry] = f.locals("i32", 4);
  const size = f.let(op("i32.shl", k!, i32(3)));
  const end = f.let(op("i32.add", heap!, size));
  f.for(r!, rows!, 1, () => {
    f.call(KEYS, x!, step!, count!, flip!, keys!);
    f.call(RANK, keys!, count!, size, heap!);
    f.set(to!, i32(0));
    f.set(entry!, heap!);
    f.doWhile(
      () => {
        f.set(index!, op("i32.xor", load("i32.load", entry!), i32(-1)));
        f.store("i32.store", op("i32.add", indices!, to!), index!);
        f.store("i32.store", op("i32.add", y!, to!), load("i32.load", op("i32.add", x!, op("i32.mul", index!, step!))));
        f.bump(to!, step!);
        f.bump(entry!, 8);
      },
      op("i32.lt_u", entry!, end),
    );
    f.bump(x!, row!);
    f.bump(y!, kept!);
    f.bump(indices!, kept!);
  });
  return f;
}

/** Rows of a task at most. */
const PIECE = 8;

function place(call: Placement, { k, dim, largest }: { k: number; dim: number; largest: boolean }): Run {
  const { arena, inputs, outputs } = call;
  const [[x], [values, indices]] = [inputs, outputs];
  const [outer, length, inner] = splitAt(x.shape, dim);
  const { best } = instantiate("topk", () => [emitSift(), emitSort(), emitKeys(), emitRank(), emitBest()], arena);
  const keys = perThread(call, 4 * length + 16);
  const heap = perThread(call, 8 * k);
  // Rows that are neighbours: those of one outer position, or all where the axis is the last.
  const [groups, rows] = inner === 1 ? [1, outer] : [outer, inner];
  const [row, kept] = inner === 1 ? [4 * length, 4 * k] : [4, 4];
  const [from, to, found] = [x.address, values.address, indices.address];
  const tasks: Task[] = [];
  for (let group = 0; group < groups; group++) {
    for (const [first, count] of cuts(rows, PIECE)) {
      const target = 4 * group * k * inner + first * kept;
      const source = from + 4 * group * length * inner + first * row;
      tasks.push([
        stepOf(best, [source, row, 4 * inner, length, to + target, found + target, kept, count, k, largest ? 0 : -1, keys, heap]),
      ]);
    }
  }
  return placeTasks(arena, tasks, 4 * countOf(x));
}

/** A heap of the k best per row: with random values most vectors only meet its least key. */
export const topk: FastKernel = {
  place(call) {
    const { inputs, outputs, attrs } = call;
    if (!allFloat(inputs) || countOf(outputs[0]) === 0) return undefined;
    return place(call, attrs as { k: number; dim: number; largest: boolean });
  },
  bound: () => "exact",
};
