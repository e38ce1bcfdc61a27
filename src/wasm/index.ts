/** WebAssembly written at run time: an assembler, memory arenas, compiled modules, tasks and the threads that share them. */

export { Arena, ArenaFull, ArenaRefused, arenaOf, stagingArena } from "./arena.ts";
export type { Expr, Label, Local } from "./assembler.ts";
export { assemble, FunctionBuilder, f32, f32x4, f64x2, i32, i32x4, interleave16, lane, lane32, load, op, shuffle } from "./assembler.ts";
export type { Entry } from "./cache.ts";
export { instantiate } from "./cache.ts";
export type { ValueType } from "./encode.ts";
export { borrowArena, returnArena } from "./lease.ts";
export { findKernelProblem, kernelProblem } from "./support.ts";
export { placeTasks, type Step, type Task } from "./tasks.ts";
export {
  activeThreads,
  type SpawnWorker,
  setThreads,
  type TaskList,
  ThreadPool,
  type ThreadPoolOptions,
  type WorkerHandle,
} from "./threads.ts";
export { spawnWebWorker, startWebThreads } from "./webThreads.ts";
