import { ArgumentError, ShapeError, StateError } from "../errors.ts";
import {
  type Block,
  chainEpilogue,
  formatShape,
  type Meta,
  placeCall,
  placeCallWith,
  placeChain,
  type Room,
  type Run,
  residentBlock,
  sameShape,
  Tensor,
} from "../tensor/index.ts";
import { type Arena, ArenaFull, borrowArena, returnArena } from "../wasm/index.ts";
import type { Unit } from "./fusion.ts";
import { type Layout, planOffsets } from "./layout.ts";
import { type Assignment, assignStorage, type Recording, recordFunction, type Storage } from "./recording.ts";

const MIB = 1024 * 1024;
/** A memory has 65535 pages of 64 KiB at most. */
const LARGEST = 4095;
/** Kept free at the very end, so that vector loads may read past the last scratch block. */
const SLACK = 8192;
const LARGEST_NAMED = 3;

/**
 * A recorded function in a memory of its own: every intermediate has its place, a run reads and writes it there and
 * allocates no tensor. The bits are those of the same calls made eagerly.
 */
export class Program {
  /** Shape and dtype of every input, in the order of the arguments. */
  readonly inputs: readonly Meta[];
  /** Shape and dtype of every output, in the order of the results. */
  readonly outputs: readonly Meta[];
  /** Bytes of all planned buffers. */
  readonly bytes: number;
  readonly #inputs: readonly Block[];
  readonly #outputs: readonly Block[];
  readonly #written: (Tensor | undefined)[];
  readonly #runs: readonly Run[];
  readonly #arena: Arena;

  /**
   * Records `f` for inputs of these shapes and dtypes.
   *
   * Errors: StateError where `f` reads values or needs more memory than there can be; ArenaRefused, a StateError, where
   * the runtime does not give that much.
   */
  constructor(f: (...inputs: Tensor[]) => readonly Tensor[], inputs: readonly Meta[]) {
    const recording = recordFunction(f, inputs);
    const assignment = assignStorage(recording);
    const layout = planOffsets(assignment.storages);
    const placed = placeAll(recording, assignment, layout);
    this.inputs = inputs.map(({ shape, dtype }) => ({ shape, dtype }));
    this.outputs = recording.outputs.map(({ shape, dtype }) => ({ shape, dtype }));
    this.bytes = layout.bytes;
    this.#inputs = recording.inputs.map(placed.blockOf);
    this.#outputs = recording.outputs.map(placed.blockOf);
    this.#written = inputs.map(() => undefined);
    this.#runs = placed.runs;
    this.#arena = placed.arena;
  }

