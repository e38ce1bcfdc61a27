import type { Prediction } from "../detect/index.ts";
import type { Separation } from "../em/index.ts";
import { ArgumentError } from "../errors.ts";
import { type Meta, Rng, Tensor, viewAs } from "../tensor/index.ts";
import type { Assignment } from "./assign.ts";
import { ChannelMeans } from "./biasCorrection.ts";
import { type Chosen, choiceRng } from "./choosers.ts";
import { emplace } from "./emplace.ts";
import { type FpRun, floatRuns, type GraphDetector, type GraphModel, gradientRuns } from "./evidence.ts";
import type { Method, Selection } from "./method.ts";
import { minmax } from "./observer/minmax.ts";
import type { Observer } from "./observer/observer.ts";
import { identityView, patchView } from "./patches.ts";
import { type LayerRows, type RowLimits, RowSampler } from "./rows.ts";
import { saliency } from "./saliency.ts";
import type { SampleSource } from "./samples.ts";
import type { Range } from "./scheme.ts";
import { ScoreSample } from "./scores.ts";
import type { Steps } from "./steps.ts";
import { volumesOf } from "./volumes.ts";

/** What one pass over the float model gathers for every method. */
export interface Observed {
  /** Exact range of every activation site. */
  readonly extremes: ReadonlyMap<string, Range>;
  /** The method's range, for methods that look at all volumes. */
  readonly ranges: ReadonlyMap<string, Range>;
  /** Saliency scores, for methods with a selection. */
  readonly scores: ReadonlyMap<string, ScoreSample>;
  readonly means: ChannelMeans;
  /** Float detections per sample, in pixels of the network input; none where the model is no detector. */
  readonly detections: readonly (readonly Prediction[])[];
}

/** What the passes over the float model share. */
export interface Pass {
  readonly model: GraphModel;
  readonly samples: SampleSource;
  readonly assignment: Assignment;
  readonly method: Method;
  readonly seed: number;
  /** Samples whose channel means bias correction will compare with, in order. */
  readonly meanSamples: readonly number[];
  readonly steps: Steps;
  /** What `runsOf` gives. */
  readonly runAt: RunAt;
}

/** The float model on one sample after the other. */
export interface RunAt {
  (index: number): FpRun;
  /** Hands its memory on: nothing of its last run may be used any more. */
  release(): void;
}

/**
 * The float model on the samples of a pass, by their index: all tensors a pass must see, and where the method selects, their
 * saliency and the gradients that refinement weighs errors with. Both passes run the same recording.
 */
export function runsOf(pass: Omit<Pass, "runAt">): RunAt {
  const { model, method, samples, assignment } = pass;
  const names = tensorsOf(assignment);
  const seen = seenBy(pass);
  if (!method.selection) {
    const run = floatRuns(model, seen);
    return Object.assign((index: number) => run(samples.input(index)), { release: run.release });
  }
  const detector = scored(model, method);
  const run = gradientRuns(detector, names, method.selection.loss, { seen, kept: measuredBy(pass) });
  return Object.assign((index: number) => run(samples.input(index), samples.names[index]), { release: run.release });
}

/** The model as a detector, whose score map a selecting method needs. */
function scored({ graph, detector }: GraphModel, { name }: Method): GraphDetector {
  if (detector) return { graph, detector };
  throw new ArgumentError(
    "calibrate",
    `${name} must have the class scores of a detector, got a network without a card (give one, or take a method that needs ranges only)`,
  );
}

/** Names of the tensors that get a saliency: activation sites and the outputs of the layers that read them. */
const tensorsOf = ({ sites, layers }: Assignment): Set<string> => new Set([...sites.keys(), ...layers.map((l) => l.output)]);

/**
 * Names of the tensors whose values are read: activation sites, and the outputs of layers where biases are corrected or
 * volumes are chosen by their values.
 */
