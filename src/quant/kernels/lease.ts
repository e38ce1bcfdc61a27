import { Arena, ArenaFull, ArenaRefused, borrowArena, returnArena } from "../../wasm/index.ts";

/** A memory for kernels that one caller has for itself. */
export type Lease = Arena;

/** An empty memory until it is returned; undefined where the runtime refuses one. */
export const borrowLease = (): Lease | undefined => unless(ArenaRefused, () => borrowArena(Arena.SIZES[0]));

/** Hands a memory on to the next who borrows one: nothing in it may be used any more. */
export const returnLease = (lease: Lease): void => returnArena(lease);

/** What `place` places in a memory, or undefined where that is too small. */
export const placeIfFits = <T>(place: () => T): T | undefined => unless(ArenaFull, place);

function unless<T>(kind: new (...args: never[]) => Error, f: () => T): T | undefined {
  try {
    return f();
  } catch (error) {
    if (error instanceof kind) return undefined;
    throw error;
  }
}
