import type { Tensor } from "../../tensor/index.ts";
import type { Plan, SitePlan } from "../plan.ts";
import type { UnitRecord } from "./reconstruction.ts";

/** What learning one unit changed in the plan, and its account. */
export interface UnitEntry {
  /** The account of the unit. */
  readonly record: UnitRecord;
  /** Learned weights by name. */
  readonly tuned: ReadonlyMap<string, Tensor>;
  /** Grids of weights that differ from before, by name. */
  readonly weights: ReadonlyMap<string, SitePlan>;
  /** Grids of activations that differ from before, by name. */
  readonly activations: ReadonlyMap<string, SitePlan>;
  /** Learned biases by name of the layer. */
  readonly biases: ReadonlyMap<string, Tensor>;
}

/** Units that are finished: what an interrupted run wrote down and a later one takes over. */
export interface Journal {
  /** The entry of a unit, if it was finished. */
  find(stage: string, unit: string): UnitEntry | undefined;
  /** Writes down a finished unit, and the milliseconds that its stage has taken so far, earlier runs included. */
  add(entry: UnitEntry, milliseconds: number): void;
  /** Milliseconds that earlier runs spent on a stage. */
  spent(stage: string): number;
}

/** What of `after` is not in `before`. */
export function entryOf(record: UnitRecord, before: Plan, after: Plan): UnitEntry {
  const changed = <V>(a: ReadonlyMap<string, V>, b: ReadonlyMap<string, V>): Map<string, V> =>
    new Map([...b].filter(([name, value]) => a.get(name) !== value));
  return {
    record,
    tuned: changed(before.tuned, after.tuned),
    weights: changed(before.weights, after.weights),
    activations: changed(before.activations, after.activations),
    biases: changed(before.biases, after.biases),
  };
}

/** The plan with an entry's changes. */
export const withEntry = (plan: Plan, { tuned, weights, activations, biases }: UnitEntry): Plan => ({
  ...plan,
  tuned: new Map([...plan.tuned, ...tuned]),
  weights: new Map([...plan.weights, ...weights]),
  activations: new Map([...plan.activations, ...activations]),
  biases: new Map([...plan.biases, ...biases]),
});
