import { type Arena, arenaOf, stagingArena } from "../../wasm/index.ts";
import { placeIfFits } from "./lease.ts";

/** Floats where kernels reach them. */
export interface Resident {
  readonly arena: Arena;
  readonly address: number;
  /** Byte address of room for results. */
  readonly room: number;
}

/**
 * Floats with `bytes` of room for results: where they lie if that is a memory of kernels, else copied to one. It all holds
 * until the next kernel runs; undefined where they do not fit.
 */
export function reside(x: Float32Array, bytes: number): Resident | undefined {
  const home = arenaOf(x.buffer);
  return placeIfFits(() => {
    if (home) return { arena: home, address: x.byteOffset, room: home.spare(bytes) };
    const arena = stagingArena();
    arena.reset();
    const [address, room] = [arena.allocate(x.byteLength), arena.allocate(bytes)];
    arena.write(address, x);
    return { arena, address, room };
  });
}
