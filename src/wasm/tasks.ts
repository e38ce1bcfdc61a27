import type { Arena } from "./arena.ts";
import { type Entry, originOf } from "./cache.ts";
import type { ThreadPool } from "./threads.ts";

/** One call of a compiled entry: its numbers, and what thread t adds to each of them t times (scratch of its own). */
export interface Step {
  readonly entry: Entry;
  /** The arguments of every call, fixed beforehand. */
  readonly args: readonly number[];
  /** As long as `args`; left out where no argument depends on the thread. */
  readonly perThread?: readonly number[];
}

/**
 * Steps that one thread runs in order. The tasks of a list run in any order and side by side: none may read or write
 * what another writes, so that the bits depend on neither.
 */
export type Task = readonly Step[];

/** A run of all tasks. `cost` is their work together in multiply-adds, to tell whether other threads are worth waking. */
export function placeTasks(arena: Arena, tasks: readonly Task[], cost: number): () => void {
  const steps = tasks.length === 1 ? tasks[0] : tasks.flat();
  const alone = (): void => {
    for (let i = 0; i < steps.length; i++) steps[i].entry(...steps[i].args);
  };
  const { pool } = arena;
  if (!pool || pool.closed || tasks.length < 2 || cost < pool.least) return alone;
  const list = { ...writeTasks(arena, sharingOf(arena, pool), tasks), run: (i: number) => runTask(tasks[i]) };
  return () => (pool.closed ? alone() : pool.run(list));
}

function runTask(task: Task): void {
  for (let i = 0; i < task.length; i++) task[i].entry(...task[i].args);
}

/** A memory as the workers of its pool know it. */
interface Sharing {
  readonly id: number;
  /** The numbers of functions the workers have. */
  readonly numbers: Map<Entry, number>;
}

const sharings = new WeakMap<Arena, Sharing>();
const forgotten = new FinalizationRegistry<{ pool: ThreadPool; id: number }>(({ pool, id }) => pool.drop(id));

function sharingOf(arena: Arena, pool: ThreadPool): Sharing {
  let sharing = sharings.get(arena);
  if (!sharing) {
    sharing = { id: pool.share(arena.memory), numbers: new Map() };
    sharings.set(arena, sharing);
    forgotten.register(arena, { pool, id: sharing.id });
  }
  return sharing;
}

/** Writes the tasks where workers can read them: where each begins, then its steps as function, count, arguments, shifts. */
function writeTasks(arena: Arena, sharing: Sharing, tasks: readonly Task[]): { memory: number; table: number; count: number } {
  const numberOf = (entry: Entry): number => {
    if (!sharing.numbers.has(entry)) offer(arena, sharing, entry);
    return sharing.numbers.get(entry) as number;
  };
  const records = tasks.map((task) => [
    task.length,
    ...task.flatMap(({ entry, args, perThread }) => [numberOf(entry), args.length, ...args, ...(perThread ?? args.map(() => 0))]),
  ]);
  const length = records.reduce((sum, record) => sum + record.length, records.length);
  const table = arena.allocate(8 * length);
  const numbers = new Float64Array(arena.memory.buffer, table, length);
  let at = records.length;
  records.forEach((record, i) => {
    numbers[i] = table / 8 + at;
    numbers.set(record, at);
    at += record.length;
  });
  return { memory: sharing.id, table, count: tasks.length };
}

function offer(arena: Arena, { id, numbers }: Sharing, entry: Entry): void {
  const { module, entries } = originOf(entry);
  arena.pool?.offer(id, module, Object.keys(entries));
  for (const known of Object.values(entries)) numbers.set(known, numbers.size);
}
