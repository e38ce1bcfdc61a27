import { StateError } from "../errors.ts";
import { activeThreads, type ThreadPool } from "./threads.ts";

const PAGE = 65536;
const ALIGN = 64;
/** Bytes kept free behind the last block, so that vector loads may read past the end of any block. */
const SLACK = 4096;
/** A block that does not fit into what is left of an arena. */
export class ArenaFull extends StateError {}

/** A memory the runtime would not reserve. */
export class ArenaRefused extends StateError {}

const homes = new WeakMap<ArrayBufferLike, Arena>();

/** The arena whose memory a buffer is, if it is one. */
export const arenaOf = (buffer: ArrayBufferLike): Arena | undefined => homes.get(buffer);

/**
 * One WebAssembly memory, reserved once and never grown, so that views of it stay valid. Blocks are
 * bump allocated and all freed together by `reset`. Where threads are active when it is made, they share it.
 */
export class Arena {
  /** Reserved sizes in MiB, tried in order: address space only, a page costs memory when it is first written. */
  static readonly SIZES: readonly number[] = [1024, 512, 256, 128, 64];
  readonly memory: WebAssembly.Memory;
  /** The memory as floats. */
  readonly f32: Float32Array;
  /** The memory as 32-bit integers. */
  readonly i32: Int32Array;
  /** The threads that share this memory; undefined where it is this thread's alone. */
  readonly pool: ThreadPool | undefined;
  /** Threads that may run on this memory at once. */
  readonly threads: number;
  #top = ALIGN;

  /** Reserves the largest of the given sizes, in MiB, that the runtime grants. Errors: ArenaRefused where it grants none. */
  constructor(megabytes: readonly number[] = Arena.SIZES) {
    this.pool = activeThreads();
    this.threads = this.pool?.threads ?? 1;
    this.memory = reserve(megabytes, this.pool !== undefined);
    this.f32 = new Float32Array(this.memory.buffer);
    this.i32 = new Int32Array(this.memory.buffer);
    homes.set(this.memory.buffer, this);
  }

  /** Forgets all blocks. */
  reset(): void {
    this.#top = ALIGN;
  }

  /** The address of a 64-byte aligned block with at least 64 bytes free behind it. Errors: ArenaFull where it does not fit. */
  allocate(bytes: number): number {
    const address = this.#top;
    const top = address + Math.ceil(bytes / ALIGN) * ALIGN + ALIGN;
    const end = this.memory.buffer.byteLength - SLACK;
    if (top > end) throw new ArenaFull("arena", `a block must fit into the ${end - address} free bytes, got ${bytes}`);
    this.#top = top;
    return address;
  }

  /** The address of free bytes that hold until anything else runs on this memory or is placed there. Errors: as `allocate`. */
  spare(bytes: number): number {
    const top = this.#top;
    try {
      return this.allocate(bytes);
    } finally {
      this.#top = top;
    }
  }

  /** Copies floats in at a byte address. Any length that fits. */
  write(address: number, values: Float32Array): void {
    this.f32.set(values, address >> 2);
  }

  /** The address behind the last block. */
  get top(): number {
    return this.#top;
  }

  /** A new array with `length` floats from a byte address on. */
  read(address: number, length: number): Float32Array<ArrayBuffer> {
    return this.f32.slice(address >> 2, (address >> 2) + length);
  }
}

function reserve(megabytes: readonly number[], shared: boolean): WebAssembly.Memory {
  if (typeof WebAssembly === "undefined") throw new ArenaRefused("arena", "the runtime must have WebAssembly, got none");
  let refusal: unknown;
  for (const size of megabytes) {
    const pages = (size * 1024 * 1024) / PAGE;
    try {
      return new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      refusal = error;
    }
  }
  throw new ArenaRefused("arena", `must reserve at least ${megabytes[megabytes.length - 1]} MiB of memory, got ${String(refusal)}`);
}

const staging = new WeakMap<ThreadPool, Arena>();
let unshared: Arena | undefined;

/** The arena all eager kernels stage through, one for each pool and one for none; reserved at the first call. */
export function stagingArena(): Arena {
  const pool = activeThreads();
  if (!pool) {
    unshared ??= new Arena();
    return unshared;
  }
  const arena = staging.get(pool) ?? new Arena();
  staging.set(pool, arena);
  return arena;
}