  /**
   * Gives input `index` its values for the runs to come. A tensor that is there already is not copied again. Errors:
   * ShapeError for another shape or dtype, ArgumentError for an index out of range.
   */
  write(index: number, x: Tensor): void {
    const block = this.#at("write", this.#inputs, index);
    if (x.dtype !== block.dtype || !sameShape(x.shape, block.shape)) {
      const want = `${block.dtype}${formatShape(block.shape)}`;
      throw new ShapeError("program.write", `input ${index} must be ${want}, got ${x.dtype}${formatShape(x.shape)}`);
    }
    if (this.#written[index] === x) return;
    block.data.set(x.data);
    this.#written[index] = x;
  }

  /** Gives input `index` plain numbers for the runs to come. */
  fill(index: number, values: readonly number[]): void {
    const { data } = this.#at("fill", this.#inputs, index);
    for (let i = 0; i < data.length; i++) data[i] = values[i];
    this.#written[index] = undefined;
  }

  /** Hands the memory on to the next program: this one, and views of its results, may not be used any more. */
  release(): void {
    returnArena(this.#arena);
  }

  /** Runs every step on the inputs as they are. */
  run(): void {
    for (let i = 0; i < this.#runs.length; i++) this.#runs[i]();
  }

  /** The values of output `index` after the last run, copied. Shape as in `outputs`. */
  read(index: number): Tensor {
    const { shape, dtype, data } = this.#at("read", this.#outputs, index);
    return new Tensor(shape, dtype, data.slice());
  }

  /**
   * The values of output `index` where they lie, without a copy: true until the next run, and not to be kept beyond it.
   * Shape as in `outputs`.
   */
  view(index: number): Tensor {
    const { shape, dtype, data } = this.#at("view", this.#outputs, index);
    return new Tensor(shape, dtype, data);
  }

  /**
   * Makes output `output` the values of input `input` for the next run: what an iteration carries from step to step.
   * Errors: ShapeError where the two differ, ArgumentError for an index out of range.
   */
  carry(output: number, input: number): void {
    const from = this.#at("carry", this.#outputs, output);
    const to = this.#at("carry", this.#inputs, input);
    if (from.dtype !== to.dtype || !sameShape(from.shape, to.shape)) {
      const want = `${to.dtype}${formatShape(to.shape)}`;
      throw new ShapeError("program.carry", `output ${output} must be ${want}, got ${from.dtype}${formatShape(from.shape)}`);
    }
    to.data.set(from.data);
    this.#written[input] = undefined;
  }

  #at(what: string, blocks: readonly Block[], index: number): Block {
    const block = blocks[index];
    if (!block) throw new ArgumentError(`program.${what}`, `the index must be in [0, ${blocks.length}), got ${index}`);
    return block;
  }
}

interface Placed {
  readonly arena: Arena;
  readonly runs: readonly Run[];
  blockOf(x: Tensor): Block;
}

/** Programs of more MiB than this reserve ROOM: address space only, and the larger ones after them take their memory over. */
const SMALL = 16;
const ROOM = 1024;

/** Places everything in a memory, larger ones until the tables of the kernels fit as well. */
function placeAll(recording: Recording, assignment: Assignment, layout: Layout): Placed {
  const needed = Math.ceil(layout.bytes / MIB);
  if (needed >= LARGEST) throw tooLarge(assignment.storages, layout.bytes);
  for (let size = needed + 8; ; size = Math.min(2 * size, LARGEST)) {
    const arena = borrowArena(size, needed > SMALL && size < ROOM ? [ROOM, size] : [size]);
    try {
      return placeIn(arena, recording, assignment, layout);
    } catch (error) {
      returnArena(arena);
      if (!(error instanceof ArenaFull)) throw error;
      if (size >= LARGEST) throw tooLarge(assignment.storages, layout.bytes);
    }
  }
}

function placeIn(arena: Arena, { units }: Recording, { storages, storageOf }: Assignment, layout: Layout): Placed {
  const pool = arena.allocate(layout.bytes);
  const blocks = new Map<Tensor, Block>();
  const blockOf = (x: Tensor): Block => {
    const known = blocks.get(x);
    if (known) return known;
    const index = storageOf.get(x) as number;
    const block = residentBlock(arena, x, pool + layout.offsets[index], storages[index].constant);
    if (block.constant) block.data.set(x.data);
    blocks.set(x, block);
    return block;
  };
  const { room, reset, check } = roomBehind(arena);
  const runs = units
    .filter(({ view }) => !view)
    .map((unit) => {
      reset();
      return placeUnit(room, unit, blockOf);
    });
  check();
  return { arena, runs, blockOf };
}

function placeUnit(room: Room, { calls: [call], chain, epilogue, inputs, outputs }: Unit, blockOf: (x: Tensor) => Block): Run {
  if (chain) return placeChain(room.arena, chain, outputs[0].size, inputs.map(blockOf), outputs.map(blockOf));
  const placement = { ...room, inputs: call.inputs.map(blockOf), outputs: call.outputs.map(blockOf), attrs: call.attrs };
  if (!epilogue) return placeCall(call.def, placement);
  const [from, to] = [epilogue.inputs.map(blockOf), epilogue.outputs.map(blockOf)];
  const size = call.outputs[0].size;
  const fused = placeCallWith(call.def, placement, chainEpilogue(room.arena, epilogue.chain, size, from, to));
  if (fused) return fused;
  const [first, then] = [placeCall(call.def, placement), placeChain(room.arena, epilogue.chain, size, from, to)];
  return () => {
    first();
    then();
  };
}

/** Tables grow from the front; scratch, which all steps share, from the back. */
function roomBehind(arena: Arena): { room: Room; reset(): void; check(): void } {
  const end = arena.memory.buffer.byteLength - SLACK;
  let lowest = end;
  let cursor = end;
  const check = (): void => {
    if (arena.top > lowest)
      throw new ArenaFull("program", `tables and scratch must fit behind the buffers, got ${arena.top - lowest} bytes more`);
  };
  const room: Room = {
    arena,
    table(bytes) {
      const address = arena.allocate(bytes);
      check();
      return address;
    },
    scratch(bytes) {
      cursor -= Math.ceil(bytes / 64) * 64 + 64;
      lowest = Math.min(lowest, cursor);
      check();
      return cursor;
    },
  };
  return { room, check, reset: () => (cursor = end) };
}

function tooLarge(storages: readonly Storage[], bytes: number): StateError {
  const largest = [...storages].sort((a, b) => b.bytes - a.bytes).slice(0, LARGEST_NAMED);
  const named = largest.map(({ name, bytes: size }) => `${name} (${Math.ceil(size / MIB)} MiB)`).join(", ");
  return new StateError(
    "compile",
    `the buffers of a function and the tables of its kernels must fit into ${LARGEST} MiB, got ${Math.ceil(bytes / MIB)} (largest: ${named}; use a smaller batch)`,
  );
}
