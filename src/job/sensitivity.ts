import { ArgumentError } from "../errors.ts";
import type { Graph } from "../graph/index.ts";
import {
  assign,
  type Budget,
  type CalibrateOptions,
  formatScheme,
  type High,
  type Mode,
  modes,
  type Proposal,
  parseBudget,
  rulesOf,
  SENSITIVITY_VERSION,
  type SensitivityRecord,
  type StepOptions,
  Steps,
  sensitivityItems,
  spend,
  startingCost,
  tuneMethod,
} from "../quant/index.ts";
import { didYouMean } from "../suggest.ts";
import { VERSION } from "../version.ts";
import { defined, methodOf, parseConfig, type QuantizeConfig } from "./config.ts";
import { equalizeModel, equalizeStages, requirePlaces } from "./equalize.ts";
import { layersOf } from "./layers.ts";
import { type BareModel, type LoadedModel, loadNetwork } from "./model.ts";
import { portion, type RankingJob, type RankingResult, rankItems, rankingWork, workOf } from "./ranking.ts";
import { collect, type Sample, type Samples } from "./samples.ts";

/** What `sensitivity` takes beside the model: what a configuration says about bits and ranges, and these. */
export interface SensitivityOptions extends StepOptions, Omit<QuantizeConfig, "samples" | "promote" | "promoteBits" | "budget"> {
  /** What ranges are calibrated and damage is measured on, at most `sampleCount` of them. Labels are not read. */
  readonly samples: Iterable<Sample> | AsyncIterable<Sample>;
  /** Default 16. */
  readonly sampleCount?: number;
  /** Detector card for graphs no preset matches; without any, damage is the relative error of the outputs. */
  readonly card?: unknown;
  /** Name of the model in the record. Default "model". */
  readonly name?: string;
  /**
   * "isolated" quantizes one item and nothing else: its own damage, also where the whole quantized network finds nothing any
   * more. "accumulated" lifts one item of the quantized network. Default "isolated".
   */
  readonly mode?: string;
  /** Bits that tensors and weights are lifted to, or "float" for whole layers. Default 8; "float" where both already have 8. */
  readonly high?: High;
  /** "storage=1.2MB", "bops=3G" or "elements=25%": proposes what to lift for it. */
  readonly budget?: string;
}

/** What `sensitivity` gives. */
export interface SensitivityResult {
  /** The account: what sensitivity.json holds. */
  readonly record: SensitivityRecord;
  /** A configuration of `quantize` with the proposed bits; undefined without a budget. */
  readonly config: QuantizeConfig | undefined;
}

/** The settings a run resolves to. */
interface Settings {
  readonly config: QuantizeConfig;
  readonly policy: string;
  readonly calibration: CalibrateOptions;
  readonly mode: Mode;
  readonly high: High;
  readonly budget: Budget | undefined;
}

/**
 * Says which activation tensors and weights a quantized network suffers from most, without labels: each by itself is
 * quantized, or lifted to more bits, and the answers are held against the float network's. For a budget it proposes what to
 * lift. What `equalize` names is done to the float network first, as `quantize` does it. Deterministic.
 *
 * Errors: ArgumentError for a refused model, sample or option, where nothing can be lifted, and, before anything is
 * calibrated, for a budget that cannot be met; AbortError.
 */
export async function sensitivity(model: Uint8Array | Graph, options: SensitivityOptions): Promise<SensitivityResult> {
  const name = options.name ?? "model";
  const given = loadNetwork(model, name, options.card);
  const settings = resolve(options, given);
  const samples = await collect(options.samples, options.sampleCount ?? 16, given);
  const { mode, high, budget } = settings;
  const asked = { ...settings, samples, method: methodOf(settings.config), wanted: () => true };
  const { rest, equalize, ...rewritten } = await equalized({ ...asked, model: given }, settings, samples, options);
  const { model: loaded, calibration } = rewritten;
  if (budget) startingCost(loaded.graph, assign(loaded.graph, calibration.assign), budget);
  const { method } = await tuneMethod({ ...asked, ...rewritten, options: calibration }, { signal: options.signal });
  const found = await rankItems({ ...asked, ...rewritten, method }, rest);
  const proposal = budget ? propose(loaded, found, settings, budget) : null;
  const record: SensitivityRecord = {
    version: SENSITIVITY_VERSION,
    kind: "inlierq/sensitivity",
    model: name,
    detector: loaded.card?.name ?? null,
    method: method.name,
    scheme: formatScheme(calibration.assign),
    policy: settings.policy,
    seed: calibration.seed,
    samples: samples.names,
    ...defined({ equalize }),
    mode: mode.name,
    high,
    versions: { inlierq: VERSION },
    whole: found.whole,
    items: sensitivityItems(found.ranked),
    proposal,
  };
  return { record, config: proposal ? configOf(settings, proposal) : undefined };
}

function resolve(options: SensitivityOptions, model: LoadedModel | BareModel): Settings {
  const { samples: _, sampleCount: __, card: ___, name: ____, signal: _____, onProgress: ______, ...rest } = options;
  const { mode: modeName = "isolated", high: chosen, budget, ...more } = rest;
  const config = parseConfig(more, "sensitivity");
  if (config.promote !== undefined) throw new ArgumentError("promote", `must be left to quantize, got ${config.promote} (see budget)`);
  const { policy, assign, biasCorrection } = layersOf(config, model);
  const mode = Object.hasOwn(modes, modeName) ? modes[modeName] : undefined;
  if (!mode) throw new ArgumentError("mode", `must be a known one, got "${modeName}" (${didYouMean(modeName, Object.keys(modes))})`);
  const high = chosen ?? (assign.weightBits >= 8 && assign.activationBits >= 8 ? "float" : 8);
  if (high !== "float" && !(Number.isInteger(high) && high >= 3 && high <= 8))
    throw new ArgumentError("high", `must be a whole number from 3 to 8, or "float", got ${high}`);
  const calibration = { assign, seed: config.seed ?? 0, ...defined({ biasCorrection, biasSamples: config.biasSamples }) };
  return { config, policy, calibration, mode, high, budget: budget === undefined ? undefined : parseBudget(budget) };
}

/** The network after the rewrites that were asked for, how it is to be calibrated, and the options of the rest of the job. */
async function equalized(job: RankingJob, { config, calibration }: Settings, samples: Samples, options: StepOptions) {
  const { graph } = job.model;
  const { equalize: names = [] } = config;
  const assignment = assign(graph, calibration.assign);
  requirePlaces(graph, names, assignment);
  const stages = equalizeStages(names, samples.names.length);
  const work = workOf(stages);
  const end = work === 0 ? 0 : work / (work + rankingWork(job));
  const steps = new Steps(stages, portion(options, 0, end));
  return { ...(await equalizeModel(job.model, { config, calibration }, assignment, samples, steps)), rest: portion(options, end, 1) };
}

function propose(model: LoadedModel | BareModel, { ranked, assignment }: RankingResult, { high }: Settings, budget: Budget): Proposal {
  const { lifted, start, spent } = spend(ranked, { graph: model.graph, assignment, high }, budget);
  return {
    budget,
    start,
    spent,
    lifted: lifted.map(({ item }) => item.name),
    bits: lifted.flatMap(({ item }) => rulesOf(item, high)),
  };
}

/** The configuration of the job that was asked about, with the proposed rules behind the given ones. */
const configOf = ({ config, calibration }: Settings, { bits }: Proposal): QuantizeConfig => ({
  ...config,
  scheme: formatScheme(calibration.assign),
  bits: [...(config.bits ?? []), ...bits.map((rule) => ({ ...rule }))],
});
