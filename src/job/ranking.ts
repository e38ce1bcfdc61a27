import { ArgumentError } from "../errors.ts";
import {
  type Assignment,
  type AssignOptions,
  assign,
  type CalibrateOptions,
  calibrate,
  emptyPlan,
  type High,
  type Item,
  itemsOf,
  type Method,
  type Mode,
  type Plans,
  type Ranking,
  rank,
  rankSteps,
  rankWork,
  type SampleSource,
  type Stage,
  type StepOptions,
  Steps,
  stagesOf,
  withoutReconstruction,
} from "../quant/index.ts";
import type { BareModel, LoadedModel } from "./model.ts";

/** What is ranked. */
export interface RankingJob {
  readonly model: LoadedModel | BareModel;
  readonly samples: SampleSource;
  readonly method: Method;
  /** The bits that are asked about. */
  readonly calibration: CalibrateOptions;
  readonly mode: Mode;
  readonly high: High;
  /** Whether an item is looked at. */
  readonly wanted: (item: Item) => boolean;
}

/** A ranking, and the grids it was made with. */
export interface RankingResult extends Ranking {
  readonly assignment: Assignment;
  readonly plans: Plans;
}

/** The parts of a ranking: grids as asked for, grids to lift to, and the items one by one. */
interface Part {
  readonly assignment: Assignment;
  readonly options: CalibrateOptions;
  readonly stages: readonly Stage[];
}

/** The work of stages together, in float forwards. */
export const workOf = (stages: readonly Stage[]): number => stages.reduce((sum, s) => sum + s.steps * s.work, 0);

const partOf = ({ model, samples, method }: RankingJob, options: CalibrateOptions): Part => {
  const assignment = assign(model.graph, options.assign);
  return { assignment, options, stages: stagesOf(model.graph, withoutReconstruction(method), options, assignment, samples.names.length) };
};

/** The bits that are asked about; what is measured for a record is left out. */
const lowPart = (job: RankingJob): Part => partOf(job, { ...job.calibration, measureSamples: 1 });

/** The same layers at the bits that items are lifted to, where the mode looks at them. */
function highPart(job: RankingJob, { assignment }: Part): Part | undefined {
  if (!job.mode.lifts || job.high === "float") return undefined;
  const quantized = new Set(assignment.layers.map((l) => l.name));
  const keep = job.model.graph.layers.map((l) => l.name).filter((name) => !quantized.has(name));
  const { bits: _, exclude: __, ...rest } = job.calibration.assign;
  const options: AssignOptions = { ...rest, keep, weightBits: job.high, activationBits: job.high };
  return partOf(job, { ...job.calibration, assign: options, measureSamples: 1, biasCorrection: false });
}

const itemsFor = ({ model, high, wanted }: RankingJob, { assignment }: Part): Item[] =>
  itemsOf(model.graph, assignment, high).filter(wanted);

/** The stages of a ranking, in units of float forwards. */
function rankingStages(job: RankingJob): { low: Part; high: Part | undefined; items: Item[]; work: readonly [number, number, number] } {
  const low = lowPart(job);
  const high = highPart(job, low);
  const items = itemsFor(job, low);
  return { low, high, items, work: [workOf(low.stages), workOf(high?.stages ?? []), rankSteps(job, items.length) * rankWork(job)] };
}

/** Float forwards that a ranking takes about as long as. */
export const rankingWork = (job: RankingJob): number => rankingStages(job).work.reduce((sum, w) => sum + w, 0);

/**
 * Ranks what a job would quantize: calibrates as asked for, and where the mode lifts items also at the bits they are lifted
 * to, then changes one item at a time. Nothing is learned: ranges take seconds where learning takes minutes. Errors: ArgumentError where nothing can be lifted; AbortError.
 */
export async function rankItems(job: RankingJob, options: StepOptions): Promise<RankingResult> {
  const { low, high, items, work } = rankingStages(job);
  if (items.length === 0)
    throw new ArgumentError("lift", `something must have fewer than ${job.high} bits to be lifted, got nothing (see --scheme)`);
  const { model, samples, mode } = job;
  const method = withoutReconstruction(job.method);
  const total = work[0] + work[1] + work[2];
  const [first, second] = [work[0] / total, (work[0] + work[1]) / total];
  const steps = (part: Part, from: number, to: number): Steps => new Steps(part.stages, portion(options, from, to));
  const calibration = await calibrate(model, samples, method, low.options, steps(low, 0, first));
  const lifted = high ? (await calibrate(model, samples, method, high.options, steps(high, first, second))).plan : emptyPlan;
  const plans = { low: calibration.plan, high: lifted };
  const problem = { model, samples, plans, items, mode, minScore: model.card?.visibleThreshold ?? 0 };
  const ranking = new Steps([{ name: "rank", steps: rankSteps(job, items.length), work: 1 }], portion(options, second, 1));
  const found = await rank(problem, (done) => ranking.after("rank", done));
  return { ...found, assignment: calibration.assignment, plans };
}

/** The options of a part of a job, whose progress goes from `from` to `to` of the whole. */
export const portion = ({ signal, onProgress }: StepOptions, from: number, to: number): StepOptions => ({
  signal,
  onProgress: onProgress && ((p) => onProgress({ ...p, fraction: from + p.fraction * (to - from) })),
});
