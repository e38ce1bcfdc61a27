import { collectRows, loadModel, planRuns, type RunOutcome, type RunResult, runWork, type SweepList, type SweepRun } from "../job/index.ts";
import { type Progress, type StepOptions, SWEEP_VERSION, type SweepRecord } from "../quant/index.ts";
import { kernelPolicy } from "../tensor/index.ts";
import { VERSION } from "../version.ts";
import { readAnnotations, truthByName } from "./dataset.ts";
import { readModel } from "./model.ts";
import { listPictures } from "./pictures.ts";
import type { SweepSetup } from "./sweepContext.ts";
import { chooseJobs, runAll, type SweepJobs } from "./sweepPool.ts";
import { SweepStore, sweepInputs } from "./sweepStore.ts";

/** What `runSweep` takes. */
export interface SweepOptions extends StepOptions, Omit<SweepSetup, "samples" | "kernels"> {
  /** The combinations: every method at every scheme with every seed of each list. */
  readonly lists: readonly SweepList[];
  /** Pictures to calibrate on, at most. Default 64. */
  readonly samples?: number;
  /** Wall time each run may learn, e.g. "60s" or a number of seconds; the same for all. Default: the steps of the methods. */
  readonly budget?: string | number | undefined;
  /** Runs at once. Default: as many as there are cores and memory for. */
  readonly jobs?: number | undefined;
  /** Folder where finished runs are kept, one file each. Default: nowhere. */
  readonly out?: string | undefined;
  /** Goes on with the runs in that folder. Default false: there must be none. */
  readonly resume?: boolean;
  /** Forgets runs in that folder. */
  readonly force?: boolean;
  /** Flags of Node for the workers; default those of this process. Sources in TypeScript need some that load them. */
  readonly nodeFlags?: readonly string[];
  /** Told once, before the work starts. */
  readonly onStart?: (start: SweepStart) => void;
  /** Told of every run that ends, in that order. */
  readonly onRun?: (run: SweepRun, outcome: RunOutcome) => void;
}

/** What a sweep begins with. */
export interface SweepStart extends SweepJobs {
  /** All runs, float included. */
  readonly runs: number;
  /** Those that an earlier call finished. */
  readonly kept: number;
}

/** What `runSweep` gives. */
export interface SweepResult {
  /** The account: what sweep.json holds. */
  readonly record: SweepRecord;
  /** The runs that finished, by their id. */
  readonly results: ReadonlyMap<string, RunResult>;
}

/**
 * Runs every combination of methods, schemes and seeds and scores each on annotated pictures. The rows do not depend on the
 * jobs or on interruptions, but for the seconds, and for what a budget of time lets be learned.
 *
 * Errors: UsageError and ArgumentError for what no run could work with, for an unknown combination, and for a folder with
 * runs of other inputs; AbortError. What only some runs cannot do is in their rows.
 */
export async function runSweep(options: SweepOptions): Promise<SweepResult> {
  const { model, card, calibrate, images, annotations, samples = 64, signal } = options;
  const setup: SweepSetup = {
    model,
    calibrate,
    images,
    annotations,
    samples,
    kernels: kernelPolicy(),
    ...(card !== undefined && { card }),
  };
  const { name, loaded, pictures, inputs } = open(setup);
  const runs = planRuns(options.lists, { samples, pictures: pictures.available, budget: options.budget });
  const store = options.out === undefined ? undefined : new SweepStore(options.out, inputs, options);
  const outcomes = new Map<string, RunOutcome>();
  for (const run of runs) {
    const result = store?.stored(run);
    if (result) outcomes.set(run.id, { result });
  }
  const waiting = runs.filter((run) => !outcomes.has(run.id));
  const chosen = chooseJobs(options.jobs, waiting.length);
  options.onStart?.({ ...chosen, runs: runs.length, kept: outcomes.size });
  const work = new Map(waiting.map((run) => [run.id, runWork(run, loaded, pictures)]));
  const progress = overall(work, runs.length, options);
  await runAll(waiting, setup, {
    jobs: chosen.jobs,
    signal,
    nodeFlags: options.nodeFlags,
    onProgress: progress.during,
    onEnd(run, outcome) {
      if ("result" in outcome) store?.keep(run, outcome.result);
      outcomes.set(run.id, outcome);
      options.onRun?.(run, outcome);
      progress.after(run, outcomes.size);
    },
  });
  const { calibration, evaluation } = pictures;
  const record: SweepRecord = {
    version: SWEEP_VERSION,
    kind: "inlierq/sweep",
    model: name,
    detector: loaded.card.name,
    pictures: { calibration, evaluation },
    budget: typeof options.budget === "number" ? `${options.budget}s` : (options.budget ?? null),
    versions: { inlierq: VERSION },
    rows: collectRows(runs, outcomes),
  };
  return { record, results: new Map([...outcomes].flatMap(([id, o]) => ("result" in o ? [[id, o.result] as const] : []))) };
}

/** What every run needs, refused before the first. */
function open(setup: SweepSetup) {
  const file = readModel(setup.model);
  const loaded = loadModel(file, file.name, setup.card);
  const available = listPictures(setup.calibrate).length;
  const dataset = readAnnotations(setup.annotations);
  truthByName(dataset, loaded.card.classes);
  const pictures = { available, calibration: Math.min(available, setup.samples), evaluation: dataset.images.length };
  return { name: file.name, loaded, pictures, inputs: sweepInputs(setup) };
}

/** Progress over all runs; the share is that of the work of this call, the count that of all runs. */
function overall(work: ReadonlyMap<string, number>, total: number, { onProgress }: StepOptions) {
  const shares = new Map<string, number>();
  const all = [...work.values()].reduce((sum, w) => sum + w, 0);
  let finished = total - work.size;
  const tell = (run: SweepRun, share: number): void => {
    shares.set(run.id, Math.max(share, shares.get(run.id) ?? 0));
    const done = [...shares].reduce((sum, [id, s]) => sum + s * (work.get(id) ?? 0), 0);
    onProgress?.({ stage: "runs", done: finished, total, fraction: Math.min(1, done / all) });
  };
  return {
    during: (run: SweepRun, { fraction }: Progress): void => tell(run, fraction),
    after(run: SweepRun, ended: number): void {
      finished = ended;
      tell(run, 1);
    },
  };
}
