import {
  type CalibrateOptions,
  type Method,
  modes,
  type Promotion,
  rulesOf,
  type Stage,
  type StepOptions,
  someSamples,
  spend,
} from "../quant/index.ts";
import type { QuantizeConfig } from "./config.ts";
import type { BareModel, LoadedModel } from "./model.ts";
import { portion, type RankingJob, rankItems, rankingWork, workOf } from "./ranking.ts";
import type { Samples } from "./samples.ts";

/** Samples a promotion is decided on, at most. */
const SAMPLES = 16;
const DEFAULT_BITS = 8;

const bitsOf = ({ promoteBits = DEFAULT_BITS }: PromotionJob["config"]): number => promoteBits;

/** A job that may promote tensors before it calibrates. */
export interface PromotionJob {
  readonly model: LoadedModel | BareModel;
  readonly samples: Samples;
  readonly method: Method;
  readonly calibration: CalibrateOptions;
  /** `promote`: the largest share of the activation elements that may be promoted; absent: nothing is. */
  readonly config: Pick<QuantizeConfig, "promote" | "promoteBits">;
}

/** What became of it. */
export interface Promoted {
  /** The job's options with the rules of the promotion behind the given ones. */
  readonly calibration: CalibrateOptions;
  /** What was promoted; undefined where nothing was asked for. */
  readonly promotion: Promotion | undefined;
  /** The options of the rest of the job. */
  readonly rest: StepOptions;
}

/** Float forwards that a promotion takes about as long as. */
export const promotionWork = (job: PromotionJob): number => (job.config.promote === undefined ? 0 : rankingWork(rankingOf(job)));

function rankingOf({ model, samples, method, calibration, config }: PromotionJob): RankingJob {
  const wanted = ({ kind }: { kind: string }): boolean => kind === "activation";
  return { model, samples: someSamples(samples, SAMPLES), method, calibration, mode: modes.isolated, high: bitsOf(config), wanted };
}

/**
 * Gives more bits to the activation tensors that do most damage for their size, as many as the share holds; no label is
 * read. `stages` are those of the rest of the job.
 *
 * Errors: ArgumentError where no activation has fewer bits; AbortError.
 */
export async function promoteWorst(job: PromotionJob, stages: readonly Stage[], options: StepOptions): Promise<Promoted> {
  const { config, calibration, model } = job;
  const [limit, bits] = [config.promote, bitsOf(config)];
  if (limit === undefined) return { calibration, promotion: undefined, rest: options };
  const ranking = rankingOf(job);
  const own = rankingWork(ranking);
  const end = own / (own + workOf(stages));
  const { ranked, assignment } = await rankItems(ranking, named(portion(options, 0, end)));
  const { lifted, spent } = spend(ranked, { graph: model.graph, assignment, high: bits }, { cost: "elements", limit });
  const rules = lifted.flatMap(({ item }) => rulesOf(item, bits));
  const tensors = lifted.map(({ item: { name, elements }, gain }) => ({ tensor: name, elements, damage: gain }));
  return {
    calibration: { ...calibration, assign: { ...calibration.assign, bits: [...(calibration.assign.bits ?? []), ...rules] } },
    promotion: { bits, limit, share: spent, samples: ranking.samples.names.length, tensors },
    rest: portion(options, end, 1),
  };
}

/** Stages that also occur later in the job say which part they belong to. */
const named = ({ signal, onProgress }: StepOptions): StepOptions => ({
  signal,
  onProgress: onProgress && ((p) => onProgress({ ...p, stage: `promote: ${p.stage}` })),
});
