import { itemBytes, type Meta, type OpEvent, Placeholder, runsInPlace, sizeOf, type Tensor } from "../tensor/index.ts";
import { type Unit, unitsOf, withEpilogues } from "./fusion.ts";
import type { Lifetime } from "./layout.ts";
import { reducedSoon } from "./schedule.ts";
import { record } from "./tape.ts";

/** A pure function as what it runs. */
export interface Recording {
  readonly inputs: readonly Placeholder[];
  /** In execution order; calls whose results nobody needs are left out. */
  readonly units: readonly Unit[];
  readonly outputs: readonly Tensor[];
}

/** Records `f` on placeholders: nothing is computed but what depends on no input. `f` must not read values. */
export function recordFunction(f: (...inputs: Tensor[]) => readonly Tensor[], metas: readonly Meta[]): Recording {
  const inputs = metas.map((meta) => new Placeholder(meta));
  const { value: outputs, tape } = record(() => f(...inputs));
  const needed = new Set(outputs);
  const steps: OpEvent[] = [];
  for (let i = tape.entries.length - 1; i >= 0; i--) {
    const step = tape.entries[i];
    if (!step.outputs.some((y) => needed.has(y) && y instanceof Placeholder)) continue;
    for (const x of step.inputs) needed.add(x);
    steps.unshift(step);
  }
  return { inputs, units: reducedSoon(withEpilogues(unitsOf(steps, outputs))), outputs };
}

/** A buffer shared by tensors that never need different values at the same time. */
export interface Storage extends Lifetime {
  /** What the buffer is for, as error messages name it. */
  readonly name: string;
  readonly constant: boolean;
}

/** Which buffer each tensor of a recording uses. */
export interface Assignment {
  readonly storages: readonly Storage[];
  readonly storageOf: ReadonlyMap<Tensor, number>;
}

const ALIGN = 64;
/** Kept free behind every buffer: kernels read and write whole vectors. */
const MARGIN = 64;

/** Bytes reserved for the values of a tensor. */
export const bytesOf = ({ shape, dtype }: Meta): number => Math.ceil((sizeOf(shape) * itemBytes(dtype)) / ALIGN) * ALIGN + MARGIN;

const ALWAYS = Number.POSITIVE_INFINITY;

type Draft = { -readonly [K in keyof Storage]: Storage[K] };

/**
 * Gives every tensor a buffer: inputs, constants and outputs one that lasts; views that of what they view; a map from
 * element to element that of an input it reads last; anything else one of its own.
 */
export function assignStorage({ inputs, units, outputs }: Recording): Assignment {
  const storages: Draft[] = [];
  const storageOf = new Map<Tensor, number>();
  const constants = new Map<unknown, number>();
  const open = (x: Tensor, name: string, from: number, to: number, constant = false): void => {
    storageOf.set(x, storages.length);
    storages.push({ name: `${name} ${x.toString().split(" ")[0]}`, bytes: bytesOf(x), from, to, constant });
  };
  const needConstant = (x: Tensor): void => {
    if (storageOf.has(x)) return;
    const known = constants.get(x.data);
    if (known !== undefined) return void storageOf.set(x, known);
    constants.set(x.data, storages.length);
    open(x, "constant", -1, ALWAYS, true);
  };
  for (const x of inputs) open(x, "input", -1, ALWAYS);
  const last = lastReads(units, outputs);
  units.forEach((unit, i) => {
    for (const x of unit.inputs) if (!(x instanceof Placeholder)) needConstant(x);
    for (const y of unit.outputs) {
      const over = overwritten(unit, y, i, storages, storageOf);
      if (over === undefined) open(y, unit.name, i, last.get(y) ?? i);
      else {
        storageOf.set(y, over);
        storages[over].to = Math.max(storages[over].to, last.get(y) ?? i);
      }
    }
  });
  for (const y of outputs) if (!(y instanceof Placeholder)) needConstant(y);
  return { storages, storageOf };
}

/** The last unit that reads each tensor; outputs are read for ever. A view passes its reads on to what it views. */
function lastReads(units: readonly Unit[], outputs: readonly Tensor[]): Map<Tensor, number> {
  const last = new Map<Tensor, number>(outputs.map((y) => [y, ALWAYS]));
  for (let i = units.length - 1; i >= 0; i--) {
    const { view, inputs, outputs: ys } = units[i];
    const read = view ? Math.max(i, last.get(ys[0]) ?? i) : i;
    inputs.forEach((x, k) => {
      const reads = k === 0 ? read : i;
      last.set(x, Math.max(last.get(x) ?? -1, reads));
    });
  }
  return last;
}

/** The buffer of an input that output `y` of a unit may take over, if there is one. */
function overwritten(
  { view, calls: [call], chain, epilogue, inputs }: Unit,
  y: Tensor,
  index: number,
  storages: readonly Storage[],
  storageOf: ReadonlyMap<Tensor, number>,
): number | undefined {
  if (view) return storageOf.get(inputs[0]);
  // An epilogue may write over what the call made, but over nothing that other tasks of the call still read.
  const readable = epilogue?.outputs.includes(y) ? call.outputs.slice(0, 1) : inputs;
  if (readable === inputs && !chain && !runsInPlace(call.def.name, call.inputs, call.attrs, call.outputs)) return undefined;
  // What an earlier output of the unit took over lives on beyond it, so nothing is taken twice.
  const found = readable.find((x) => x.size === y.size && x.dtype === y.dtype && storages[storageOf.get(x) as number].to === index);
  return found && storageOf.get(found);
}
