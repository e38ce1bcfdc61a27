import type { Prediction } from "../detect/index.ts";
import type { Separation } from "../em/index.ts";
import { ArgumentError } from "../errors.ts";
import type { Graph, Layer } from "../graph/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { type Assignment, type AssignOptions, assign } from "./assign.ts";
import { quantizeBias } from "./bias.ts";
import { type BiasCorrection, correctBiases, liveBytes } from "./biasCorrection.ts";
import { floatRuns, type GraphModel } from "./evidence.ts";
import { type SiteError, SiteMeter } from "./measure.ts";
import type { Method, Refinement } from "./method.ts";
import { applySite, biasOf, type Plan, type SitePlan, weightOf } from "./plan.ts";
import { planWeights } from "./planWeights.ts";
import {
  type Journal,
  type LearningStage,
  learningStages,
  memoryShelf,
  type ReconstructContext,
  reconstruct,
  requireLearnable,
  type Shelf,
  type UnitRecord,
} from "./reconstruct/index.ts";
import type { Refined, RefineReader } from "./refine.ts";
import type { LayerRows } from "./rows.ts";
import { evenIndices, type SampleSource } from "./samples.ts";
import { chooseQParams, type Range } from "./scheme.ts";
import { type Observed, observe, type Pass, runsOf, type Selected, select } from "./statistics.ts";
import type { Stage, Steps } from "./steps.ts";

/** What `calibrate` takes beside model, samples and method. */
export interface CalibrateOptions {
  /** Bits and layer policy. */
  readonly assign: AssignOptions;
  /** Of every random choice. */
  readonly seed: number;
  /** Sequential empirical bias correction. Default: on below 8-bit weights, for methods that do not learn weights. */
  readonly biasCorrection?: boolean | undefined;
  /** Samples it sees, spread evenly; their activations at one layer are held at once. Default as many as 600 MB take, at least 8. */
  readonly biasSamples?: number;
  /** Samples the error of the final activation grids is measured on. Default 16. */
  readonly measureSamples?: number;
  /** Patterns of the layers of a detector's head, for methods that treat them apart. Default none. */
  readonly head?: readonly string[];
  /** Milliseconds for learning; absent: the steps of the method. Results then depend on the clock. */
  readonly budget?: number | undefined;
  /** Where activations wait while units learn. Default: memory. */
  readonly shelf?: Shelf | undefined;
  /** Units an interrupted run finished, and where this one writes its own. */
  readonly journal?: Journal | undefined;
}

/** Everything that was found on the way, for the record. */
export interface Calibration {
  /** Grids of all quantized tensors. */
  readonly plan: Plan;
  /** Which tensors those are. */
  readonly assignment: Assignment;
  /** What the first pass saw. */
  readonly observed: Observed;
  /** Inliers and anomalies by tensor. */
  readonly separations: ReadonlyMap<string, Separation>;
  /** The method's ranges before refinement. */
  readonly ranges: ReadonlyMap<string, Range>;
  /** What refinement did, by tensor. */
  readonly refined: ReadonlyMap<string, Refined>;
  /** Rows behind each refined site. */
  readonly rowCounts: ReadonlyMap<string, number>;
  /** What learning did, unit by unit and stage by stage. */
  readonly units: readonly UnitRecord[];
  /** What bias correction did, layer by layer. */
  readonly corrections: readonly BiasCorrection[];
  /** Error of the final grids, by tensor. */
  readonly errors: ReadonlyMap<string, SiteError>;
  /** By site tensor or layer name: degenerate rules that applied. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
  /** Float detections per sample, in pixels of the network input; none where the model is no detector. */
  readonly detections: readonly (readonly Prediction[])[];
}

/** The work a calibration will do, for progress: one unit is one float forward. */
export function stagesOf(graph: Graph, method: Method, options: CalibrateOptions, assignment: Assignment, samples: number): Stage[] {
  const pass = method.selection ? 3.5 : 1;
  return [
    { name: "observe", steps: samples, work: pass },
    { name: "separate", steps: method.selection ? 2 * assignment.sites.size : 0, work: 0.3 },
    { name: "select", steps: method.selection ? samples : 0, work: pass },
    { name: "refine", steps: method.refinement ? assignment.sites.size : 0, work: 2 },
    ...(method.reconstruction ? learningStages(graph, method.reconstruction, namesOf(assignment), samples) : []),
    { name: "correct biases", steps: correctsBiases(method, options) ? biasSampleCount(graph, options, samples) : 0, work: 1.2 },
    { name: "measure", steps: measureCount(options, samples), work: 1.2 },
  ];
}

