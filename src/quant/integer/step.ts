import type { Tensor } from "../../tensor/index.ts";
import type { Arena } from "../../wasm/index.ts";
import { type Form, isGrid } from "./finishRecord.ts";

/** One tensor of the graph in one of the forms its readers want. */
export interface Value {
  readonly tensor: string;
  readonly form: Form;
  /** Shape with a batch of one. */
  readonly shape: readonly number[];
}

export const keyOf = ({ tensor, form }: Pick<Value, "tensor" | "form">): string => `${tensor}|${isGrid(form) ? form.key : form}`;

/** Float values of a running inference by tensor name; codes and stored floats lie in memory. */
export type Floats = Map<string, Tensor>;

/** A step of a prepared model: reads some values, writes others. */
export interface Step {
  /** The node of the graph it runs, or the tensor it quantizes. */
  readonly name: string;
  /** What it is: "conv", "shift", "depthwise", "gather", "maxPool", "sum", "quantize", "float" or "simulated". */
  readonly kind: string;
  readonly reads: readonly Value[];
  readonly writes: readonly Value[];
  run(floats: Floats): void;
}

/** Where a step finds its data once memory is laid out; addresses in bytes. */
export interface Memory {
  readonly arena: Arena;
  readonly u8: Uint8Array;
  /** Addresses of the step's constants, in their order. */
  readonly constants: readonly number[];
  /** Start of the scratch that all steps share. */
  readonly scratch: number;
  /** Start of the scratch the first thread has for itself, and the bytes from thread to thread. */
  readonly own: { readonly address: number; readonly step: number };
  /** Address of a value's codes. */
  at(value: Value): number;
}

/** A step before memory is laid out. */
export interface Draft extends Omit<Step, "run"> {
  /** Copied into memory once; equal objects share their place. */
  readonly constants: readonly (Int16Array | Int32Array | Uint8Array)[];
  /** Bytes it needs while it runs. */
  readonly scratch: number;
  /** Bytes each thread needs besides; 0 if left out. */
  readonly own?: number;
  bind(memory: Memory): (floats: Floats) => void;
}

/** Addresses of consecutive 64-byte aligned blocks behind `start`, and the bytes they take together. */
export function blocks(start: number, sizes: readonly number[]): { addresses: number[]; bytes: number } {
  let at = start;
  const addresses = sizes.map((size) => {
    const address = at;
    at += aligned(size);
    return address;
  });
  return { addresses, bytes: at - start };
}

/** Vector loads and stores may reach 64 bytes past a block. */
export const aligned = (bytes: number): number => 64 * Math.ceil(bytes / 64) + 64;
