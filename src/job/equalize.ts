import { ArgumentError } from "../errors.ts";
import type { Graph } from "../graph/index.ts";
import {
  type Assignment,
  type CalibrateOptions,
  type EqualizeContext,
  type EqualizeRecord,
  equalizers,
  floatRuns,
  type Stage,
  type Steps,
  sqnr,
  type Watch,
} from "../quant/index.ts";
import { type BareModel, type LoadedModel, withGraph } from "./model.ts";
import type { Samples } from "./samples.ts";

/** Name of a rewrite of the float network. */
export type EqualizerName = keyof typeof equalizers;

/** Names of the rewrites. */
export const EQUALIZER_NAMES = Object.keys(equalizers) as [EqualizerName, ...EqualizerName[]];

/** What rewrites look at of a job's settings. */
interface Settings {
  readonly config: { readonly equalize?: readonly EqualizerName[] | undefined };
  readonly calibration: CalibrateOptions;
}

/** The network after all rewrites, and how it is to be calibrated. */
interface EqualizedModel {
  readonly model: LoadedModel | BareModel;
  /** As given, with new layers that must stay in float. */
  readonly calibration: CalibrateOptions;
  /** What was done; absent where nothing was asked for. */
  readonly equalize?: EqualizeRecord;
}

const STAGE = "equalize";

/** The work the rewrites will do, for progress: those that look at samples run the float model once on each. */
export const equalizeStages = (names: readonly EqualizerName[], samples: number): Stage[] => [
  { name: STAGE, steps: samples * names.filter((name) => equalizers[name].watches).length, work: 1 },
];

/** Errors: ArgumentError for a rewrite that finds nothing to work on. */
export function requirePlaces(graph: Graph, names: readonly EqualizerName[], assignment: Assignment): void {
  for (const name of names) {
    const { places, needs } = equalizers[name];
    if (places(graph, quantizedBy(assignment)).length > 0) continue;
    throw new ArgumentError("equalize", `${name} must find ${needs}, got none in ${graph.layers.length} layers (graph ${graph.name})`);
  }
}

const quantizedBy = ({ layers }: Assignment): ReadonlySet<string> => new Set(layers.map((l) => l.name));

/** Rewrites a model as it was asked for, in that order; what rewrites look at comes from all samples. Errors: AbortError. */
export async function equalizeModel(
  model: LoadedModel | BareModel,
  { config, calibration }: Settings,
  assignment: Assignment,
  samples: Samples,
  steps: Steps,
): Promise<EqualizedModel> {
  const { activationBits } = calibration.assign;
  const context: EqualizeContext = { layers: quantizedBy(assignment), activationBits, watch: watching(samples, steps) };
  let { graph } = model;
  const keep: string[] = [...calibration.assign.keep];
  const applied: EqualizeRecord["applied"][number][] = [];
  for (const name of config.equalize ?? []) {
    const rewrite = await equalizers[name].apply(graph, context);
    graph = rewrite.graph;
    keep.push(...rewrite.keep);
    applied.push({ name, changed: rewrite.changed });
  }
  if (applied.length === 0) return { model, calibration };
  const equalize = { applied, outputSqnr: leastSqnr(model.graph, graph, samples) };
  return { model: withGraph(model, graph), calibration: { ...calibration, assign: { ...calibration.assign, keep } }, equalize };
}

/** Float runs over all samples, a step each. */
function watching(samples: Samples, steps: Steps): Watch {
  let done = 0;
  return async function* (graph, tensors) {
    const run = floatRuns({ graph }, tensors);
    try {
      for (let i = 0; i < samples.names.length; i++) {
        yield run(samples.input(i)).tensors;
        await steps.after(STAGE, ++done);
      }
    } finally {
      run.release();
    }
  };
}

/** The lowest SQNR of an output of the rewritten network on the first sample; null where no output differs. */
function leastSqnr(before: Graph, after: Graph, samples: Samples): number | null {
  const [wanted, found] = [before.forward(samples.input(0)), after.forward(samples.input(0))];
  const least = Object.entries(wanted).reduce((low, [name, y]) => Math.min(low, sqnr(y, found[name])), Infinity);
  return Number.isFinite(least) ? least : null;
}
