import { Tensor } from "../../tensor/index.ts";
import type { Target } from "./epilogue.ts";
import { formBytes } from "./finishRecord.ts";
import type { Floats, Memory, Value } from "./step.ts";

const sizeOf = ({ shape }: Value): number => shape.reduce((a, d) => a * d, 1);

/** Bytes of scratch for the float output, which leaves memory as a tensor. */
export const floatBytes = (writes: readonly Value[]): number =>
  writes.reduce((bytes, value) => bytes + (value.form === "float" ? 4 * sizeOf(value) : 0), 0);

/** Where the forms of channel 0 go, planes of `pixels`; floats on their way out begin at `scratch`. */
export const targetsOf = (writes: readonly Value[], memory: Memory, pixels: number, scratch = memory.scratch): Target[] =>
  writes.map((value) => ({ address: value.form === "float" ? scratch : memory.at(value), pitch: formBytes(value.form) * pixels }));

/** Hands the float output over as a tensor. */
export function releaseFloats(writes: readonly Value[], { arena, scratch }: Memory, floats: Floats, address = scratch): void {
  for (const value of writes) {
    if (value.form === "float") floats.set(value.tensor, new Tensor(value.shape, "f32", arena.read(address, sizeOf(value))));
  }
}
