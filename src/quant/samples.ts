import type { GraphInput } from "../graph/index.ts";

/** Calibration samples as network inputs, readable as often as needed. */
export interface SampleSource {
  /** Names of the samples, in order. */
  readonly names: readonly string[];
  /** The network input of sample `index`, or all inputs by name: a batch of one. */
  input(index: number): GraphInput;
}

/** `count` indices spread evenly over 0..n-1; all of them where there are no more. */
export function evenIndices(n: number, count: number): number[] {
  const most = Math.min(n, count);
  return Array.from({ length: most }, (_, i) => Math.floor((i * n) / most));
}

/** `count` samples spread evenly over all. Shapes of inputs as in `samples`. */
export function someSamples(samples: SampleSource, count: number): SampleSource {
  const chosen = evenIndices(samples.names.length, count);
  return { names: chosen.map((i) => samples.names[i]), input: (i) => samples.input(chosen[i]) };
}
