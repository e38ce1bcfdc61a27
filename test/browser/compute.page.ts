import { kernelProblem, startWebThreads, type ThreadPool } from "../../src/wasm/index.ts";
import { report } from "./report.ts";
import { floatWork, integerWork } from "./work.ts";

/** Resolves when all workers have started, or none can. */
function started(pool: ThreadPool | undefined): Promise<void> {
  return new Promise((done) => {
    const look = (): void => {
      if (!pool || pool.closed || pool.ready === pool.threads - 1) done();
      else setTimeout(look, 20);
    };
    look();
  });
}

function attempt(f: () => unknown): unknown {
  try {
    return f();
  } catch (error) {
    return String(error);
  }
}

await report(async () => {
  const pool = startWebThreads(2);
  await started(pool);
  const ready = pool?.closed === false ? pool.ready : 0;
  return { isolated: crossOriginIsolated, ready, problem: kernelProblem() ?? null, float: floatWork(), integer: attempt(integerWork) };
});
