import type { Tensor } from "../../tensor/index.ts";

/** A tensor put away: `get` gives it back, `drop` frees its place. */
export interface Kept {
  /** The tensor as it was put. Shape: as then. Errors: StateError where it was dropped and its values are gone. */
  get(): Tensor;
  /** Lets go of it. */
  drop(): void;
}

/** Where activations wait until their unit learns. Values come back as they were put. */
export interface Shelf {
  /** Puts a tensor away. Shape: any. */
  put(x: Tensor): Kept;
  /** Bytes it keeps in memory at most; absent: all of them. */
  readonly memory?: number;
}

/** Keeps everything in memory. */
export const memoryShelf: Shelf = { put: (x) => ({ get: () => x, drop() {} }) };

/** Keeps up to `bytes` in memory and hands the rest to `beyond`. */
export function boundedShelf(bytes: number, beyond: Shelf): Shelf {
  let used = 0;
  return {
    memory: bytes,
    put(x) {
      const size = x.data.byteLength;
      if (used + size > bytes) return beyond.put(x);
      used += size;
      return {
        get: () => x,
        drop() {
          used -= size;
        },
      };
    },
  };
}
