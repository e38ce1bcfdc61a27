import { Arena, activeThreads } from "../../wasm/index.ts";
import { formBytes } from "./finishRecord.ts";
import { aligned, type Draft, keyOf, type Memory, type Step, type Value } from "./step.ts";

const START = 64;
const SLACK = 8192;
const MEGABYTE = 1024 * 1024;
/** Room for the lists of tasks that threads share. */
const TASKS = 8 * MEGABYTE;

/** Codes of one value; floats live outside the memory. */
const bytesOf = ({ form, shape }: Value): number => (form === "float" ? 0 : formBytes(form) * shape.reduce((a, d) => a * d, 1));

/** Addresses of blocks that come and go; a freed block is given away again, smallest fit first. */
class Pool {
  #free: { address: number; bytes: number }[] = [];
  #top: number;

  constructor(start: number) {
    this.#top = start;
  }

  get top(): number {
    return this.#top;
  }

  take(bytes: number): number {
    const fitting = this.#free.filter((b) => b.bytes >= bytes).sort((a, b) => a.bytes - b.bytes || a.address - b.address)[0];
    if (!fitting) {
      const address = this.#top;
      this.#top += bytes;
      return address;
    }
    const address = fitting.address;
    this.#free = this.#free.filter((b) => b !== fitting);
    if (fitting.bytes > bytes) this.#free.push({ address: address + bytes, bytes: fitting.bytes - bytes });
    return address;
  }

  give(address: number, bytes: number): void {
    const before = this.#free.find((b) => b.address + b.bytes === address);
    const after = this.#free.find((b) => b.address === address + bytes);
    this.#free = this.#free.filter((b) => b !== before && b !== after);
    const start = before?.address ?? address;
    this.#free.push({ address: start, bytes: (after ? after.address + after.bytes : address + bytes) - start });
  }
}

/** Index of the last step that touches each value. */
function lastUses(drafts: readonly Draft[]): Map<string, number> {
  const last = new Map<string, number>();
  drafts.forEach(({ reads, writes }, i) => {
    for (const value of [...reads, ...writes]) last.set(keyOf(value), i);
  });
  return last;
}

/** Addresses of all code values: one that is read later never shares bytes with one that is written before that. */
function placeValues(drafts: readonly Draft[], pool: Pool): Map<string, number> {
  const last = lastUses(drafts);
  const places = new Map<string, number>();
  drafts.forEach(({ reads, writes }, i) => {
    for (const value of writes) {
      if (value.form !== "float") places.set(keyOf(value), pool.take(aligned(bytesOf(value))));
    }
    const touched = new Map([...reads, ...writes].map((value) => [keyOf(value), value]));
    for (const [key, value] of touched) {
      const address = places.get(key);
      if (address !== undefined && last.get(key) === i) pool.give(address, aligned(bytesOf(value)));
    }
  });
  return places;
}

/** The finished steps in their memory. */
export interface Placed {
  readonly steps: readonly Step[];
  readonly arena: Arena;
  readonly addresses: ReadonlyMap<string, number>;
  /** Bytes of memory in use: packed weights and tables, codes, scratch. */
  readonly bytes: { readonly constants: number; readonly codes: number; readonly scratch: number };
}

/** Lays out constants, codes and scratch in one memory of just the size they need, and binds the steps to it. */
export function place(drafts: readonly Draft[]): Placed {
  const constants = new Map<Draft["constants"][number], number>();
  let top = START;
  for (const array of drafts.flatMap((d) => d.constants)) {
    if (constants.has(array)) continue;
    constants.set(array, top);
    top += aligned(array.byteLength);
  }
  const pool = new Pool(top);
  const addresses = placeValues(drafts, pool);
  const threads = activeThreads()?.threads ?? 1;
  const scratch = Math.max(0, ...drafts.map((d) => aligned(d.scratch) + threads * aligned(d.own ?? 0)));
  const arena = new Arena([Math.ceil((pool.top + scratch + TASKS + SLACK) / MEGABYTE)]);
  // The arena's own blocks, which hold the tasks of threads, begin behind everything else.
  arena.allocate(pool.top + scratch);
  const u8 = new Uint8Array(arena.memory.buffer);
  for (const [array, address] of constants) u8.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), address);
  const steps = drafts.map((draft): Step => {
    const memory: Memory = {
      arena,
      u8,
      constants: draft.constants.map((array) => constants.get(array)!),
      scratch: pool.top,
      own: { address: pool.top + aligned(draft.scratch), step: aligned(draft.own ?? 0) },
      at: (value) => addresses.get(keyOf(value))!,
    };
    const { name, kind, reads, writes } = draft;
    return { name, kind, reads, writes, run: draft.bind(memory) };
  });
  return { steps, arena, addresses, bytes: { constants: top - START, codes: pool.top - top, scratch } };
}
