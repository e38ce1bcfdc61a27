import { detectionsKept, type GroundTruth, type Prediction } from "../detect/index.ts";
import { ArgumentError, StateError } from "../errors.ts";
import type { Graph } from "../graph/index.ts";
import { exportOnnx } from "../onnx/index.ts";
import {
  assign,
  type CalibrateOptions,
  type Calibration,
  type CalibrationRecord,
  calibrate,
  type EqualizeRecord,
  formatScheme,
  type GraphModel,
  type Journal,
  lossesOfDetections,
  type Method,
  outputSqnr,
  type Plan,
  RECORD_VERSION,
  type Shelf,
  type Stage,
  type StepOptions,
  Steps,
  type Tuned,
  tuneMethod,
  tuneStages,
} from "../quant/index.ts";
import { VERSION } from "../version.ts";
import { Clock } from "./clock.ts";
import { defined, METHOD_NAMES, methodOf, parseConfig, type QuantizeConfig } from "./config.ts";
import { parseDuration } from "./duration.ts";
import { equalizeModel, equalizeStages, requirePlaces } from "./equalize.ts";
import { type Estimate, estimate, timedStages } from "./estimate.ts";
import { type Detections, detectAll, score } from "./evaluate.ts";
import { adviceFor, comparesDetections, defaultGate, type Gate, type GateOutcome, judge, outputGate, parseGate } from "./gate.ts";
import { layersOf } from "./layers.ts";
import { requireLearning } from "./learning.ts";
import { type BareModel, endLayers, type LoadedModel, loadNetwork } from "./model.ts";
import { type Promoted, promoteWorst, promotionWork } from "./promote.ts";
import { portion, workOf } from "./ranking.ts";
import { bytesOf, costRecord, countDetections, layerRecords, macsOf, siteRecords } from "./recordOf.ts";
import { collect, type Sample, type Samples } from "./samples.ts";

/** What `quantize` takes beside the model: every key of a configuration file, and these. */
export interface QuantizeOptions extends StepOptions, Omit<QuantizeConfig, "samples"> {
  /**
   * What ranges are calibrated on, at most `sampleCount` of them: pictures, or finished network inputs (`tensorSamples`
   * wraps tensors and records of tensors). Labels are read only by an `ap50` gate.
   */
  readonly samples: Iterable<Sample> | AsyncIterable<Sample>;
  /** Default 64 (InlierQ section 5.1). */
  readonly sampleCount?: number;
  /**
   * Detector card for graphs no preset matches. Without any, tensors calibrate the methods that look at ranges only, and
   * the gate compares outputs.
   */
  readonly card?: unknown;
  /** Base name of the model in the record and the exported file. Default "model". */
  readonly name?: string;
  /** Where activations wait while units learn; the caller closes it. Default: memory. */
  readonly shelf?: Shelf;
  /** Given every option with its value before the work starts: where finished units are written down, and taken from. */
  readonly journal?: (config: Readonly<Record<string, unknown>>) => Journal;
  /** Told once, before the work starts. */
  readonly onEstimate?: (estimate: Estimate) => void;
}

/** Detections of one sample, in pixels of its picture, or of the network input where it has none. */
export interface SampleDetections {
  readonly name: string;
  readonly predictions: readonly Prediction[];
}

/** What `quantize` gives. */
export interface QuantizeResult {
  /** Base name of the model. */
  readonly name: string;
  /** `<name>.<scheme>.onnx`, scheme in lower case. */
  readonly fileName: string;
  /** The exported file. */
  readonly onnx: Uint8Array;
  /** The account: what record.json holds. */
  readonly record: CalibrationRecord;
  /** Wall times in milliseconds by stage: the only part that differs between runs. */
  readonly timing: Readonly<Record<string, number>>;
  /** What the float network found on the calibration samples; nothing without a detector card. */
  readonly before: readonly SampleDetections[];
  /** What the quantized one found on them. */
  readonly after: readonly SampleDetections[];
  /** Whether enough detections survived. */
  readonly gate: GateOutcome;
  /** The simulation: float graph and plan, as `graph.forward(x, tapOf(graph, plan))` runs them. */
  readonly model: LoadedModel | BareModel;
  /** Grids of all quantized tensors. */
  readonly plan: Plan;
}

/** The settings a run resolves to. */
interface Settings {
  readonly config: QuantizeConfig;
  readonly method: Method;
  readonly calibration: CalibrateOptions;
  readonly gate: Gate;
  readonly policy: string;
  readonly seed: number;
  /** What was done to the float network. */
  readonly equalize?: EqualizeRecord;
}

