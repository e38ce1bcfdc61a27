import type { Arena } from "../../wasm/index.ts";
import type { Activation } from "./activation.ts";
import { entryOf, type Grid } from "./grid.ts";
import type { Lookup } from "./lookup.ts";

/** What becomes of finished sums: codes on a grid, floats as a tensor, or floats stored in the model's memory. */
export type Form = Grid | "float" | "stored";

export const isGrid = (form: Form): form is Grid => typeof form !== "string";

/** Bytes of one value of a form. */
export const formBytes = (form: Form): number => (isGrid(form) ? 1 : 4);

/** How the sums of one layer become the values of its readers. */
export interface Finish {
  readonly activation: Activation;
  readonly forms: readonly Form[];
  /** A table of the one form's codes, where there is one. */
  readonly lookup?: Lookup;
}

/** Bytes of one channel's record: int32 bias, multiplier, float bias, then four entries per form, and three of a table. */
export const recordBytes = ({ forms, lookup }: Finish): number => 4 * (3 + 4 * forms.length + (lookup ? 3 : 0));

/** 1.5 * 2^23: a float of size below 2^22 that is added to it is rounded, half to even, and found in its low bits. */
export const MAGIC = 12582912;
const MAGIC_BITS = 0x4b400000;

/** What turns sums of one channel into reals: (sum + codes) * multiplier + real. */
export interface ChannelBias {
  readonly codes: number;
  readonly multiplier: number;
  readonly real: number;
}

/** Writes the records of all channels, side by side; `table` is the address of the lookup's codes. */
export function writeRecords(arena: Arena, address: number, finish: Finish, channels: readonly ChannelBias[], table = 0): void {
  let at = address >> 2;
  channels.forEach(({ codes, multiplier, real }, c) => {
    arena.i32[at++] = codes;
    arena.f32[at++] = multiplier;
    arena.f32[at++] = real;
    for (const form of finish.forms) {
      if (!isGrid(form)) {
        at += 4;
        continue;
      }
      const zeroPoint = entryOf(form.zeroPoint, c);
      arena.f32[at++] = entryOf(form.scale, c);
      arena.f32[at++] = form.qmin - zeroPoint;
      arena.f32[at++] = form.qmax - zeroPoint;
      arena.i32[at++] = MAGIC_BITS - zeroPoint;
    }
    if (finish.lookup) {
      const { perUnit, low } = finish.lookup;
      arena.f32[at++] = multiplier * perUnit;
      arena.f32[at++] = (real - low) * perUnit;
      arena.i32[at++] = table - MAGIC_BITS;
    }
  });
}
