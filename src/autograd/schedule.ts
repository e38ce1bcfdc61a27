import { Placeholder, type Tensor } from "../tensor/index.ts";
import type { Unit } from "./fusion.ts";

/** How many times smaller than what it reads the output of a unit must be to run as soon as it can. */
const SHRINKS = 2;

/**
 * The units in an order where what makes little of much, as a reduction does, comes right behind what it reads: that is in the
 * cache then, and its memory is free earlier. Units are pure, so the values are the same.
 */
export function reducedSoon(units: readonly Unit[]): Unit[] {
  const maker = new Map<Tensor, number>();
  units.forEach((unit, i) => {
    for (const y of unit.outputs) maker.set(y, i);
  });
  const followers = new Map<number, number[]>();
  const follows = units.map((unit, i) => {
    const made = makerOf(unit, maker);
    if (made === undefined) return false;
    followers.set(made, [...(followers.get(made) ?? []), i]);
    return true;
  });
  const ordered: Unit[] = [];
  const append = (i: number): void => {
    ordered.push(units[i]);
    followers.get(i)?.forEach(append);
  };
  units.forEach((_, i) => {
    if (!follows[i]) append(i);
  });
  return ordered;
}

/** The unit behind which this one may run: that of its only input, where it makes little of it. */
function makerOf({ view, inputs, outputs }: Unit, maker: ReadonlyMap<Tensor, number>): number | undefined {
  const read = inputs.filter((x) => x instanceof Placeholder);
  if (view || read.length !== 1) return undefined;
  const made = outputs.reduce((sum, y) => sum + y.size, 0);
  return SHRINKS * made <= read[0].size ? maker.get(read[0]) : undefined;
}
