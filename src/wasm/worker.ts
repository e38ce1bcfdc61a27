/** Places in the control block, an Int32Array that all threads share. */
export const SLOT = {
  /** Bumped for every job and every message; sleepers wait on it. */
  sequence: 0,
  /** 1 while the job may be joined. */
  open: 1,
  /** Workers that look at the job right now. What describes a job may change only while there are none. */
  entered: 2,
  /** The next task nobody has claimed. */
  next: 3,
  /** The job: number of tasks, memory they run on, byte address of their table. */
  count: 4,
  memory: 5,
  table: 6,
  /** Messages sent to every worker so far. */
  mail: 7,
  /** Workers that sleep, and whether the main thread does. */
  sleepers: 8,
  waiting: 9,
  /** Workers that have started. */
  ready: 10,
  /** The first worker that failed, and the length of its message in UTF-16 units, which follow the slots. */
  failed: 11,
  length: 12,
  text: 16,
} as const;

/** Room for the text of a failure. */
export const TEXT_UNITS = 240;

/** What the main thread tells a worker, in this order: who it is; a memory; modules on it; that a memory is gone. */
export type Mail =
  | { readonly kind: "start"; readonly control: Int32Array; readonly slot: typeof SLOT; readonly thread: number; readonly units: number }
  | { readonly kind: "memory"; readonly id: number; readonly memory: WebAssembly.Memory }
  | { readonly kind: "module"; readonly id: number; readonly module: WebAssembly.Module; readonly names: readonly string[] }
  | { readonly kind: "drop"; readonly id: number };

type Start = Extract<Mail, { kind: "start" }>;

/** A memory with the functions on it, as a worker knows them. */
interface Known {
  readonly memory: WebAssembly.Memory;
  readonly numbers: Float64Array;
  readonly entries: ((...args: number[]) => void)[];
}

/** Runs the steps of the task whose record begins at number `at`. */
function runTask({ numbers, entries }: Known, at: number, thread: number): void {
  let next = at + 1;
  for (let steps = numbers[at]; steps > 0; steps--) {
    const entry = entries[numbers[next]];
    const count = numbers[next + 1];
    next += 2;
    const args: number[] = [];
    for (let i = 0; i < count; i++) args.push(numbers[next + i] + thread * numbers[next + count + i]);
    next += 2 * count;
    entry(...args);
  }
}

/** Runs tasks of the open job, if there is one, until none is left to claim. */
function joinJob({ control, slot, thread, units }: Start, memories: ReadonlyMap<number, Known>): void {
  Atomics.add(control, slot.entered, 1);
  try {
    if (Atomics.load(control, slot.open) === 1) {
      const known = memories.get(control[slot.memory]) as Known;
      const [table, count] = [control[slot.table] / 8, control[slot.count]];
      for (let i = Atomics.add(control, slot.next, 1); i < count; i = Atomics.add(control, slot.next, 1)) {
        runTask(known, known.numbers[table + i], thread);
      }
    }
  } catch (error) {
    const text = String(error).slice(0, units);
    for (let i = 0; i < text.length; i++) control[slot.text + i] = text.charCodeAt(i);
    control[slot.length] = text.length;
    Atomics.compareExchange(control, slot.failed, 0, thread);
  }
  Atomics.sub(control, slot.entered, 1);
  if (Atomics.load(control, slot.waiting) === 1) Atomics.notify(control, slot.entered);
}

/** Returns when there is something new: spins for `spin` milliseconds, then sleeps. */
function awaitNews({ control, slot }: Start, seen: number, spin: number): void {
  const until = performance.now() + spin;
  while (performance.now() < until) {
    for (let i = 0; i < 256; i++) if (Atomics.load(control, slot.sequence) !== seen) return;
  }
  Atomics.add(control, slot.sleepers, 1);
  Atomics.wait(control, slot.sequence, seen);
  Atomics.sub(control, slot.sleepers, 1);
}

/** Between messages a worker sits in a loop: it joins the open job, then waits for the next. */
function serve(listen: (handler: (mail: Mail) => void) => void): void {
  const memories = new Map<number, Known>();
  let start: Start;
  let handled = 0;
  const take = (mail: Mail): void => {
    if (mail.kind === "start") {
      start = mail;
      Atomics.add(mail.control, mail.slot.ready, 1);
    } else if (mail.kind === "memory") {
      memories.set(mail.id, { memory: mail.memory, numbers: new Float64Array(mail.memory.buffer), entries: [] });
    } else if (mail.kind === "module") {
      const { memory, entries } = memories.get(mail.id) as Known;
      const { exports } = new WebAssembly.Instance(mail.module, { env: { memory } });
      entries.push(...mail.names.map((name) => exports[name] as (...args: number[]) => void));
    } else memories.delete(mail.id);
    handled++;
  };
  listen((mail) => {
    take(mail);
    const { control, slot } = start;
    for (;;) {
      const seen = Atomics.load(control, slot.sequence);
      // A message waits in the event loop: only there can it be received.
      if (Atomics.load(control, slot.mail) > handled) return;
      joinJob(start, memories);
      awaitNews(start, seen, 0.3);
    }
  });
}

/**
 * The script of a worker, for surroundings that define `listen(handler)`. It is the text of the functions above, which
 * therefore use their arguments, each other and globals only, so that a pool needs no file of its own to start workers
 * from. Tools that keep function names wrap functions in calls of `__name`.
 */
export const WORKER_SOURCE = ["const __name = (f) => f;", runTask, joinJob, awaitNews, serve, `${serve.name}(listen);`].join("\n");
