import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { spawnThread } from "../../src/node/index.ts";
import {
  Arena,
  FunctionBuilder,
  i32,
  instantiate,
  load,
  op,
  placeTasks,
  type SpawnWorker,
  setThreads,
  type TaskList,
  ThreadPool,
  type ThreadPoolOptions,
} from "../../src/wasm/index.ts";
import { runs } from "../runs.ts";

const LARGE = 2 ** 30;
let pool: ThreadPool | undefined;

function open(threads: number, spawn: SpawnWorker = spawnThread, options: ThreadPoolOptions = {}): ThreadPool {
  pool = new ThreadPool(threads, spawn, options);
  setThreads(pool);
  return pool;
}

afterEach(() => {
  pool?.close();
  setThreads(undefined);
});

/** count(at, steps, mark): adds 1 to the number at `at` `steps` times, and 1 to the one at `mark` once. */
function emitCount(): FunctionBuilder {
  const f = new FunctionBuilder("count", ["i32", "i32", "i32"]);
  const [at, steps, mark] = f.pointers;
  const i = f.local("i32");
  f.for(i, steps, 1, () => f.store("i32.store", at, op("i32.add", load("i32.load", at), i32(1))));
  f.store("i32.store", mark, op("i32.add", load("i32.load", mark), i32(1)));
  return f;
}

/** trap(address): reads there. */
function emitTrap(): FunctionBuilder {
  const f = new FunctionBuilder("trap", ["i32", "i32"]);
  const [at, to] = f.pointers;
  f.store("i32.store", to, load("i32.load", at));
  return f;
}

/** Tasks that count up to the given numbers; marks[t] says how many thread t ran. */
function counting(steps: readonly number[]): { run(): void; counts: Int32Array; marks: Int32Array } {
  const arena = new Arena([1]);
  const { count } = instantiate("test count", () => [emitCount()], arena);
  const at = arena.allocate(4 * steps.length);
  const marks = arena.allocate(4 * arena.threads);
  const tasks = steps.map((n, i) => [{ entry: count, args: [at + 4 * i, n, marks], perThread: [0, 0, 4] }]);
  return {
    run: placeTasks(arena, tasks, LARGE),
    counts: arena.i32.subarray(at / 4, at / 4 + steps.length),
    marks: arena.i32.subarray(marks / 4, marks / 4 + arena.threads),
  };
}

/** Runs again until every thread has taken part. */
function runOnAll({ run, marks }: ReturnType<typeof counting>): number {
  const deadline = performance.now() + 20_000;
  for (let times = 1; ; times++) {
    run();
    if (marks.every((m) => m > 0)) return times;
    if (performance.now() > deadline) throw new Error(`threads did not all take part: ${marks.join(" ")}`);
  }
}

test.each([1, 2, 3])("tasks all run, each once, on %i threads that all take part", (threads) => {
  open(threads);
  const job = counting(Array.from({ length: 40 }, (_, i) => 20_000 + i));
  const times = runOnAll(job);
  expect([...job.counts]).toEqual(Array.from({ length: 40 }, (_, i) => times * (20_000 + i)));
  expect(job.marks.reduce((a, m) => a + m, 0)).toBe(40 * times);
});

test("any list of tasks comes out the same on two threads, in as many memories as there are", () => {
  open(2);
  fc.assert(
    fc.property(fc.array(fc.nat(3000), { maxLength: 30 }), fc.integer({ min: 1, max: 5 }), (steps, times) => {
      const job = counting(steps);
      for (let i = 0; i < times; i++) job.run();
      expect([...job.counts]).toEqual(steps.map((n) => n * times));
    }),
    { numRuns: runs(50) },
  );
});

test("memories of a pool are shared, others are not", () => {
  expect(new Arena([1]).memory.buffer).toBeInstanceOf(ArrayBuffer);
  open(2);
  expect(new Arena([1]).memory.buffer).toBeInstanceOf(SharedArrayBuffer);
});

test("after close the same run goes on alone", () => {
  open(2).close();
  const job = counting([5, 6, 7]);
  job.run();
  expect([...job.counts]).toEqual([5, 6, 7]);
});