const namesOf = ({ layers }: Assignment): Set<string> => new Set(layers.map((l) => l.name));

/** Bytes that the activations of all samples of the bias correction may take together, where nobody says how many those are. */
const BIAS_BYTES = 600e6;
const LEAST_BIAS_SAMPLES = 8;

/** Samples that the correction of biases sees. */
export const biasSampleCount = (graph: Graph, { biasSamples }: CalibrateOptions, samples: number): number =>
  Math.min(biasSamples ?? Math.max(LEAST_BIAS_SAMPLES, Math.floor(BIAS_BYTES / liveBytes(graph))), samples);
const measureCount = (o: CalibrateOptions, samples: number): number => Math.min(o.measureSamples ?? 16, samples);
/** Learned weights make up for their own shifts: correcting them once more does harm (docs/decisions/008-learning.md). */
const correctsBiases = ({ reconstruction }: Method, { biasCorrection, assign: a }: CalibrateOptions): boolean =>
  biasCorrection ?? (a.weightBits < 8 && !reconstruction);

/**
 * The shared driver of all methods: assign sites → weights → observe → (separate → select) → ranges → learn weights →
 * refine → learn with activations on their grids → correct biases → measure. InlierQ Algorithm 1 is this with its method's parts; methods
 * without a selection or refinement skip those stages.
 *
 * Errors: ArgumentError where a weight or activation is not finite, naming it, and where the network cannot learn as the method asks.
 */
export async function calibrate(
  model: GraphModel,
  samples: SampleSource,
  method: Method,
  options: CalibrateOptions,
  steps: Steps,
): Promise<Calibration> {
  if (samples.names.length === 0) throw new ArgumentError("calibrate", "needs at least 1 sample, got 0");
  const assignment = assign(model.graph, options.assign);
  if (method.reconstruction) requireLearnable(model, method.reconstruction, namesOf(assignment));
  const flags = new Map<string, string[]>();
  const gridded = planWeights(model, assignment, method, { head: options.head ?? [], flags });
  const meanSamples = correctsBiases(method, options)
    ? evenIndices(samples.names.length, biasSampleCount(model.graph, options, samples.names.length))
    : [];
  const { observed, separations, selected } = await passes({ model, samples, assignment, method, seed: options.seed, meanSamples, steps });
  const learning = { model, samples, seed: options.seed, steps };
  const rounded = await learn({ ...learning, done: 0 }, gridded, method, options, (stage) => !stage.quantizesActivations);
  const refined = await refineSites(model, assignment, method, rounded.plan, selected, steps);
  const activations = planActivations(assignment, selected.ranges, refined, flags);
  const learned = await learn(
    { ...learning, done: rounded.units.length },
    { ...rounded.plan, activations },
    method,
    options,
    (stage) => stage.quantizesActivations,
  );
  const units = [...rounded.units, ...learned.units];
  const { plan, corrections } = await correct(model, learned.plan, observed, samples, meanSamples, steps);
  flagBiases(model, plan, assignment.layers, flags);
  const errors = await measure(model, plan, samples, options, steps);
  const rowCounts = new Map([...selected.rows].map(([name, rows]) => [name, rows.reduce((n, r) => n + r.rows, 0)]));
  return {
    plan,
    assignment,
    observed,
    separations,
    ranges: selected.ranges,
    refined,
    rowCounts,
    units,
    corrections,
    errors,
    flags,
    detections: observed.detections,
  };
}

/** Both passes over the float model; what they run is let go of at the end. */
async function passes(shared: Omit<Pass, "runAt">) {
  const pass = { ...shared, runAt: runsOf(shared) };
  const observed = await observe(pass);
  const separations = await separate(pass.method, observed, pass.steps);
  const selected: Selected = pass.method.selection
    ? await select(pass, separations, observed.extremes)
    : { ranges: observed.ranges, rows: new Map() };
  pass.runAt.release();
  return { observed, separations, selected };
}

async function separate(method: Method, observed: Observed, steps: Steps): Promise<Map<string, Separation>> {
  const separations = new Map<string, Separation>();
  if (!method.selection) return separations;
  for (const [name, scores] of observed.scores) {
    separations.set(name, method.selection.separator.fit(scores.values()));
    await steps.after("separate", separations.size);
  }
  return separations;
}

