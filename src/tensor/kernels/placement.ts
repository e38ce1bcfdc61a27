import { type Arena, ArenaFull, type Entry, type Step, stagingArena } from "../../wasm/index.ts";
import { sizeOf } from "../shape.ts";
import { allocate, type Data, dataAt, itemBytes, type Meta, Tensor } from "../tensor.ts";
import type { FastKernel } from "./index.ts";

/** One tensor of a placed call. Its values lie at both places a kernel may ask for; a kernel uses one of them. */
export interface Block extends Meta {
  /** A view of the elements, `shape` in row-major order. */
  readonly data: Data;
  /** Byte address in the arena; 64 bytes behind the last value may be read, and overwritten where the block is an output. */
  readonly address: number;
  /** Whether the values stay the same for as long as the call is placed. */
  readonly constant: boolean;
  /** Whether the values are in the arena anyway: then `data` is a view of it, and the address costs nothing. */
  readonly resident: boolean;
}

/** Where a kernel may put what it needs besides inputs and outputs. */
export interface Room {
  /** The memory that blocks are allocated in. */
  readonly arena: Arena;
  /** Bytes that keep their contents for as long as the call is placed: offset tables, packed constants. */
  table(bytes: number): number;
  /** Bytes that hold nothing from one run to the next. */
  scratch(bytes: number): number;
}

/** Scratch that every thread has for itself: that of thread t lies at `address + t * step`. */
export interface PerThread {
  readonly address: number;
  readonly step: number;
}

/** Scratch of this many bytes for each thread that may run at once. */
export function perThread(room: Room, bytes: number): PerThread {
  const step = Math.ceil(bytes / 64) * 64;
  return { address: room.scratch(step * room.arena.threads), step };
}

/** An argument that is the same for all threads, or scratch that each has for itself. */
export type Argument = number | PerThread;

/** `bytes` behind an argument. */
export const behind = (at: Argument, bytes: number): Argument =>
  typeof at === "number" ? at + bytes : { address: at.address + bytes, step: at.step };

/** One call with the given arguments. */
export function stepOf(entry: Entry, values: readonly Argument[]): Step {
  const args: number[] = [];
  const perThread: number[] = [];
  for (const value of values) {
    const shared = typeof value === "number";
    args.push(shared ? value : value.address);
    perThread.push(shared ? 0 : value.step);
  }
  return { entry, args, perThread };
}

/** A call before its values are known: where they will lie when it runs. */
export interface Placement extends Room {
  /** The operands, in the order of the op. */
  readonly inputs: readonly Block[];
  /** The results, in the order of the op. */
  readonly outputs: readonly Block[];
  /** The attributes of the call, as the op's definition types them. */
  readonly attrs: unknown;
}

/** What a task wrote of an output: `rows` runs of `count` elements, `pitch` elements apart, the first of them element `first`. */
export interface Region {
  readonly first: number;
  readonly count: number;
  readonly rows: number;
  readonly pitch: number;
}

/** Steps that a task ends with, on what it wrote and nothing else: other tasks write around it. */
export type Epilogue = (region: Region) => readonly Step[];

/** The epilogue that does nothing. */
export const none: Epilogue = () => [];

/** Number of elements of a block. */
export const countOf = (block: Meta): number => sizeOf(block.shape);

/** Whether every block holds f32 values: other dtypes run the reference. */
export const allFloat = (blocks: readonly Meta[]): boolean => blocks.every(({ dtype }) => dtype === "f32");

/** The values of an f32 block. */
export const floatsOf = (block: Block): Float32Array => block.data as Float32Array;

/** A tensor of a call that runs once: it is brought into the arena when a kernel first asks for its address. */
class StagedInput implements Block {
  readonly shape: readonly number[];
  readonly dtype: Meta["dtype"];
  readonly data: Data;
  readonly constant = true;
  readonly resident = false;
  readonly #arena: Arena;
  #address: number | undefined;

  constructor(arena: Arena, { shape, dtype, data }: Tensor) {
    this.#arena = arena;
    this.shape = shape;
    this.dtype = dtype;
    this.data = data;
  }

  get address(): number {
    if (this.#address === undefined) {
      this.#address = this.#arena.allocate(this.data.byteLength);
      if (this.dtype === "f32") this.#arena.write(this.#address, this.data as Float32Array);
      else dataAt(this.#arena.memory.buffer, this.dtype, this.#address, this.data.length).set(this.data);
    }
    return this.#address;
  }
}

/** The output of a call that runs once: a fresh array, or read out of the arena where the kernel wrote it there. */
class StagedOutput implements Block {
  readonly shape: readonly number[];
  readonly dtype: Meta["dtype"];
  readonly constant = false;
  readonly resident = false;
  readonly #arena: Arena;
  #address: number | undefined;
  #data: Data | undefined;

