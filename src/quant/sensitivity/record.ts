import type { BitRule } from "../bitRules.ts";
import type { EqualizeRecord } from "../record.ts";
import type { Damage } from "./damage.ts";
import type { High, Item } from "./items.ts";
import type { Ranked } from "./rank.ts";

/** Version of the layout of a sensitivity record. */
export const SENSITIVITY_VERSION = 1;

/** What was found about one tensor, weight or layer. */
export interface SensitivityItem {
  /** Whether it is an activation, a weight or a layer. */
  readonly kind: Item["kind"];
  /** Of the tensor, weight or layer. */
  readonly name: string;
  /** Names of the quantized layers it belongs to. */
  readonly layers: readonly string[];
  /** Bits it has before it is lifted. */
  readonly bits: number;
  /** Elements of the tensor for a batch of one, or of the weight. */
  readonly elements: number;
  /** Of the network in which only this item was changed. */
  readonly damage: Damage;
  /** What lifting it is worth, in units of damage. */
  readonly gain: number;
}

/** What is proposed for a budget. */
export interface Proposal {
  readonly budget: { readonly cost: string; readonly limit: number };
  /** Cost with nothing lifted. */
  readonly start: number;
  /** Cost of the proposal. */
  readonly spent: number;
  /** Names of what is lifted, in the order it was taken. */
  readonly lifted: readonly string[];
  /** Rules that lift it, after the ones the job was given. */
  readonly bits: readonly BitRule[];
}

/** The account of a ranking: what sensitivity.json holds. */
export interface SensitivityRecord {
  /** Of the layout. */
  readonly version: typeof SENSITIVITY_VERSION;
  /** What the file is. */
  readonly kind: "inlierq/sensitivity";
  /** Name of the model. */
  readonly model: string;
  /** Name of the detector card; null where the network had none. */
  readonly detector: string | null;
  /** Name of the method that found the grids. */
  readonly method: string;
  /** Bits, as in "W4A4". */
  readonly scheme: string;
  /** Name of the layer policy. */
  readonly policy: string;
  /** Of every random choice. */
  readonly seed: number;
  /** Names of the samples, in order. */
  readonly samples: readonly string[];
  /** What was done to the float network before; absent where nothing was asked for. */
  readonly equalize?: EqualizeRecord;
  /** Name of the way items were changed. */
  readonly mode: string;
  /** What items are lifted to. */
  readonly high: High;
  /** Version of this library. */
  readonly versions: Readonly<Record<string, string>>;
  /** Damage of the network with everything quantized. */
  readonly whole: Damage;
  /** Most gain first, ties in order of execution. */
  readonly items: readonly SensitivityItem[];
  /** Null where no budget was given. */
  readonly proposal: Proposal | null;
}

/** The account of ranked items, most gain first. */
export function sensitivityItems(ranked: readonly Ranked[]): SensitivityItem[] {
  return [...ranked]
    .sort((a, b) => b.gain - a.gain)
    .map(({ item: { kind, name, layers, bits, elements }, damage, gain }) => ({
      kind,
      name,
      layers: layers.map((l) => l.name),
      bits,
      elements,
      damage,
      gain,
    }));
}

/** Which activation tensors a job lifted by itself, and what share of all elements that took. */
export interface Promotion {
  /** Bits they were lifted to. */
  readonly bits: number;
  /** The share that was allowed, and the one that was spent. */
  readonly limit: number;
  readonly share: number;
  /** Samples the ranking saw. */
  readonly samples: number;
  /** In the order they were taken. */
  readonly tensors: readonly { readonly tensor: string; readonly elements: number; readonly damage: number }[];
}