async function refineSites(
  { graph }: GraphModel,
  { sites }: Assignment,
  { refinement }: Method,
  plan: Plan,
  { ranges, rows }: Selected,
  steps: Steps,
): Promise<Map<string, Refined>> {
  const refined = new Map<string, Refined>();
  if (!refinement) return refined;
  let done = 0;
  for (const site of sites.values()) {
    const readers = (rows.get(site.tensor) ?? []).filter((r) => r.rows > 0).map((r) => readerOf(r, graph, plan, refinement));
    const range = ranges.get(site.tensor) as Range;
    if (readers.length > 0) refined.set(site.tensor, refinement.refiner.refine({ scheme: site.scheme, range, readers }));
    await steps.after("refine", ++done);
  }
  return refined;
}

function readerOf(rows: LayerRows, graph: Graph, plan: Plan, refinement: Refinement): RefineReader {
  const importance = refinement.importance(rows);
  if (!rows.layer) return { rows, weight: rows.view.matrix(undefined), quantizedWeight: rows.view.matrix(undefined), importance };
  const weight = graph.parameters.get(rows.layer.weight) as Tensor;
  const quantized = applySite(weightOf(graph, plan, rows.layer), plan.weights.get(rows.layer.weight) as SitePlan);
  return { rows, weight: rows.view.matrix(weight), quantizedWeight: rows.view.matrix(refinement.through(weight, quantized)), importance };
}

function planActivations(
  { sites }: Assignment,
  ranges: ReadonlyMap<string, Range>,
  refined: ReadonlyMap<string, Refined>,
  flags: Map<string, string[]>,
): Map<string, SitePlan> {
  const plans = new Map<string, SitePlan>();
  for (const { tensor, scheme } of sites.values()) {
    const better = refined.get(tensor);
    const { params, flags: found } = chooseQParams(better?.range ?? (ranges.get(tensor) as Range), scheme);
    if (found.length > 0) flags.set(tensor, found);
    plans.set(tensor, { params: better?.params ?? params, scheme });
  }
  return plans;
}

async function learn(
  context: Pick<ReconstructContext, "model" | "samples" | "seed" | "steps" | "done">,
  plan: Plan,
  { reconstruction }: Method,
  { budget, journal, shelf = memoryShelf }: CalibrateOptions,
  wanted: (stage: LearningStage) => boolean,
): Promise<{ plan: Plan; units: UnitRecord[] }> {
  const stages = reconstruction?.stages.filter(wanted) ?? [];
  if (!reconstruction || stages.length === 0) return { plan, units: [] };
  const share = budget === undefined ? undefined : (budget * stages.length) / reconstruction.stages.length;
  return reconstruct({ ...context, budget: share, journal, shelf }, plan, { ...reconstruction, stages });
}

async function correct(
  { graph }: GraphModel,
  plan: Plan,
  { means }: Observed,
  samples: SampleSource,
  chosen: readonly number[],
  steps: Steps,
) {
  if (chosen.length === 0) return { plan, corrections: [] };
  const inputs = function* () {
    for (const i of chosen) yield samples.input(i);
  };
  return correctBiases(graph, plan, means, inputs(), async (done, total) => {
    await steps.after("correct biases", (done / total) * chosen.length);
  });
}

function flagBiases({ graph }: GraphModel, plan: Plan, layers: readonly Layer[], flags: Map<string, string[]>): void {
  for (const layer of layers) {
    const bias = biasOf(graph, plan, layer);
    const activation = plan.activations.get(layer.input);
    const weight = plan.weights.get(layer.weight);
    if (!bias || !activation || !weight || quantizeBias(bias, layer, activation, weight)) continue;
    flags.set(layer.name, [...(flags.get(layer.name) ?? []), "bias-float"]);
  }
}

async function measure(
  model: GraphModel,
  plan: Plan,
  samples: SampleSource,
  options: CalibrateOptions,
  steps: Steps,
): Promise<Map<string, SiteError>> {
  const meters = new Map([...plan.activations].map(([name, site]) => [name, new SiteMeter(site)]));
  const names = new Set(meters.keys());
  const chosen = evenIndices(samples.names.length, measureCount(options, samples.names.length));
  const runAt = floatRuns(model, names);
  for (let i = 0; i < chosen.length; i++) {
    const run = runAt(samples.input(chosen[i]));
    for (const [name, meter] of meters) meter.add(run.tensors.get(name) as Tensor);
    await steps.after("measure", i + 1);
  }
  runAt.release();
  return new Map([...meters].map(([name, meter]) => [name, meter.result()]));
}