/**
 * Quantizes a trained detector after training: ONNX in, QDQ ONNX out, with the account of what was done.
 *
 * Deterministic: the same model, samples, options and seed give the same bytes. Control returns between
 * samples; `signal` aborts at the next one.
 *
 * Errors: ArgumentError for a refused model, sample or option; AbortError.
 */
export async function quantize(model: Uint8Array | Graph, options: QuantizeOptions): Promise<QuantizeResult> {
  const name = options.name ?? "model";
  const given = loadNetwork(model, name, options.card);
  const asked = resolve(options, given);
  const samples = await collect(options.samples, options.sampleCount ?? 64, given);
  requireGate(asked.gate, samples);
  requireScores(asked.method, given);
  // What cannot be exported is refused before the work.
  exportOnnx(given.graph);
  const clock = new Clock();
  const { loaded, settings, calibration, promotion, tuning, steps } = await calibrated(given, asked, samples, options, clock);
  const before = calibration.detections.map((list, i) => samples.toPicture(i, list));
  const { plan } = calibration;
  const after = loaded.detector ? await detectAll(loaded, plan, samples, (done) => steps.after("detect", done)) : [];
  const judged =
    settings.gate.rule === "sqnr"
      ? verdict(settings, await outputSqnr(loaded, plan, samples, (done) => steps.after("compare", done)))
      : verdict(settings, gateValue(loaded, samples, settings.gate, before, after));
  const detections = loaded.card ? countDetections(loaded.card, before, after) : null;
  const onnx = exportOnnx(loaded.graph, plan, {
    metadata: metadataOf(settings),
    producerVersion: VERSION,
    fusible: settings.config.fusible ?? false,
  });
  const record = recordOf(loaded, samples, settings, calibration, { gate: judged, detections, promotion, tuning }, name, onnx.length);
  clock.lap("export");
  return {
    name,
    fileName: `${name}.${record.scheme.toLowerCase()}.onnx`,
    onnx,
    record,
    timing: clock.times,
    before: named(samples, before),
    after: named(samples, after),
    gate: judged,
    model: loaded,
    plan,
  };
}

/** The plan of a model, after the rewrites and the promotion that were asked for; `steps` are those left. */
async function calibrated(given: LoadedModel | BareModel, asked: Settings, samples: Samples, options: QuantizeOptions, clock: Clock) {
  const assignment = assign(given.graph, asked.calibration.assign);
  requirePlaces(given.graph, asked.config.equalize ?? [], assignment);
  requireLearning(asked, given, assignment);
  const journal = options.journal?.(fullConfig(asked));
  const promoting = promotionWork({ ...asked, model: given, samples });
  const tuning = workOf(tuneStages(given.graph, asked.method, asked.calibration, samples.names.length));
  const estimated = estimate(given, samples, asked.method, asked.calibration, promoting + tuning);
  options.onEstimate?.(estimated);
  clock.lap("estimate");
  const rewriting = equalizeStages(asked.config.equalize ?? [], samples.names.length);
  const timed = timedStages(given.graph, asked.method, asked.calibration, samples.names.length, estimated.forward);
  const stages = [...timed, ...comparing(given, asked.gate, samples)];
  const total = workOf(rewriting) + tuning + promoting + workOf(stages);
  const [part, tuned] = [workOf(rewriting) / total, (workOf(rewriting) + tuning) / total];
  const watched = clock.watching(options);
  const early = new Steps(rewriting, portion(watched, 0, part));
  const { model: loaded, ...prepared } = await equalizeModel(given, asked, assignment, samples, early);
  const problem = { ...asked, ...prepared };
  const found = await tuneMethod({ ...problem, model: loaded, samples, options: problem.calibration }, portion(watched, part, tuned));
  const settings = { ...problem, method: found.method };
  const { rest, promotion, ...promoted } = await promoteWorst({ ...settings, model: loaded, samples }, stages, portion(watched, tuned, 1));
  const steps = new Steps(stages, rest);
  const calibration = await calibrate(loaded, samples, found.method, { ...promoted.calibration, journal }, steps);
  return { loaded, settings, calibration, promotion, tuning: found.tuning, steps };
}

const named = (samples: Samples, all: Detections): SampleDetections[] =>
  all.map((predictions, i) => ({ name: samples.names[i], predictions }));

/** What is run after calibration, on all samples. */
function comparing({ detector }: GraphModel, gate: Gate, { names }: Samples): Stage[] {
  const stage = (name: string, work: number, wanted: boolean): Stage[] => (wanted ? [{ name, steps: names.length, work }] : []);
  return [...stage("detect", 1.2, detector !== undefined), ...stage("compare", 2.4, gate.rule === "sqnr")];
}

