import { Arena, ArenaFull, ArenaRefused, activeThreads } from "../../wasm/index.ts";

/** A memory for kernels that one caller has for itself. */
export type Lease = Arena;

/** The memory that was returned last: its pages are there already, and so are the functions on it. */
let idle: WeakRef<Arena> | undefined;

/** An empty memory until it is returned; undefined where the runtime refuses one. */
export function borrowArena(): Lease | undefined {
  const known = idle?.deref();
  idle = undefined;
  if (known && known.pool === activeThreads()) {
    known.reset();
    return known;
  }
  return unless(ArenaRefused, () => new Arena());
}

/** Hands a memory on to the next who borrows one: nothing in it may be used any more. */
export function returnArena(arena: Lease): void {
  idle = new WeakRef(arena);
}

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
