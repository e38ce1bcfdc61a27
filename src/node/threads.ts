import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { type SpawnWorker, setThreads, ThreadPool, type ThreadPoolOptions } from "../wasm/index.ts";

/** A worker of node:worker_threads that does not keep the process alive. */
export const spawnThread: SpawnWorker = (source, onFailure) => {
  const listen = 'const listen = (handler) => require("node:worker_threads").parentPort.on("message", handler);';
  const worker = new Worker(`${listen} ${source}`, { eval: true, execArgv: [], name: "inlierq" });
  worker.on("error", onFailure);
  worker.on("exit", (code) => onFailure(new Error(`an exit with code ${code}`)));
  worker.unref();
  return { post: (mail) => worker.postMessage(mail), terminate: () => void worker.terminate() };
};

/**
 * Lets large kernels run on several threads from now on; default all cores. Results have the same bits on any count.
 * Close the pool it returns when the work is done. Undefined where one thread is asked for or there is.
 *
 * Errors: ArgumentError for a count that is not whole or not in [1, 256].
 */
export function startThreads(threads = availableParallelism(), options: ThreadPoolOptions = {}): ThreadPool | undefined {
  if (threads === 1 || typeof SharedArrayBuffer === "undefined") {
    setThreads(undefined);
    return undefined;
  }
  const pool = new ThreadPool(threads, spawnThread, options);
  setThreads(pool);
  return pool;
}
