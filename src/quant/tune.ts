import type { Graph } from "../graph/index.ts";
import { assign } from "./assign.ts";
import { type CalibrateOptions, calibrate, stagesOf } from "./calibrate.ts";
import type { GraphModel } from "./evidence.ts";
import { type Method, withoutReconstruction } from "./method.ts";
import { outputSqnr } from "./outputSqnr.ts";
import type { SampleSource } from "./samples.ts";
import { type Stage, type StepOptions, Steps } from "./steps.ts";

/** How an option was found. */
export interface TuningRecord {
  /** Its name among the options of the method. */
  readonly option: string;
  /** The value that was taken. */
  readonly chosen: number;
  /** Every value that was tried, with the lowest SQNR of an output on the held-out samples in dB. */
  readonly tried: readonly { readonly value: number; readonly sqnr: number }[];
  /** Samples that ranges were found on, and others that outputs were compared on. */
  readonly samples: { readonly fitted: number; readonly heldOut: number };
}

/** A complete method, and how it became one. */
export interface Tuned {
  readonly method: Method;
  /** Absent where nothing was left to be found. */
  readonly tuning?: TuningRecord;
}

/** What a search works on. */
export interface TuneProblem {
  /** The network to calibrate. */
  readonly model: GraphModel;
  /** Halved by the search. */
  readonly samples: SampleSource;
  /** What may leave an option open. */
  readonly method: Method;
  /** As the calibration after it takes them. */
  readonly options: CalibrateOptions;
}

const STAGE = "tune";

/**
 * Finds the option that a method leaves open, without labels: each candidate's ranges come of every second sample, and the
 * one stays whose outputs on the others are closest to the float network's, by the lowest SQNR of an output (InlierQ leaves
 * tau open; this is how one may choose it). While candidates are compared, weights are rounded to nearest and biases stay.
 * Cost: for each candidate a calibration on half the samples, and two forwards of each sample of the other half. A single
 * sample is fitted and held out alike. Deterministic; of equal candidates the first is taken.
 */
export async function tuneMethod({ model, samples, method, options }: TuneProblem, steps: StepOptions): Promise<Tuned> {
  if (!method.tuning) return { method };
  const { option, candidates } = method.tuning;
  const [fitted, heldOut] = halvesOf(samples);
  const after = new Steps(tuneStages(model.graph, method, options, samples.names.length), steps);
  const quiet = new Steps([], { signal: steps.signal });
  const tried: { value: number; sqnr: number; method: Method }[] = [];
  for (const candidate of candidates) {
    const { plan } = await calibrate(model, fitted, withoutReconstruction(candidate.method), rangeOptions(options), quiet);
    const sqnr = await outputSqnr(model, plan, heldOut, async () => {});
    tried.push({ ...candidate, sqnr });
    await after.after(STAGE, tried.length);
  }
  const best = tried.reduce((a, b) => (b.sqnr > a.sqnr ? b : a));
  const record = {
    option,
    chosen: best.value,
    tried: tried.map(({ value, sqnr }) => ({ value, sqnr })),
    samples: { fitted: fitted.names.length, heldOut: heldOut.names.length },
  };
  return { method: best.method, tuning: record };
}

/** The work of a search, for progress; nothing for a complete method. */
export function tuneStages(graph: Graph, { tuning }: Method, options: CalibrateOptions, samples: number): Stage[] {
  if (!tuning) return [];
  const assignment = assign(graph, options.assign);
  const half = Math.ceil(samples / 2);
  const stages = stagesOf(graph, withoutReconstruction(tuning.candidates[0].method), rangeOptions(options), assignment, half);
  const work = stages.reduce((sum, s) => sum + s.steps * s.work, 0) + 2.4 * half;
  return [{ name: STAGE, steps: tuning.candidates.length, work }];
}

const rangeOptions = ({ journal: _, budget: __, ...options }: CalibrateOptions): CalibrateOptions => ({
  ...options,
  biasCorrection: false,
  measureSamples: 1,
});

/** Samples at even and at odd places; one alone is in both. */
function halvesOf(samples: SampleSource): readonly [SampleSource, SampleSource] {
  const places = samples.names.map((_, i) => i);
  const [even, odd] = [0, 1].map((rest) => places.filter((i) => i % 2 === rest));
  const [first, second] = [even, odd.length > 0 ? odd : even].map((chosen) => ({
    names: chosen.map((i) => samples.names[i]),
    input: (i: number) => samples.input(chosen[i]),
  }));
  return [first, second];
}
