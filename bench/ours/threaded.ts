import { startThreads } from "../../src/node/index.ts";
import { setThreads, type ThreadPool } from "../../src/wasm/index.ts";
import type { Solution, Solver } from "../solver.ts";

const pools = new Map<number, ThreadPool | undefined>();

/** Runs `f` with its kernels on several threads, and leaves one thread behind. */
function withThreads<T>(threads: number, f: () => T): T {
  if (!pools.has(threads)) pools.set(threads, startThreads(threads));
  setThreads(pools.get(threads));
  try {
    return f();
  } finally {
    setThreads(undefined);
  }
}

/** A solver whose solutions run on several threads. */
export function onThreads(threads: number, solver: Solver): Solver {
  const threaded = (solved: Solution): Solution => ({
    ...solved,
    run: () => withThreads(threads, solved.run),
    outputs: () => withThreads(threads, solved.outputs),
  });
  const solve = async (make: (spec: never, inputs: never) => ReturnType<NonNullable<Solver["conv"]>>, spec: never, inputs: never) => {
    const solved = await withThreads(threads, () => make(spec, inputs));
    return typeof solved === "string" ? solved : threaded(solved);
  };
  return Object.fromEntries(
    Object.entries(solver).map(([kind, make]) => [kind, (spec: never, inputs: never) => solve(make as never, spec, inputs)]),
  );
}
