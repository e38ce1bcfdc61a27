import { type GraphInput, runNode } from "../../graph/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { tapOf } from "../plan.ts";
import { codesOf, entryOf, type Grid, isPerChannel, isSigned } from "./grid.ts";
import type { IntegerModel } from "./prepare.ts";
import { keyOf, type Step, type Value } from "./step.ts";

/** A float value this close to the middle between two codes, in steps of its grid, may fall on either. */
export const BOUNDARY = 1e-3;

/** How the codes one step wrote compare with those of the simulation. */
export interface SiteEquality {
  /** Name of the tensor whose codes are compared. */
  readonly tensor: string;
  readonly step: string;
  /** The step that writes it. */
  readonly kind: string;
  readonly codes: number;
  /** Codes that are the same. */
  readonly identical: number;
  /** One code apart, where the simulation's float value lies within `BOUNDARY` of the middle between the two. */
  readonly boundary: number;
  /** Everything else: must be 0. */
  readonly violations: number;
}

/** How the float outputs of one step compare: the largest difference, and the largest value it stands against. */
export interface FloatCloseness {
  /** Name of the float tensor that is compared. */
  readonly tensor: string;
  readonly step: string;
  readonly difference: number;
  readonly largest: number;
}

/** What `proveEquality` counted. */
export interface Equality {
  /** One entry for each tensor of codes, in order of execution. */
  readonly sites: readonly SiteEquality[];
  /** One entry for each float tensor, in order of execution. */
  readonly floats: readonly FloatCloseness[];
  /** Codes compared, all together. */
  readonly codes: number;
  /** Those that are the same. */
  readonly identical: number;
  /** Those one apart because a float sum lies on a rounding boundary. */
  readonly boundary: number;
  /** Those that differ for no such reason: must be 0. */
  readonly violations: number;
}

/**
 * Runs the float simulation and the integer steps side by side on one image and compares everything each step writes.
 * Every step starts from the simulation's own values, so that a code on a rounding boundary, which float sums may put
 * either way, is judged where it arises and not in everything behind it.
 *
 * Shape: x [1, ...], as the graph's input says.
 */
export function proveEquality(model: IntegerModel, x: GraphInput): Equality {
  const simulated = simulate(model, x);
  const sites: SiteEquality[] = [];
  const closeness: FloatCloseness[] = [];
  for (const step of model.steps) {
    const floats = new Map<string, Tensor>();
    for (const value of step.reads) give(model, value, simulated, floats);
    step.run(floats);
    for (const value of step.writes) {
      const expected = simulated.get(value.tensor)!;
      if (value.form === "float") closeness.push(closenessOf(step, value.tensor, floats.get(value.tensor)!.data, expected));
      else if (value.form === "stored") closeness.push(closenessOf(step, value.tensor, storedIn(model, value), expected));
      else sites.push(equalityOf(step, value.tensor, codesIn(model, value, value.form), expected, value.form));
    }
  }
  const total = (key: "codes" | "identical" | "boundary" | "violations"): number => sites.reduce((sum, s) => sum + s[key], 0);
  return {
    sites,
    floats: closeness,
    codes: total("codes"),
    identical: total("identical"),
    boundary: total("boundary"),
    violations: total("violations"),
  };
}

/** Every tensor of the simulation. */
function simulate({ graph, plan }: IntegerModel, x: GraphInput): Map<string, Tensor> {
  const tap = tapOf(graph, plan);
  const all = graph.begin(x, tap);
  for (const node of graph.nodes) runNode(graph, node, all, tap);
  return all;
}

/** Puts a value where a step will read it. */
function give({ memory }: IntegerModel, value: Value, simulated: ReadonlyMap<string, Tensor>, floats: Map<string, Tensor>): void {
  const x = simulated.get(value.tensor)!;
  if (value.form === "float") {
    floats.set(value.tensor, x);
    return;
  }
  if (value.form === "stored") {
    storedIn({ memory }, value).set(x.data);
    return;
  }
  const codes = codesOf(x, value.form);
  new Uint8Array(memory.arena.memory.buffer).set(new Uint8Array(codes.buffer), memory.addresses.get(keyOf(value))!);
}

/** The floats a value has in memory. */
const storedIn = ({ memory }: Pick<IntegerModel, "memory">, value: Value): Float32Array =>
  new Float32Array(
    memory.arena.memory.buffer,
    memory.addresses.get(keyOf(value))!,
    value.shape.reduce((a, d) => a * d, 1),
  );

/** The codes a value has in memory. */
export function codesIn({ memory }: Pick<IntegerModel, "memory">, value: Value, grid: Grid): Int8Array | Uint8Array {
  const address = memory.addresses.get(keyOf(value))!;
  const size = value.shape.reduce((a, d) => a * d, 1);
  const bytes = memory.arena.memory.buffer.slice(address, address + size);
  return isSigned(grid) ? new Int8Array(bytes) : new Uint8Array(bytes);
}

function equalityOf(step: Step, tensor: string, codes: Int8Array | Uint8Array, x: Tensor, grid: Grid): SiteEquality {
  const expected = codesOf(x, grid);
  const inner = isPerChannel(grid) ? x.shape.slice(2).reduce((a, d) => a * d, 1) : 1;
  let boundary = 0;
  let violations = 0;
  for (let i = 0; i < codes.length; i++) {
    if (codes[i] === expected[i]) continue;
    const c = isPerChannel(grid) ? Math.floor(i / inner) % grid.scale.length : 0;
    const middle = (codes[i] + expected[i]) / 2 - entryOf(grid.zeroPoint, c);
    const distance = Math.abs(x.data[i] / entryOf(grid.scale, c) - middle);
    if (Math.abs(codes[i] - expected[i]) === 1 && distance <= BOUNDARY) boundary++;
    else violations++;
  }
  return {
    tensor,
    step: step.name,
    kind: step.kind,
    codes: codes.length,
    identical: codes.length - boundary - violations,
    boundary,
    violations,
  };
}

function closenessOf(step: Step, tensor: string, found: ArrayLike<number>, expected: Tensor): FloatCloseness {
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < expected.size; i++) {
    difference = Math.max(difference, Math.abs(found[i] - expected.data[i]));
    largest = Math.max(largest, Math.abs(expected.data[i]));
  }
  return { tensor, step: step.name, difference, largest };
}
