import type { Arena } from "./arena.ts";
import type { Entry } from "./cache.ts";

/** One call of a compiled entry: its numbers, and what thread t adds to each of them t times (scratch of its own). */
export interface Step {
  readonly entry: Entry;
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
export function placeTasks(_arena: Arena, tasks: readonly Task[], _cost: number): () => void {
  const steps = tasks.flat();
  return () => {
    for (let i = 0; i < steps.length; i++) steps[i].entry(...steps[i].args);
  };
}
