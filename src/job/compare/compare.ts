import { parseCard } from "../../detect/index.ts";
import { ArgumentError } from "../../errors.ts";
import { Graph, runNode } from "../../graph/index.ts";
import {
  COMPARISON_VERSION,
  type ComparisonRecord,
  emptyPlan,
  isIntegerFile,
  type LayerDifference,
  type Plan,
  readIntegerFile,
  type StepOptions,
  Steps,
  tapOf,
} from "../../quant/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { VERSION } from "../../version.ts";
import { type Gate, type GateOutcome, judge, parseGate } from "../gate.ts";
import { askedBy, type LoadedModel, loadModel } from "../model.ts";
import { collect, type Sample, type Samples } from "../samples.ts";
import { type ModelSource, type ReadOptions, readGraph } from "../source.ts";
import { compareDetections } from "./detections.ts";
import { pairGraphs } from "./pairing.ts";
import { type Point, pointsOf } from "./points.ts";
import { type Side, Stream } from "./stream.ts";
import { TensorMeter } from "./tensorMeter.ts";

/** A model to compare: the files of a float or quantized model, a graph, or a graph under a plan. */
export type ComparedModel = ModelSource | { readonly graph: Graph; readonly plan: Plan };

/** What `compare` takes beside the two models. */
export interface CompareOptions extends StepOptions {
  /** Pictures to run both models on; at most `sampleCount` are taken. */
  readonly samples: Iterable<Sample> | AsyncIterable<Sample>;
  /** Default 8. */
  readonly sampleCount?: number;
  /** Detector card for graphs no preset matches; default also the one in an integer file. */
  readonly card?: unknown;
  /** What the two are called in the record and in errors. Default "model" and "other". */
  readonly name?: string;
  /** As `name`, for the second model. */
  readonly otherName?: string;
  /** Noted in the record: the seed the samples were chosen with. */
  readonly seed?: number;
  /** "kept=<share>"; without one the comparison always passes. */
  readonly gate?: string;
}

/** What `compare` gives. */
export interface CompareResult {
  /** The account: layers, detections and options. */
  readonly record: ComparisonRecord;
  /** Undefined without a gate. */
  readonly gate: GateOutcome | undefined;
}

/**
 * Runs two versions of one detector side by side and says where they part: how far the output of every layer is from the
 * first model's, by its own doing (`isolated`) and with all that came before (`accumulated`), and which detections are kept,
 * lost and new. A layer's own doing is everything the second model computes between tensors both models have and the layer's
 * output: quantizers of its input and weight included. Integer files run as the simulation they equal.
 *
 * Sums run over all pictures before a ratio is taken. Of each model only the tensors still needed are held.
 * Deterministic.
 *
 * Errors: ArgumentError for a refused model, sample, card or gate, and for models whose layers do not match; AbortError.
 */
export async function compare(model: ComparedModel, other: ComparedModel, options: CompareOptions): Promise<CompareResult> {
  const { name = "model", otherName = "other", card } = options;
  const gate = options.gate === undefined ? undefined : parseKeptGate(options.gate);
  const asked = askedBy(card === undefined ? undefined : parseCard(card, "card"));
  const first = openModel(model, { name, ...asked });
  const second = openModel(other, { name: otherName, ...asked });
  const loaded = loadModel(first.graph, name, card ?? first.card ?? second.card);
  const job = { model: first, other: second, loaded, pairing: pairGraphs(first.graph, second.graph) };
  const samples = await collect(options.samples, options.sampleCount ?? 8, loaded);
  const found = await runBoth(job, samples, options);
  const kept = found.detections.keptShare;
  const outcome = gate && judge(gate, kept, "look at the layers with the lowest isolated SQNR");
  const record: ComparisonRecord = {
    version: COMPARISON_VERSION,
    kind: "inlierq/comparison",
    model: name,
    other: otherName,
    detector: loaded.card.name,
    seed: options.seed ?? 0,
    samples: [...samples.names],
    versions: { inlierq: VERSION },
    matchedBy: job.pairing.matchedBy,
    ...found,
    gate: gate ? { ...gate, value: kept, passed: outcome?.passed === true } : null,
  };
  return { record, gate: outcome };
}

/** Reads a gate that needs no annotations. Errors: ArgumentError for any other. */
export function parseKeptGate(text: string): Gate {
  const gate = parseGate(text);
  if (gate.rule !== "kept")
    throw new ArgumentError("gate", `a comparison without annotations must be judged by "kept=<share>", got "${text}"`);
  return gate;
}