const seenBy = ({ assignment: { sites, layers }, method: { selection }, meanSamples }: Omit<Pass, "runAt">): Set<string> =>
  new Set([...sites.keys(), ...(meanSamples.length > 0 || selection?.chooser.looksAtValues ? layers.map((l) => l.output) : [])]);

/** Names of the tensors whose errors refinement weighs: the sites themselves or the outputs of their readers. */
function measuredBy({ assignment, method: { refinement } }: Pick<Pass, "assignment" | "method">): Set<string> {
  if (!refinement) return new Set();
  const sites = [...assignment.sites.values()];
  return new Set(sites.flatMap(({ tensor, readers }) => (refinement.target === "self" ? [tensor] : readers.map((l) => l.output))));
}

/** A stateful handle on an observer, one per site. */
function observing(observer: Observer) {
  let state = observer.init();
  return {
    add: (x: Tensor, mask?: Tensor) => {
      state = observer.add(state, mask ? { x, mask } : { x });
    },
    result: () => observer.result(state),
  };
}

/** First pass: exact ranges, channel means, float detections, and scores or the method's own ranges. */
export async function observe(pass: Pass): Promise<Observed> {
  const { assignment, method, samples, model } = pass;
  const sites = [...assignment.sites.values()];
  const extremes = new Map(sites.map((s) => [s.tensor, observing(minmax({ axis: s.scheme.axis }))]));
  const own = new Map(method.selection ? [] : sites.map((s) => [s.tensor, observing(method.activationObserver(s.scheme, pass.seed))]));
  const scores = new Map<string, ScoreSample>();
  const means = new ChannelMeans();
  const detections: (readonly Prediction[])[] = [];
  for (let i = 0; i < samples.names.length; i++) {
    const run = pass.runAt(i);
    for (const [name, h] of run.saliency) addScores(pass, scores, name, h);
    for (const { tensor } of sites) {
      const x = run.tensors.get(tensor) as Tensor;
      extremes.get(tensor)?.add(x);
      own.get(tensor)?.add(x);
    }
    const place = pass.meanSamples.indexOf(i);
    if (place >= 0) for (const layer of assignment.layers) means.add(layer.name, run.tensors.get(layer.output) as Tensor, place);
    if (model.detector) detections.push(model.detector.decode(run.heads)[0]);
    await pass.steps.after("observe", i + 1);
  }
  return { extremes: resultsOf(extremes), ranges: resultsOf(own), scores, means, detections };
}

function addScores({ method, samples, seed }: Pass, scores: Map<string, ScoreSample>, name: string, h: Tensor): void {
  const limit = (method.selection as Selection).maxScores;
  const make = () => new ScoreSample(new Rng(seed).split(`scores/${name}`), limit, samples.names.length);
  emplace(scores, name, make).add(h);
}

const resultsOf = (handles: ReadonlyMap<string, { result(): Range }>): Map<string, Range> =>
  new Map([...handles].map(([name, h]) => [name, h.result()]));

/** What the second pass of a selecting method gathers. */
export interface Selected {
  /** Range over the inlier volumes of each site. */
  readonly ranges: ReadonlyMap<string, Range>;
  /** Sampled volumes per site: one set per reader, or one for the site itself. */
  readonly rows: ReadonlyMap<string, readonly LayerRows[]>;
}

/**
 * Second pass: with the volumes chosen, the range over them (InlierQ eq. 11 and Algorithm 1, line 7) and
 * the sampled volumes that refinement works on. Sites without a chosen volume anywhere keep their full range.
 */