  constructor(arena: Arena, { shape, dtype }: Meta) {
    this.#arena = arena;
    this.shape = shape;
    this.dtype = dtype;
  }

  get address(): number {
    this.#address ??= this.#arena.allocate(itemBytes(this.dtype) * countOf(this));
    return this.#address;
  }

  get data(): Data {
    this.#data ??= allocate(this.dtype, countOf(this));
    return this.#data;
  }

  take(): Tensor {
    return new Tensor(this.shape, this.dtype, this.#address === undefined ? this.data : this.#read(this.#address));
  }

  #read(address: number): Data {
    if (this.dtype === "f32") return this.#arena.read(address, countOf(this));
    return dataAt(this.#arena.memory.buffer, this.dtype, address, countOf(this)).slice();
  }
}

/**
 * Runs one call through the shared arena: inputs are copied in, outputs read out. Undefined where the kernel does not
 * support the call or its blocks do not fit, so that the reference runs.
 */
export function runOnce(kernel: FastKernel, inputs: readonly Tensor[], attrs: unknown, metas: readonly Meta[]): Tensor[] | undefined {
  if (kernel.accepts && !kernel.accepts(inputs, attrs)) return undefined;
  const arena = stagingArena();
  arena.reset();
  try {
    if (isFlat(kernel, inputs, attrs, metas) && countOf(metas[0]) > CHUNK) return runChunked(arena, kernel, inputs, attrs, metas);
    const outputs = metas.map((meta) => new StagedOutput(arena, meta));
    const blocks = inputs.map((x) => new StagedInput(arena, x));
    const { table, scratch } = roomIn(arena);
    const run = kernel.place({ arena, table, scratch, inputs: blocks, outputs, attrs });
    if (!run) return undefined;
    run();
    return outputs.map((y) => y.take());
  } catch (error) {
    if (error instanceof ArenaFull) return undefined;
    throw error;
  }
}

const rooms = new WeakMap<Arena, Room>();

/** All room of an arena, made once: small calls come often. */
function roomIn(arena: Arena): Room {
  let room = rooms.get(arena);
  if (!room) {
    const take = (bytes: number): number => arena.allocate(bytes);
    room = { arena, table: take, scratch: take };
    rooms.set(arena, room);
  }
  return room;
}

/** Floats that pass through the arena at once: they stay in the second-level cache. */
const CHUNK = 32768;

/** Whether each element of the output depends on one element of every long input: all have its size, or one element. */
export function isFlat(kernel: FastKernel, inputs: readonly Meta[], attrs: unknown, [y]: readonly Meta[]): boolean {
  if (y === undefined || !kernel.elementwise?.(attrs) || !allFloat([...inputs, y])) return false;
  return inputs.every((x) => countOf(x) === countOf(y) || countOf(x) === 1);
}

/** An elementwise call piece by piece, each in the place of the one before. */
function runChunked(
  arena: Arena,
  kernel: FastKernel,
  inputs: readonly Tensor[],
  attrs: unknown,
  [meta]: readonly Meta[],
): Tensor[] | undefined {
  const size = sizeOf(meta.shape);
  const long = inputs.filter((x) => x.size === size);
  const piece = Math.floor(CHUNK / long.length);
  const addresses = inputs.map((x) => arena.allocate(4 * Math.min(x.size, piece)));
  inputs.forEach((x, i) => {
    if (x.size === 1) arena.write(addresses[i], x.data as Float32Array);
  });
  const target = addresses[inputs.indexOf(long[0])];
  const placed = (count: number) => {
    const blocks = inputs.map((x, i) => residentBlock(arena, { shape: [x.size === 1 ? 1 : count], dtype: "f32" }, addresses[i], true));
    return kernel.place({
      ...roomIn(arena),
      inputs: blocks,
      outputs: [residentBlock(arena, { shape: [count], dtype: "f32" }, target, false)],
      attrs,
    });
  };
  const runPiece = placed(piece);
  const runRest = size % piece === 0 ? runPiece : placed(size % piece);
  if (!runPiece || !runRest) return undefined;
  const y = new Float32Array(size);
  for (let from = 0; from < size; from += piece) {
    const to = Math.min(from + piece, size);
    inputs.forEach((x, i) => {
      if (x.size === size) arena.write(addresses[i], (x.data as Float32Array).subarray(from, to));
    });
    (to - from === piece ? runPiece : runRest)();
    y.set(arena.f32.subarray(target >> 2, (target >> 2) + to - from), from);
  }
  return [new Tensor(meta.shape, "f32", y)];
}

/** A block that lies in the arena. */
export function residentBlock(arena: Arena, { shape, dtype }: Meta, address: number, constant: boolean): Block {
  return { shape, dtype, address, constant, resident: true, data: dataAt(arena.memory.buffer, dtype, address, sizeOf(shape)) };
}