/** A list whose tasks fail on any thread but this one. */
function failing(): () => void {
  const arena = new Arena([1]);
  const entries = instantiate("test fail", () => [emitCount(), emitTrap()], arena);
  const at = arena.allocate(256);
  const outside = 2 ** 31 - 8;
  const slow = { entry: entries.count, args: [at, 2_000_000, at + 128] };
  const task = [slow, { entry: entries.trap, args: [at, at + 64], perThread: [outside - at, 0] }];
  return placeTasks(
    arena,
    Array.from({ length: 8 }, () => task),
    LARGE,
  );
}

test("a worker that fails fails the work with its error, and the pool is closed", () => {
  const threads = open(2);
  const run = failing();
  expect(() => {
    for (const until = performance.now() + 20_000; performance.now() < until; ) run();
  }).toThrow(/^threads: worker 1 must finish its part of the work, got RuntimeError: memory access out of bounds \(--threads 1/);
  expect(threads.closed).toBe(true);
  expect(run).not.toThrow();
});

/** A list with one short task, and others that keep a worker busy for seconds. */
function lopsided(): { run(): void; awaitWorker(): void } {
  const arena = new Arena([1]);
  const { count } = instantiate("test count", () => [emitCount()], arena);
  const at = arena.allocate(256);
  const task = [{ entry: count, args: [at, 2_000_000, at + 128], perThread: [64, 2_000_000_000, 0] }];
  const awaitWorker = (): void => {
    const until = performance.now() + 10_000;
    while (Atomics.load(arena.i32, at / 4 + 16) === 0 && performance.now() < until);
  };
  return { run: placeTasks(arena, [task, task, task], LARGE), awaitWorker };
}

test("a worker killed in the middle of a task is missed after the patience of the pool, and the work fails", () => {
  let kill = (): void => {};
  let awaitWorker = (): void => {};
  class Murderous extends ThreadPool {
    override run(list: TaskList): void {
      super.run({
        ...list,
        run: (task) => {
          list.run(task);
          awaitWorker();
          kill();
        },
      });
    }
  }
  const spawn: SpawnWorker = (source, onFailure) => {
    const worker = spawnThread(source, onFailure);
    kill = worker.terminate;
    return worker;
  };
  pool = new Murderous(2, spawn, { patience: 300 });
  setThreads(pool);
  const work = lopsided();
  awaitWorker = work.awaitWorker;
  expect(work.run).toThrow("threads: every worker must finish its part of the work, got no answer for 0.3 seconds (--threads 1");
  expect(pool.closed).toBe(true);
});

test("a worker that does not answer is given up as well", () => {
  open(2, spawnThread, { patience: 300 });
  const work = lopsided();
  expect(() => {
    for (const until = performance.now() + 20_000; performance.now() < until; ) work.run();
  }).toThrow("no answer for 0.3 seconds");
});

test("a worker that ends between two jobs fails the next", async () => {
  let kill = (): void => {};
  const threads = open(2, (source, onFailure) => {
    const worker = spawnThread(source, onFailure);
    kill = worker.terminate;
    return worker;
  });
  const job = counting(Array.from({ length: 40 }, () => 20_000));
  runOnAll(job);
  kill();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(threads.closed).toBe(false);
  expect(job.run).toThrow("threads: worker 1 must finish its part of the work, got an exit with code 1");
  expect(job.run).not.toThrow();
});

test("workers that cannot start are done without", async () => {
  const threads = open(3, (_, onFailure) => {
    setTimeout(() => onFailure(new Error("blocked by the policy of the page")));
    return { post: () => {}, terminate: () => {} };
  });
  const job = counting([3, 4, 5]);
  job.run();
  await expect.poll(() => threads.closed).toBe(true);
  job.run();
  expect([...job.counts]).toEqual([6, 8, 10]);
});

test.each([0, -1, 1.5, 257])("%d is no count of threads", (threads) => {
  expect(() => open(threads)).toThrow(`threads: the count must be a whole number in [1, 256], got ${threads}`);
});
