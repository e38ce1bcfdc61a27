import { Arena } from "./arena.ts";
import { activeThreads } from "./threads.ts";

/** Memories that were returned. Held weakly: where the runtime wants one back, it takes it. */
const idle = new Set<WeakRef<Arena>>();

const MIB = 1024 * 1024;

/**
 * A memory for one caller alone, until it is returned: the smallest returned one of at least `least` MiB, else a new one of
 * the first of the given sizes that the runtime grants (MiB; default those of `Arena`). A returned one comes with its pages
 * and the functions on it; what its blocks hold is anything. Errors: as `Arena`.
 */
export function borrowArena(least: number, megabytes?: readonly number[]): Arena {
  const pool = activeThreads();
  let best: { readonly ref: WeakRef<Arena>; readonly arena: Arena } | undefined;
  for (const ref of idle) {
    const arena = ref.deref();
    if (!arena) idle.delete(ref);
    else if (arena.pool === pool && sizeOf(arena) >= least && !(best && sizeOf(best.arena) <= sizeOf(arena))) best = { ref, arena };
  }
  if (!best) return new Arena(megabytes);
  idle.delete(best.ref);
  best.arena.reset();
  return best.arena;
}

/** Hands a memory on to the next who borrows one: nothing in it may be used any more. */
export function returnArena(arena: Arena): void {
  for (const ref of idle) if (ref.deref() === arena) return;
  idle.add(new WeakRef(arena));
}

const sizeOf = ({ memory }: Arena): number => memory.buffer.byteLength / MIB;
