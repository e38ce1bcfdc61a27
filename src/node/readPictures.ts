import { statSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import type { PictureSample } from "../job/index.ts";
import { DECODER, type Decoded, type SharedFiles, startDecoder } from "./decodeWorker.ts";
import { type PictureFile, readPicture } from "./pictures.ts";

/** How pictures are read. */
export interface ReadOptions {
  /** Threads that decode: the calling one, and workers where there are enough pictures. Default 1. */
  readonly threads?: number;
  /** What messages call the caller. Default "readPicture". */
  readonly where?: string;
  /**
   * Address of the module whose `decodePicture` the workers call; default that of this package. Where it cannot be
   * loaded, as in bundles, the calling thread decodes everything.
   */
  readonly decoder?: string;
  /** Bytes of files that make one more worker worth its start, which takes as long as to decode 1 MiB. Default 2 MiB. */
  readonly least?: number;
}

/** Pictures a thread may be ahead of the one that was asked for last. */
const AHEAD = 4;
/** The calling thread in the list of owners. */
const HERE = -1;

/**
 * Pictures that are being decoded, in the order of their files, to be iterated over once. Whoever is free takes the
 * next file, up to four a thread ahead of the caller; what a worker cannot read, or leaves behind where it breaks, the
 * calling thread reads when its turn comes. The samples, their order and the first error do not depend on the threads.
 */
export class PictureReading implements AsyncIterable<PictureSample> {
  readonly #list: readonly PictureFile[];
  readonly #where: string;
  readonly #shared: SharedFiles;
  readonly #ahead: number;
  /** Workers that have not ended, by their number. */
  readonly #workers = new Map<number, Worker>();
  readonly #outcomes = new Map<number, () => PictureSample>();
  #fromWorkers = 0;
  #onNews: () => void = () => undefined;

  /** Starts to read the files of `list`. */
  constructor(list: readonly PictureFile[], { threads = 1, where = "readPicture", decoder = DECODER, least = 2 ** 21 }: ReadOptions = {}) {
    const workers = workersFor(list, threads, least);
    const shared = (length: number): Int32Array => new Int32Array(new SharedArrayBuffer(4 * length));
    this.#list = list;
    this.#where = where;
    this.#ahead = AHEAD * (1 + workers);
    this.#shared = { paths: list.map(({ path }) => path), owners: shared(list.length), end: shared(1) };
    this.#allow(0);
    for (let worker = 1; worker <= workers; worker++) this.#start(worker, decoder);
  }

  /** Pictures that workers have delivered so far. */
  get fromWorkers(): number {
    return this.#fromWorkers;
  }

  /** Errors: UsageError for a file that cannot be read, ArgumentError for one that is no picture. */
  async *[Symbol.asyncIterator](): AsyncGenerator<PictureSample> {
    for (const worker of this.#workers.values()) worker.ref();
    try {
      for (let i = 0; i < this.#list.length; i++) {
        this.#allow(i);
        yield await this.#sample(i);
      }
    } finally {
      await this.close();
    }
  }

  /** Ends the workers. Iteration does so when it ends or is left; call this where it may never begin. */
  async close(): Promise<void> {
    const workers = [...this.#workers.values()];
    this.#workers.clear();
    await Promise.all(workers.map((worker) => worker.terminate()));
    // Last: a worker's end delivers what it had sent.
    this.#outcomes.clear();
  }

  #start(number: number, decoder: string): void {
    // Whatever ends a worker, and whatever forbids it: its files are read here.
    const ended = (): void => {
      this.#workers.delete(number);
      this.#onNews();
    };
    let worker: Worker;
    try {
      worker = startDecoder(this.#shared, number, decoder);
    } catch {
      ended();
      return;
    }
    this.#workers.set(number, worker);
    worker.on("error", ended).on("exit", ended);
    worker.on("message", ({ index, picture }: Decoded) => {
      const file = this.#list[index];
      this.#outcomes.set(index, () => (picture ? { name: file.name, picture } : readPicture(file, this.#where)));
      if (picture) this.#fromWorkers++;
      this.#onNews();
    });
    // After the listeners, which keep the process alive: only an iteration shall.
    worker.unref();
  }

  /** Lets the workers go on from the picture that is asked for. */
  #allow(wanted: number): void {
    const { end } = this.#shared;
    Atomics.store(end, 0, wanted + this.#ahead);
    Atomics.notify(end, 0);
  }

  async #sample(wanted: number): Promise<PictureSample> {
    for (let outcome = this.#outcomes.get(wanted); ; outcome = this.#outcomes.get(wanted)) {
      if (outcome) {
        this.#outcomes.delete(wanted);
        return outcome();
      }
      const mine = this.#take(wanted);
      if (mine === undefined) {
        await new Promise<void>((resolve) => {
          this.#onNews = resolve;
        });
        continue;
      }
      this.#outcomes.set(
        mine,
        attempt(() => readPicture(this.#list[mine], this.#where)),
      );
      // Messages arrive between turns of the event loop only.
      if (this.#workers.size > 0) await nextTurn();
    }
  }

  /** The file to decode here: the wanted one if no living worker has it, else the next that nobody has. */
  #take(wanted: number): number | undefined {
    const { owners, end } = this.#shared;
    const owner = Atomics.compareExchange(owners, wanted, 0, HERE);
    if (!this.#workers.has(owner)) return wanted;
    for (let i = wanted + 1; i < Math.min(end[0], owners.length); i++) {
      if (Atomics.compareExchange(owners, i, 0, HERE) === 0) return i;
    }
    return undefined;
  }
}

/** Workers that are worth their start; none for a single picture. */
function workersFor(list: readonly PictureFile[], threads: number, least: number): number {
  const most = Math.min(threads, list.length) - 1;
  let bytes = 0;
  for (let i = 0; i < list.length && bytes < most * least; i++) bytes += sizeOf(list[i].path);
  return Math.max(0, bytes < most * least ? Math.floor(bytes / least) : most);
}

/** Bytes of a file; 0 for one that cannot be read, which is said when its turn comes. */
function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}

/** Calls `f` now; what it returned or threw comes out when the result is called. */
function attempt<T>(f: () => T): () => T {
  try {
    const value = f();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** Begins to decode the files on so many threads. */
export function readPictures(files: readonly PictureFile[], options: ReadOptions = {}): PictureReading {
  return new PictureReading(files, options);
}
