import { Worker } from "node:worker_threads";
import type { Picture } from "../data/index.ts";

/** A list of picture files that several threads decode. */
export interface SharedFiles {
  readonly paths: readonly string[];
  /** Who has taken which file, in shared memory: 0 while nobody has. */
  readonly owners: Int32Array;
  /** One number in shared memory: files from this one on must not be taken yet. */
  readonly end: Int32Array;
}

/** What a worker says of a file it took: its picture, or none where it could not be read. */
export interface Decoded {
  readonly index: number;
  readonly picture: Picture | undefined;
}

/** What a worker is given. */
interface Work extends SharedFiles {
  /** What the worker is called in `owners`. */
  readonly worker: number;
  /** The module that exports `decodePicture`. */
  readonly decoder: string;
}

/** The parts of Node and of this library that a worker uses. */
interface Surroundings {
  readonly workerData: Work;
  readonly parentPort: { postMessage(decoded: Decoded, transfer: readonly ArrayBufferLike[]): void };
  readonly readFileSync: (path: string) => Uint8Array;
  readonly decodePicture: (bytes: Uint8Array) => Picture;
}

/** Takes one file after the other, and sleeps where it must not go on. */
function decodeFiles({ workerData, parentPort, readFileSync, decodePicture }: Surroundings): void {
  const { paths, owners, end, worker } = workerData;
  for (let index = 0; index < paths.length; index++) {
    for (let seen = Atomics.load(end, 0); index >= seen; seen = Atomics.load(end, 0)) Atomics.wait(end, 0, seen);
    if (Atomics.compareExchange(owners, index, 0, worker) !== 0) continue;
    try {
      const picture = decodePicture(readFileSync(paths[index]));
      parentPort.postMessage({ index, picture }, [picture.data.buffer]);
    } catch {
      // Whoever asked for the file reads it again and meets the error there, with its class and its words.
      parentPort.postMessage({ index, picture: undefined }, []);
    }
  }
}

/**
 * The script of a worker. It is the text of the function above, which therefore uses its arguments and globals only:
 * no file has to be found, and Node need not be able to load this one. Tools that keep function names wrap functions
 * in calls of `__name`.
 */
const SCRIPT = [
  "const __name = (f) => f;",
  decodeFiles,
  'const { parentPort, workerData } = require("node:worker_threads");',
  'const { readFileSync } = require("node:fs");',
  `import(workerData.decoder).then(({ decodePicture }) => ${decodeFiles.name}({ workerData, parentPort, readFileSync, decodePicture }));`,
].join("\n");

/**
 * The module that workers decode with: a file of the neighbouring folder, not its index, which takes five times as
 * long to load. Sources are TypeScript, which not every Node can load.
 */
export const DECODER = new URL(`../data/image${import.meta.url.slice(import.meta.url.lastIndexOf("."))}`, import.meta.url).href;

/** Starts a worker on the files, which ends when all are taken. Errors: those of Node where it forbids workers. */
export function startDecoder(files: SharedFiles, worker: number, decoder: string): Worker {
  const workerData: Work = { ...files, worker, decoder };
  // A JPEG leaves thousands of small arrays behind: collected often, they take 40 MB less at their peak.
  const resourceLimits = { maxYoungGenerationSizeMb: 2 };
  return new Worker(SCRIPT, { eval: true, execArgv: [], name: "inlierq pictures", resourceLimits, workerData });
}