interface OpenModel extends Side {
  /** The card that came with the file. */
  readonly card: unknown;
}

function openModel(model: ComparedModel, options: ReadOptions): OpenModel {
  const { graph, plan, card } = partsOf(model, options);
  return { graph, tap: tapOf(graph, plan), card };
}

function partsOf(model: ComparedModel, options: ReadOptions): { graph: Graph; plan: Plan; card?: unknown } {
  if ("plan" in model) return model;
  const bytes = model instanceof Uint8Array ? model : model instanceof Graph ? undefined : model.bytes;
  if (!bytes || !isIntegerFile(bytes)) return { graph: readGraph(model, options), plan: emptyPlan };
  const { graph, plan, card } = readIntegerFile(bytes, options.name);
  return { graph, plan, card: card ?? undefined };
}

interface Job {
  readonly model: OpenModel;
  readonly other: OpenModel;
  readonly loaded: LoadedModel;
  readonly pairing: ReturnType<typeof pairGraphs>;
}

/** Points between two reports of progress. */
const STRIDE = 8;

/** Both models over all pictures, one picture and one layer at a time. */
async function runBoth({ model, other, loaded, pairing }: Job, samples: Samples, options: StepOptions) {
  const points = pointsOf(model.graph, other.graph, pairing);
  const all = [...points.layers, ...points.outputs].map((point) => ({
    point,
    isolated: new TensorMeter(),
    accumulated: new TensorMeter(),
  }));
  const inOrder = [...all].sort((a, b) => a.point.at - b.point.at || a.point.otherAt - b.point.otherAt);
  const uses = countUses(all.map((m) => m.point));
  const count = samples.names.length;
  const steps = new Steps([{ name: "compare layers", steps: Math.max(1, all.length) * count, work: 1 }], options);
  const found = { before: [] as ReturnType<Samples["toPicture"]>[], after: [] as ReturnType<Samples["toPicture"]>[] };
  for (let i = 0; i < count; i++) {
    const x = samples.input(i);
    const [ours, theirs] = [new Stream(model, x, uses.ours), new Stream(other, x, uses.theirs)];
    for (const [k, { point, isolated, accumulated }] of inOrder.entries()) {
      ours.runTo(point.at);
      theirs.runTo(point.otherAt);
      const reference = ours.get(point.tensor);
      isolated.add(reference, runAlone(other, point, ours));
      accumulated.add(reference, theirs.get(point.otherTensor));
      for (const name of [point.tensor, ...point.sources.values()]) ours.release(name);
      theirs.release(point.otherTensor);
      if (k % STRIDE === STRIDE - 1) await steps.after("compare layers", i * all.length + k + 1);
    }
    const heads = theirs.finish();
    const renamed = Object.fromEntries(Array.from(pairing.outputs, ([name, partner]) => [name, heads[partner]]));
    found.before.push(samples.toPicture(i, loaded.detector.decode(ours.finish())[0]));
    found.after.push(samples.toPicture(i, loaded.detector.decode(renamed)[0]));
    await steps.after("compare layers", Math.max(1, all.length) * (i + 1));
  }
  const differences = all.map(({ point, isolated, accumulated }): LayerDifference => {
    const { name, kind, role, tensor, otherTensor } = point;
    return { name, kind, role, tensor, otherTensor, isolated: isolated.result(), accumulated: accumulated.result() };
  });
  return {
    layers: differences.slice(0, points.layers.length),
    outputs: differences.slice(points.layers.length),
    detections: compareDetections(samples, loaded.card, found.before, found.after),
  };
}

/** How often the points read each tensor of either graph. */
function countUses(points: readonly Point[]): { ours: Map<string, number>; theirs: Map<string, number> } {
  const [ours, theirs] = [new Map<string, number>(), new Map<string, number>()];
  const add = (uses: Map<string, number>, name: string): unknown => uses.set(name, (uses.get(name) ?? 0) + 1);
  for (const { tensor, otherTensor, sources } of points) {
    for (const name of [tensor, ...sources.values()]) add(ours, name);
    add(theirs, otherTensor);
  }
  return { ours, theirs };
}

/** The tensor of a point as the second model makes it of the first one's tensors. */
function runAlone({ graph, tap }: Side, { nodes, sources, otherTensor }: Point, ours: Stream): Tensor {
  const env = new Map(Array.from(sources, ([theirs, name]): [string, Tensor] => [theirs, ours.get(name)]));
  for (const node of nodes) runNode(graph, node, env, tap);
  return env.get(otherTensor) as Tensor;
}
