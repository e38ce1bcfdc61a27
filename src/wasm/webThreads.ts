import { type SpawnWorker, setThreads, ThreadPool } from "./threads.ts";

/** A Web Worker. */
export const spawnWebWorker: SpawnWorker = (source, onFailure) => {
  const listen = "const listen = (handler) => { onmessage = ({ data }) => handler(data); };";
  const url = URL.createObjectURL(new Blob([`${listen}\n${source}`], { type: "text/javascript" }));
  const worker = new Worker(url, { name: "inlierq" });
  worker.onerror = ({ message }) => onFailure(new Error(message || "an error without a message"));
  return {
    post: (mail) => worker.postMessage(mail),
    terminate: () => {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
};

/**
 * `startThreads` for pages: lets large kernels run on Web Workers from now on; default all cores. Undefined, and one
 * thread, where the page is not cross-origin isolated (it must send `Cross-Origin-Opener-Policy: same-origin` and
 * `Cross-Origin-Embedder-Policy: require-corp`).
 *
 * Errors: ArgumentError for a count that is not whole or not in [1, 256].
 */
export function startWebThreads(threads = navigator.hardwareConcurrency): ThreadPool | undefined {
  const pool = threads !== 1 && globalThis.crossOriginIsolated ? new ThreadPool(threads, spawnWebWorker) : undefined;
  setThreads(pool);
  return pool;
}
