import { availableParallelism, freemem } from "node:os";
import { MessageChannel } from "node:worker_threads";
import { Tinypool } from "tinypool";
import { AbortError, InlierqError } from "../errors.ts";
import type { RunOutcome, SweepRun } from "../job/index.ts";
import type { Progress } from "../quant/index.ts";
import { SweepContext, type SweepSetup } from "./sweepContext.ts";
import type { SweepTask } from "./sweepWorker.ts";

/** Bytes that one run may take. */
const RUN_BYTES = 1.2e9;

/** How many runs go on at once, and what decided it. */
export interface SweepJobs {
  readonly jobs: number;
  readonly cores: number;
  /** Bytes of memory that were free. */
  readonly free: number;
}

/** As many runs at once as asked for, else as there are cores and memory for; never more than there are runs. */
export function chooseJobs(asked: number | undefined, runs: number): SweepJobs {
  const [cores, free] = [availableParallelism(), freemem()];
  const fitting = Math.min(cores, Math.floor(free / RUN_BYTES));
  return { jobs: Math.max(1, Math.min(asked ?? fitting, runs)), cores, free };
}

/** The module of the workers: a TypeScript source needs flags of Node that load one. */
const WORKER = new URL(`sweepWorker${import.meta.url.slice(import.meta.url.lastIndexOf("."))}`, import.meta.url);

/** Takes one run, tells its progress, and says how it ended. */
type Runner = (run: SweepRun, onProgress: (progress: Progress) => void) => Promise<RunOutcome>;

/** How runs are done. */
export interface PoolOptions {
  readonly jobs: number;
  readonly signal?: AbortSignal | undefined;
  /** Flags of Node for the workers; undefined: those of this process. */
  readonly nodeFlags?: readonly string[] | undefined;
  readonly onProgress: (run: SweepRun, progress: Progress) => void;
  /** Told in the order in which runs end. */
  readonly onEnd: (run: SweepRun, outcome: RunOutcome) => void;
}

/**
 * Does all runs, so many at once: one at a time in this thread, more in workers with a thread each, which leaves every
 * result as it is. What is refused or breaks is told as a message; the others go on.
 *
 * Errors: AbortError, with workers ended in the middle of their runs.
 */
export async function runAll(runs: readonly SweepRun[], setup: SweepSetup, options: PoolOptions): Promise<void> {
  const { jobs, signal, onProgress, onEnd } = options;
  const pool = jobs > 1 ? poolOf(options) : undefined;
  const runner = pool ? inWorker(pool, setup, signal) : here(setup, signal);
  const waiting = [...runs];
  const lane = async (): Promise<void> => {
    for (let run = waiting.shift(); run; run = waiting.shift()) {
      if (signal?.aborted) throw new AbortError("sweep", `the sweep must not be aborted, got an abort before ${run.id}`);
      const current = run;
      onEnd(run, await runner(run, (progress) => onProgress(current, progress)));
    }
  };
  try {
    await Promise.all(Array.from({ length: jobs }, lane));
  } finally {
    waiting.length = 0;
    await pool?.destroy();
  }
}

/** Workers start with the first runs and stay: each keeps a model and pictures. No task waits in its queue. */
const poolOf = ({ jobs, nodeFlags }: PoolOptions): Tinypool =>
  new Tinypool({
    minThreads: 0,
    maxThreads: jobs,
    idleTimeout: 2 ** 31 - 1,
    ...(nodeFlags && { execArgv: [...nodeFlags] }),
  });

const inWorker =
  (pool: Tinypool, setup: SweepSetup, signal: AbortSignal | undefined): Runner =>
  async (run, onProgress) => {
    const { port1, port2 } = new MessageChannel();
    port1.on("message", onProgress);
    const task: SweepTask = { setup, run, port: port2 };
    try {
      // The file is named here, not for the pool: what keeps it from loading is then an error of the run.
      return (await pool.run(task, { filename: WORKER.href, transferList: [port2], signal: signal ?? null })) as RunOutcome;
    } catch (error) {
      if (signal?.aborted) throw new AbortError("sweep", `the sweep must not be aborted, got an abort during ${run.id}`);
      return { message: defectOf(error) };
    } finally {
      port1.close();
    }
  };

function here(setup: SweepSetup, signal: AbortSignal | undefined): Runner {
  const context = new SweepContext(setup);
  return async (run, onProgress) => {
    try {
      return { result: await context.measure(run, { signal, onProgress }) };
    } catch (error) {
      if (error instanceof AbortError) throw error;
      return { message: error instanceof InlierqError ? error.message : defectOf(error) };
    }
  };
}

const defectOf = (error: unknown): string =>
  error instanceof Error ? `unexpected ${error.name}: ${error.message.split("\n")[0]}` : String(error);
