import type { Data } from "../src/tensor/index.ts";
import type { Inputs, Kind, SpecOf } from "./problems.ts";

/** A problem made ready: inputs are in the engine's own tensors and whatever is compiled is compiled. */
export interface Solution {
  /** One call; what it returns must depend on the work. The engine's results are freed inside. */
  run(): unknown;
  /** Results of one call as plain arrays: NCHW, OIHW. */
  outputs(): Outputs | Promise<Outputs>;
  /** Gives back what the solution holds. */
  release?(): void;
}

export type Outputs = readonly (Data | readonly number[])[];

/** Said of problems that an engine's solver has no entry for: such a row leaves the engine out. */
export const NOT_OFFERED = "not offered";

/** How an engine solves each kind of problem. A string says plainly why it cannot; kinds without an entry are not asked of it. */
export type Solver = {
  readonly [K in Kind]?: (spec: SpecOf<K>, inputs: Inputs) => Solution | string | Promise<Solution | string>;
};

/** What stays of an output to compare it by. */
export interface Sample {
  readonly length: number;
  /** Mean magnitude of all elements. */
  readonly mean: number;
  readonly values: readonly number[];
}

const SAMPLES = 64;
/** Knuth's multiplicative step: positions follow no row or channel. */
const STEP = 2654435761;

/** Some elements of an output, the same ones for every engine, and its mean magnitude. */
export function sampleOf(output: Data | readonly number[]): Sample {
  let sum = 0;
  for (let i = 0; i < output.length; i++) sum += Math.abs(output[i]!);
  const count = Math.min(SAMPLES, output.length);
  const values = Array.from({ length: count }, (_, i) => output[(i * STEP) % output.length]!);
  return { length: output.length, mean: sum / output.length, values };
}

/** Why samples do not agree within a share of the mean magnitude; undefined where they do. */
export function disagreement(theirs: readonly Sample[], ours: readonly Sample[], tolerance: number): string | undefined {
  if (theirs.length !== ours.length) return `outputs must be ${ours.length}, got ${theirs.length}`;
  for (const [k, want] of ours.entries()) {
    const got = theirs[k]!;
    if (got.length !== want.length) return `output ${k} must have ${want.length} elements, got ${got.length}`;
    const pairs = [[got.mean, want.mean] as const, ...got.values.map((v, i) => [v, want.values[i]!] as const)];
    const worst = pairs.reduce((a, b) => (Math.abs(a[0] - a[1]) >= Math.abs(b[0] - b[1]) ? a : b));
    const gap = Math.max(...pairs.map(([a, b]) => Math.abs(a - b))) / want.mean;
    // Written so that NaN disagrees.
    if (!(gap <= tolerance))
      return `output ${k} must lie within ${tolerance} of the mean magnitude, got ${gap.toExponential(1)} (${worst.join(" for ")})`;
  }
  return undefined;
}
