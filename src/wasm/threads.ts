import { ArgumentError, StateError } from "../errors.ts";
import { type Mail, SLOT, TEXT_UNITS, WORKER_SOURCE } from "./worker.ts";

/** A running worker, as far as a pool needs it. */
export interface WorkerHandle {
  /** Sends a message to the worker. */
  post(mail: unknown): void;
  /** Ends the worker at once. */
  terminate(): void;
}

/**
 * Starts a worker that runs `source`, a script in which `listen(handler)` must exist: it hands every message to
 * `handler`. `onFailure` is called when the worker breaks or ends by itself.
 */
export type SpawnWorker = (source: string, onFailure: (error: Error) => void) => WorkerHandle;

/** A list of tasks in the memory they run on. */
export interface TaskList {
  readonly memory: number;
  /** Byte address of the table: one f64 a task, where its record begins, counted in f64. */
  readonly table: number;
  /** How many tasks there are. */
  readonly count: number;
  /** Runs one task on this thread. */
  run(task: number): void;
}

/** How a pool behaves. */
export interface ThreadPoolOptions {
  /** Milliseconds without an answer after which a worker counts as lost. Default 10 000. */
  readonly patience?: number;
  /** Multiply-adds below which other threads are not worth waking. Default 2^18. */
  readonly least?: number;
}

/** Waiting for others: first awake, then asleep in naps. */
const AWAKE_MS = 1;
const NAP_MS = 20;
const MOST_THREADS = 256;

/**
 * Threads that share the work of large kernels: this one and `threads - 1` workers. Tasks are claimed one after the
 * other by whoever is free; as no task depends on another, the bits depend neither on the count nor on who came first.
 * A worker that is not ready yet is not waited for.
 */
export class ThreadPool {
  readonly threads: number;
  /** Multiply-adds below which work is not shared. */
  readonly least: number;
  readonly #control = new Int32Array(new SharedArrayBuffer(4 * (SLOT.text + TEXT_UNITS)));
  readonly #workers: WorkerHandle[] = [];
  readonly #patience: number;
  #memories = 0;
  #failure: StateError | undefined;
  #closed = false;

  /** Errors: ArgumentError for a count that is not whole or not in [1, 256]. */
  constructor(threads: number, spawn: SpawnWorker, { patience = 10_000, least = 2 ** 18 }: ThreadPoolOptions = {}) {
    if (!Number.isInteger(threads) || threads < 1 || threads > MOST_THREADS) {
      throw new ArgumentError("threads", `the count must be a whole number in [1, ${MOST_THREADS}], got ${threads}`);
    }
    this.threads = threads;
    this.least = least;
    this.#patience = patience;
    for (let thread = 1; thread < threads; thread++) {
      const worker = spawn(WORKER_SOURCE, (error) => this.#lost(thread, error));
      this.#workers.push(worker);
      worker.post({ kind: "start", control: this.#control, slot: SLOT, thread, units: TEXT_UNITS } satisfies Mail);
    }
    this.#control[SLOT.mail] = 1;
  }

  /** Whether runs are this thread's alone: after `close`, and after a failure that a run has reported. */
  get closed(): boolean {
    return this.#closed && this.#failure === undefined;
  }

  /** Workers that have started so far. */
  get ready(): number {
    return Atomics.load(this.#control, SLOT.ready);
  }

  /** Makes a shared memory known to the workers; returns its number. */
  share(memory: WebAssembly.Memory): number {
    const id = this.#memories++;
    this.#mail({ kind: "memory", id, memory });
    return id;
  }

  /** Makes the functions of a module known on a memory: they are numbered in the order of names, module after module. */
  offer(id: number, module: WebAssembly.Module, names: readonly string[]): void {
    this.#mail({ kind: "module", id, module, names });
  }

  /** Lets the workers forget a memory. */
  drop(id: number): void {
    this.#mail({ kind: "drop", id });
  }

  /**
   * Runs all tasks and returns when they are done.
   *
   * Errors: StateError where a worker failed or was lost; the pool is closed then.
   */
  run(list: TaskList): void {
    this.#report();
    const control = this.#control;
    control[SLOT.memory] = list.memory;
    control[SLOT.table] = list.table;
    control[SLOT.count] = list.count;
    Atomics.store(control, SLOT.next, 0);
    Atomics.store(control, SLOT.open, 1);
    this.#wake();
    try {
      for (let i = Atomics.add(control, SLOT.next, 1); i < list.count; i = Atomics.add(control, SLOT.next, 1)) list.run(i);
    } finally {
      Atomics.store(control, SLOT.open, 0);
      this.#awaitOthers();
    }
    const failed = Atomics.load(control, SLOT.failed);
    if (failed !== 0) this.#fail(`worker ${failed}`, this.#text());
    this.#report();
  }

  /** Throws a failure that nobody has heard of. */
  #report(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure;
  }

  /** Ends the workers. What was placed on this pool then runs on the calling thread alone, like what comes after. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (active === this) active = undefined;
    for (const worker of this.#workers) worker.terminate();
  }

  #mail(mail: Mail): void {
    if (this.#closed) return;
    for (const worker of this.#workers) worker.post(mail);
    Atomics.add(this.#control, SLOT.mail, 1);
    this.#wake();
  }

  #wake(): void {
    Atomics.add(this.#control, SLOT.sequence, 1);
    if (Atomics.load(this.#control, SLOT.sleepers) > 0) Atomics.notify(this.#control, SLOT.sequence);
  }

  #awaitOthers(): void {
    const control = this.#control;
    for (let i = 0; i < 4096; i++) if (Atomics.load(control, SLOT.entered) === 0) return;
    const start = performance.now();
    for (let now = start; ; now = performance.now()) {
      const entered = Atomics.load(control, SLOT.entered);
      if (entered === 0) return;
      if (now - start > this.#patience) {
        this.#fail("every worker", `no answer for ${this.#patience / 1000} seconds`);
        return;
      }
      if (now - start > AWAKE_MS) this.#nap(entered);
    }
  }

  /** The main thread of a page must not sleep: it keeps looking. */
  #nap(entered: number): void {
    if (typeof window !== "undefined") return;
    Atomics.store(this.#control, SLOT.waiting, 1);
    Atomics.wait(this.#control, SLOT.entered, entered, NAP_MS);
    Atomics.store(this.#control, SLOT.waiting, 0);
  }

  #text(): string {
    const units = this.#control.subarray(SLOT.text, SLOT.text + this.#control[SLOT.length]);
    return String.fromCharCode(...units);
  }

  #fail(who: string, problem: string): void {
    this.#failure = new StateError("threads", `${who} must finish its part of the work, got ${problem} (--threads 1 runs without workers)`);
    this.close();
  }

  /** A worker that never started, as where a page's policy forbids it, is done without; one that breaks later fails the work. */
  #lost(thread: number, error: Error): void {
    if (this.#closed) return;
    if (this.ready < this.threads - 1) this.close();
    else this.#fail(`worker ${thread}`, error.message.split("\n")[0]);
  }
}

let active: ThreadPool | undefined;

/** The pool that memories made from now on belong to. */
export const activeThreads = (): ThreadPool | undefined => active;

/** Chooses the pool of memories made from now on, or one thread: for entry points (command line, pages, tests). */
export function setThreads(pool: ThreadPool | undefined): void {
  active = pool;
}
