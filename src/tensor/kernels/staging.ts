import { type Arena, ArenaFull, sharedArena } from "../../wasm/index.ts";
import type { Tensor } from "../tensor.ts";

/** The storage of all tensors if every one is f32, else undefined: other dtypes run the reference. */
export function floats(inputs: readonly Tensor[]): Float32Array[] | undefined {
  const arrays: Float32Array[] = [];
  for (const { data } of inputs) {
    if (!(data instanceof Float32Array)) return undefined;
    arrays.push(data);
  }
  return arrays;
}

/** Runs a kernel in the empty arena; undefined where its blocks do not fit, so that the reference runs. */
export function staged(f: (arena: Arena) => Tensor[]): Tensor[] | undefined {
  const arena = sharedArena();
  arena.reset();
  try {
    return f(arena);
  } catch (error) {
    if (error instanceof ArenaFull) return undefined;
    throw error;
  }
}

/** Copies floats into a new block. */
export function stage(arena: Arena, values: Float32Array): number {
  const address = arena.allocate(4 * values.length);
  arena.write(address, values);
  return address;
}