function requireGate({ rule }: Gate, { list }: Samples): void {
  if (rule !== "ap50") return;
  const counts = ({ difficult, crowd }: GroundTruth): boolean => !difficult && !crowd;
  const wrong = list.some((s) => !s.truth)
    ? "pictures without boxes"
    : list.some((s) => s.truth?.some(counts))
      ? undefined
      : "pictures on which no box counts";
  if (wrong) throw new ArgumentError("gate", `ap50 must come with annotated pictures, got ${wrong} (use --annotations, or gate "kept=…")`);
}

function requireScores({ name, selection }: Method, { detector }: GraphModel): void {
  if (!selection || detector) return;
  const others = METHOD_NAMES.filter((other) => {
    const { selection: selects, reconstruction } = methodOf({ method: other });
    return !selects && (!reconstruction || lossesOfDetections(reconstruction).length === 0);
  });
  throw new ArgumentError(
    "method",
    `${name} must have the class scores of a detector, got a network without a detector card (give a card, or take ${others.join(", ")})`,
  );
}

const fullConfig = ({ config, method }: Settings): Readonly<Record<string, unknown>> => ({ ...config, [method.name]: method.options });

function resolve(options: QuantizeOptions, model: LoadedModel | BareModel): Settings {
  const { samples: _, sampleCount, card: __, name: ___, ...others } = options;
  const { shelf, journal: ____, onEstimate: _____, signal: ______, onProgress: _______, ...rest } = others;
  const config = parseConfig(rest, "quantize");
  const { seed = 0, gate, biasSamples } = config;
  const budget = config.budget === undefined ? undefined : parseDuration(config.budget, "budget");
  const { policy, assign: layers, biasCorrection } = layersOf(config, model);
  const calibration = { assign: layers, seed, head: endLayers(model).head, ...defined({ biasCorrection, biasSamples, budget, shelf }) };
  const full = { ...config, scheme: formatScheme(layers), policy: config.policy ?? "inlierq", seed, samples: sampleCount ?? 64 };
  return { config: full, method: methodOf(config), calibration, gate: gateOf(gate, model), policy, seed };
}

function gateOf(text: string | undefined, { card }: LoadedModel | BareModel): Gate {
  const gate = text === undefined ? (card ? defaultGate : outputGate) : parseGate(text);
  if (card || !comparesDetections(gate)) return gate;
  throw new ArgumentError("gate", `${gate.rule} must have detections to compare, got a network without a detector card (use sqnr=<dB>)`);
}

interface Found {
  readonly gate: GateOutcome;
  readonly detections: CalibrationRecord["detections"];
  readonly promotion: Promoted["promotion"];
  readonly tuning: Tuned["tuning"];
}

/** The value of a gate that compares detections. */
function gateValue({ card }: LoadedModel | BareModel, samples: Samples, { rule }: Gate, before: Detections, after: Detections): number {
  if (!card) throw new StateError("gate", `${rule} must have detections to compare, got a network without a detector card`);
  if (rule === "kept") return detectionsKept(before, after, { minScore: card.visibleThreshold }).share;
  return 100 * (score(samples, after, card.classes).coco.AP50 - score(samples, before, card.classes).coco.AP50);
}

function verdict({ gate, calibration, method, config }: Settings, value: number): GateOutcome {
  const { weightBits, activationBits } = calibration.assign;
  const attempt = { weightBits, activationBits, learns: method.reconstruction !== undefined, promotes: config.promote !== undefined };
  return judge(gate, value, adviceFor(attempt));
}

function recordOf(
  model: LoadedModel | BareModel,
  samples: Samples,
  settings: Settings,
  calibration: Calibration,
  found: Found,
  name: string,
  fileBytes: number,
): CalibrationRecord {
  const { rule, value, limit, passed } = found.gate;
  return {
    version: RECORD_VERSION,
    kind: "inlierq/record",
    model: name,
    detector: model.card?.name ?? null,
    method: settings.method.name,
    scheme: settings.config.scheme as string,
    policy: settings.policy,
    seed: settings.seed,
    samples: samples.names,
    ...(samples.list.some((s) => s.picture) ? {} : { sampleKind: "tensors" as const }),
    ...(settings.equalize ? { equalize: settings.equalize } : {}),
    config: fullConfig(settings),
    versions: { inlierq: VERSION },
    macs: macsOf(model, calibration.plan.layers),
    bytes: bytesOf(model, calibration.plan),
    cost: costRecord(model, calibration.plan, fileBytes),
    sites: siteRecords(calibration),
    units: calibration.units,
    layers: layerRecords(model, calibration),
    ...defined({ promotion: found.promotion, tuning: found.tuning }),
    detections: found.detections,
    gate: { rule, value, limit, passed },
  };
}

const metadataOf = ({ method, config, policy, seed }: Settings): Record<string, string> => ({
  method: method.name,
  scheme: config.scheme as string,
  policy,
  seed: String(seed),
  version: VERSION,
});