export async function select(
  pass: Pass,
  separations: ReadonlyMap<string, Separation>,
  extremes: ReadonlyMap<string, Range>,
): Promise<Selected> {
  const { assignment, method, samples, seed } = pass;
  const sites = [...assignment.sites.values()];
  const observers = new Map(sites.map((s) => [s.tensor, { ...observing(method.activationObserver(s.scheme, seed)), seen: false }]));
  const samplers = rowSamplers(pass);
  const names = tensorsOf(assignment);
  for (let i = 0; i < samples.names.length; i++) {
    const run = pass.runAt(i);
    const chosen = chosenBy(pass, i, run, separations, names);
    for (const { tensor } of sites) {
      const mask = chosen.get(tensor)?.range;
      const handle = observers.get(tensor);
      if (!handle || !mask?.data.includes(1)) continue;
      const x = run.tensors.get(tensor) as Tensor;
      handle.add(volumesFirst(x), x.shape.length >= 4 ? mask : viewAs(mask, [mask.size]));
      handle.seen = true;
    }
    for (const s of samplers) {
      const weights = chosen.get(s.measured)?.weights.data as Float32Array | undefined;
      s.sampler.add(run.tensors.get(s.site) as Tensor, s.shape, run.gradients.get(s.measured), weights, method.refinement?.anomalies);
    }
    await pass.steps.after("select", i + 1);
  }
  const ranges = new Map([...observers].map(([name, h]) => [name, h.seen ? h.result() : (extremes.get(name) as Range)]));
  const rows = new Map<string, LayerRows[]>();
  for (const s of samplers) rows.set(s.site, [...(rows.get(s.site) ?? []), s.sampler.result()]);
  return { ranges, rows };
}

interface SiteSampler {
  readonly site: string;
  /** The tensor whose error is measured: a reader's output, or the site itself. */
  readonly measured: string;
  /** Its shape, for one sample. */
  readonly shape: readonly number[];
  readonly sampler: RowSampler;
}

function rowSamplers({ assignment, method, model, samples, seed }: Pass): SiteSampler[] {
  const { refinement } = method;
  if (!refinement) return [];
  const limits: RowLimits = { rows: refinement.rows, floats: refinement.floats, samples: samples.names.length };
  return [...assignment.sites.values()].flatMap(({ tensor, readers }) => {
    const rng = new Rng(seed).split(`rows/${tensor}`);
    const shapeOf = (name: string): readonly number[] => (model.graph.metas.get(name) as Meta).shape;
    if (refinement.target === "self") {
      const shape = shapeOf(tensor);
      const { channels } = volumesOf(shape);
      return [{ site: tensor, measured: tensor, shape, sampler: new RowSampler(undefined, identityView(channels), limits, rng) }];
    }
    return readers.map((layer) => {
      const view = patchView(layer, (model.graph.parameters.get(layer.weight) as Tensor).shape);
      return {
        site: tensor,
        measured: layer.output,
        shape: shapeOf(layer.output),
        sampler: new RowSampler(layer, view, limits, rng.split(layer.name)),
      };
    });
  });
}

/** The chosen volumes [N,h,w] (or [Q] for feature rows) of every tensor of sample `index`; without a separation all of them. */
function chosenBy(
  { method, model: { graph }, seed }: Pass,
  index: number,
  run: FpRun,
  separations: ReadonlyMap<string, Separation>,
  names: ReadonlySet<string>,
): Map<string, Chosen> {
  const { chooser } = method.selection as Selection;
  const all = new Map<string, Chosen>();
  for (const name of names) {
    const h = run.saliency.get(name);
    const separation = separations.get(name);
    const x = chooser.looksAtValues ? run.tensors.get(name) : undefined;
    const of = h && separation && { saliency: h, separation, magnitudes: x && saliency(x), rng: choiceRng(seed, name, index) };
    all.set(name, of ? chooser.choose(of) : everyVolume(graph.metas.get(name) as Meta));
  }
  return all;
}

function everyVolume(x: Meta): Chosen {
  const { count } = volumesOf(x.shape);
  const shape = x.shape.length >= 4 ? [x.shape[0], ...x.shape.slice(2)] : [count];
  const mask = new Tensor(shape, "u8", new Uint8Array(count).fill(1));
  return { range: mask, weights: mask };
}

/** Feature rows [1,Q,D] read as Q samples of D channels, which is how masks index them. */
const volumesFirst = (x: Tensor): Tensor => (x.shape.length >= 4 ? x : viewAs(x, [volumesOf(x.shape).count, volumesOf(x.shape).channels]));
