import { ArgumentError } from "../../errors.ts";
import type { Graph } from "../../graph/index.ts";
import {
  collect,
  detectAll,
  type LoadedModel,
  loadModel,
  type QuantizeResult,
  quantize,
  type Sample,
  type Samples,
  score,
} from "../../job/index.ts";
import { damageOf, emptyPlan, type Plan, type SiteRecord, type StepOptions } from "../../quant/index.ts";
import { VERSION } from "../../version.ts";
import { deviation, mean } from "../toy/measures.ts";
import { type Arm, armsFor, CHANCE, SELECTION } from "./arms.ts";
import { CONTROLS_VERSION, type ControlArm, type ControlComparison, type ControlRun, type ControlsRecord } from "./record.ts";

/** What a study of controls works on. */
export interface ControlsJob {
  readonly graph: Graph;
  readonly card: unknown;
  /** Name of the model. */
  readonly name: string;
  /** Bits, as in "W4A4". */
  readonly scheme: string;
  /** Distinct and at least one: each draws calibration samples, random masks and sampled volumes anew. */
  readonly seeds: readonly number[];
  /** Samples of a calibration, at most. */
  readonly sampleCount: number;
  /** The samples of a seed. */
  calibration(seed: number): Promise<readonly Sample[]>;
  /** Pictures that numbers are measured on; with boxes on all of them also AP50. Absent: each seed's calibration samples. */
  readonly pictures?: readonly Sample[];
}

/**
 * Quantizes one detector with InlierQ and with every control that its paper leaves out, all else equal, and measures the
 * damage without labels, and AP50 where there are some. The same job gives the same record.
 *
 * Errors: ArgumentError for repeated or missing seeds and for whatever `quantize` refuses; AbortError.
 */
export async function runControls(job: ControlsJob, options: StepOptions = {}): Promise<ControlsRecord> {
  const { seeds } = job;
  if (seeds.length === 0 || new Set(seeds).size < seeds.length)
    throw new ArgumentError("controls", `seeds must be distinct and at least one, got [${seeds.join(", ")}]`);
  const model = loadModel(job.graph, job.name, job.card);
  const arms = armsFor(model.detector);
  const pictures = job.pictures && (await collect(job.pictures, Number.POSITIVE_INFINITY, model));
  const runs = new Map(arms.map(({ name }) => [name, [] as ControlRun[]]));
  let [done, count, policy] = [0, 0, ""];
  for (const seed of seeds) {
    const samples = await job.calibration(seed);
    const measured = pictures ?? (await collect(samples, job.sampleCount, model));
    count = Math.min(samples.length, job.sampleCount);
    for (const arm of arms) {
      const result = await quantized(
        job,
        arm,
        seed,
        samples,
        during(options, `${arm.name}, seed ${seed}`, done++, seeds.length * arms.length),
      );
      policy = result.record.policy;
      runs.get(arm.name)?.push(await runOf(seed, result, model, measured));
    }
  }
  const found = arms.map(({ name, about }): ControlArm => ({ name, about, runs: runs.get(name) as ControlRun[] }));
  return {
    version: CONTROLS_VERSION,
    kind: "inlierq/controls",
    model: job.name,
    detector: model.card.name,
    scheme: job.scheme,
    policy,
    seeds,
    samples: { calibration: count, measured: pictures?.names.length ?? count },
    measuredOn: pictures ? "pictures" : "calibration",
    versions: { inlierq: VERSION },
    floatAp50: pictures ? await ap50Of(model, emptyPlan, pictures) : null,
    arms: found,
    comparisons: compareArms(found),
  };
}

/** The options of one of `all` equal parts of a job. */
const during = ({ signal, onProgress }: StepOptions, what: string, done: number, all: number): StepOptions => ({
  signal,
  onProgress: onProgress && ((p) => onProgress({ ...p, stage: `${what}: ${p.stage}`, fraction: (done + p.fraction) / all })),
});

const quantized = (
  { graph, card, name, scheme, sampleCount }: ControlsJob,
  { config }: Arm,
  seed: number,
  samples: readonly Sample[],
  steps: StepOptions,
): Promise<QuantizeResult> => quantize(graph, { ...config, ...steps, card, name, scheme, seed, samples, sampleCount, gate: "kept=0" });

async function runOf(seed: number, { plan, record }: QuantizeResult, model: LoadedModel, samples: Samples): Promise<ControlRun> {
  const { scores, boxes } = damageOf(model, samples, plan, model.card.visibleThreshold);
  const shares = record.sites.flatMap(({ inlierShare }) => (inlierShare === null ? [] : [inlierShare]));
  return {
    seed,
    scores,
    boxes,
    ap50: await ap50Of(model, plan, samples),
    inlierShare: shares.length > 0 ? mean(shares) : null,
    width: mean(record.sites.map(relativeWidth)),
    tau: record.tuning?.chosen ?? null,
  };
}

/** Widths with 0 inside, as grids are; 1 where a tensor is 0 throughout. */
function relativeWidth({ observed, rangeBefore }: SiteRecord): number {
  const width = (min: number, max: number): number => Math.max(max, 0) - Math.min(min, 0);
  const shares = observed.min.map((min, c) => {
    const whole = width(min, observed.max[c]);
    return whole === 0 ? 1 : width(rangeBefore.min[c], rangeBefore.max[c]) / whole;
  });
  return mean(shares);
}

/** COCO AP50; null where a sample has no boxes to compare with. */
async function ap50Of(model: LoadedModel, plan: Plan, samples: Samples): Promise<number | null> {
  if (samples.list.some(({ truth }) => truth === undefined)) return null;
  const detections = await detectAll(model, plan, samples, async () => {});
  return score(samples, detections, model.card.classes).coco.AP50;
}

/** What every number says about the selection against chance. */
function compareArms(arms: readonly ControlArm[]): ControlComparison[] {
  const [ours, chance] = [SELECTION, CHANCE].map((name) => (arms.find((a) => a.name === name) as ControlArm).runs);
  const scores = ours.map((run, i) => chance[i].scores - run.scores);
  const ap50 = ours.flatMap((run, i) => {
    const other = chance[i].ap50;
    return run.ap50 === null || other === null ? [] : [run.ap50 - other];
  });
  return [compareGains("scores", scores), ...(ap50.length === ours.length ? [compareGains("ap50", ap50)] : [])];
}

/**
 * A verdict on paired gains: better or worse where their mean is more than two of their standard deviations from 0. A
 * single seed has no deviation and says nothing.
 */
export function compareGains(measure: ControlComparison["measure"], gains: readonly number[]): ControlComparison {
  const [centre, spread] = [mean(gains), deviation(gains)];
  const told = Math.abs(centre) > 2 * spread;
  const verdict = gains.length < 2 ? "one seed" : !told ? "not told apart" : centre > 0 ? "better" : "worse";
  return { measure, gains, mean: centre, deviation: spread, verdict };
}
