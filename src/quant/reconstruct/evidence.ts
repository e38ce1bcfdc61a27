import { compileViews, record } from "../../autograd/index.ts";
import { ArgumentError } from "../../errors.ts";
import type { Graph, GraphInput } from "../../graph/index.ts";
import { inputTensors } from "../../graph/index.ts";
import { type Tap, tapFrom } from "../../nn/index.ts";
import { Rng, sub, type Tensor } from "../../tensor/index.ts";
import { type Choice, type ChoiceOf, choiceRng } from "../choosers.ts";
import { floatRuns, type GraphModel, type SaliencyLoss, saliencyLoss } from "../evidence.ts";
import { copyOf, type GlobalObjective } from "../objective/global.ts";
import { predictionDifference } from "../objective/predictionDifference.ts";
import { type Plan, tapOf } from "../plan.ts";
import { saliency } from "../saliency.ts";
import type { SampleSource } from "../samples.ts";
import { ScoreSample } from "../scores.ts";
import type { Steps } from "../steps.ts";
import { globalOf, type Heads } from "./global.ts";
import type { Kept, Shelf } from "./shelf.ts";

/** What gradients are of, and of which network. */
export interface Evidence {
  /** What the loss needs of the outputs of the float network, which may be views: copies, in shapes that depend on no values. */
  prepare(model: GraphModel, float: Heads): Readonly<Record<string, Tensor>>;
  /** The scalar whose gradients at the outputs of units are taken, in ops only. */
  loss(model: GraphModel, constants: Readonly<Record<string, Tensor>>, heads: Heads): Tensor;
  /** Whether the network is the one the reconstruction starts from, with weights on their grids, or the float one. */
  readonly network: "start" | "float";
  /** Set where the loss is one of detections: a network without a detector card has none. */
  readonly detections?: true;
  /** Which volumes count, where not all do alike. */
  readonly selection?: Choice;
}

/**
 * Gradients of a loss of the predictions of the quantized network against those of the float one; of the squared
 * difference of the outputs where nobody knows what they mean.
 *
 * Departure: BRECQ and Reg-PTQ take the gradient at each unit from the network quantized up to there; here one pass over
 * the network with all weights rounded gives those of all units.
 */
export const againstFloat = (objective: GlobalObjective): Evidence => ({
  network: "start",
  prepare: (model, float) => globalOf(model, objective).prepare(float),
  loss: (model, constants, heads) => globalOf(model, objective).loss(constants, heads),
});

/** Gradients of the difference of the score maps. Source: BRECQ section 3.3, for independent classes. */
export const divergence: Evidence = /* @__PURE__ */ againstFloat(predictionDifference());

/** The saliency loss of the float network (InlierQ eq. 7), and the chosen volumes of every output (eq. 11). */
export const salient = (loss: SaliencyLoss, selection: Choice): Evidence => ({
  network: "float",
  detections: true,
  prepare: () => ({}),
  loss({ detector }, _, heads) {
    if (!detector) throw new ArgumentError("saliency", "the model must be a detector, got a network without a card");
    return saliencyLoss(detector, heads, loss);
  },
  selection,
});

/** Weights of errors of one output of one sample, from its gradient and how much each volume counts as an inlier. */
export type Weigh = (gradient: Tensor, inlier: ArrayLike<number> | undefined) => Tensor;

/** Weights of errors by output tensor and sample. */
export type ErrorWeights = ReadonlyMap<string, readonly Kept[]>;

/** One pass over all samples for the weights of errors at the named tensors; zeros where the loss does not depend on one. */
export async function gatherWeights(
  evidence: Evidence,
  weigh: Weigh,
  names: readonly string[],
  {
    model,
    plan,
    samples,
    seed,
    shelf,
    steps,
  }: { model: GraphModel; plan: Plan; samples: SampleSource; seed: number; shelf: Shelf; steps: Steps },
): Promise<ErrorWeights> {
  const run = gradientsAt(evidence, model, plan, names, samples.input(0));
  const gradients = new Map(names.map((name) => [name, [] as Gathered[]]));
  const scores = new Map(
    names.map((name) => [
      name,
      new ScoreSample(new Rng(seed).split(`weigh/${name}`), evidence.selection?.maxScores ?? 1, samples.names.length),
    ]),
  );
  for (let i = 0; i < samples.names.length; i++) {
    const found = run(samples.input(i));
    for (const name of names) {
      const g = copyOf(found.gradients[name]);
      requireFinite(g, name, samples.names[i]);
      const x = found.values[name];
      gradients.get(name)?.push({ gradient: shelf.put(g), magnitudes: x && saliency(x), rng: choiceRng(seed, name, i) });
      if (evidence.selection) scores.get(name)?.add(saliency(g));
    }
    await steps.after("weigh", i + 1);
  }
  run.release();
  const weights = new Map<string, Kept[]>();
  for (const [name, list] of gradients) {
    const separation = evidence.selection?.separator.fit(scores.get(name)?.values() ?? new Float64Array());
    weights.set(
      name,
      list.map(({ gradient, ...rest }) => {
        const g = gradient.get();
        const chosen = separation && evidence.selection?.chooser.choose({ ...rest, saliency: saliency(g), separation });
        const weighed = weigh(g, chosen?.weights.data);
        gradient.drop();
        return shelf.put(weighed);
      }),
    );
  }
  return weights;
}

/** What is kept of one output of one sample until its volumes can be told apart. */
interface Gathered extends Pick<ChoiceOf, "magnitudes" | "rng"> {
  readonly gradient: Kept;
}

function requireFinite(g: Tensor, name: string, sample: string): void {
  const bad = g.data.findIndex((v: number) => !Number.isFinite(v));
  if (bad >= 0) throw new ArgumentError("weigh", `gradients must be finite, got ${g.data[bad]} at tensor "${name}" (sample "${sample}")`);
}

/**
 * The gradients at the named tensors for one network input after the other, and their values where volumes are chosen by
 * them; true until the next. `example` is any input.
 */
function gradientsAt(evidence: Evidence, model: GraphModel, plan: Plan, names: readonly string[], example: GraphInput) {
  const { graph } = model;
  const float = floatRuns(model, new Set());
  const prepared = (x: GraphInput) => evidence.prepare(model, float(x).heads);
  const constants = Object.keys(prepared(example));
  const quantized = evidence.network === "start" ? tapOf(graph, { ...plan, activations: new Map() }) : undefined;
  const count = graph.inputs.length;
  const program = compileViews((...tensors: Tensor[]) => {
    const x = named(
      graph.inputs.map((p) => p.name),
      tensors.slice(0, count),
    );
    const kept = named(constants, tensors.slice(count));
    const { gradients, values } = slopes(graph, x, new Set(names), quantized, (heads) => evidence.loss(model, kept, heads));
    return { gradients, values: evidence.selection?.chooser.looksAtValues ? values : {} };
  });
  const at = (x: GraphInput): Slopes => {
    const kept = prepared(x);
    return program(...inputTensors(graph, x), ...constants.map((name) => kept[name]));
  };
  return Object.assign(at, { release: () => [float, program].map((p) => p.release()) });
}

const named = (names: readonly string[], tensors: readonly Tensor[]): Heads =>
  Object.fromEntries(names.map((name, i) => [name, tensors[i]]));

/** Gradients and values by tensor. */
interface Slopes {
  readonly gradients: Heads;
  readonly values: Heads;
}

/** Gradients of a loss of the outputs at the named tensors, zeros where it does not depend on one, and their values. */
function slopes(graph: Graph, x: Heads, names: ReadonlySet<string>, quantized: Tap | undefined, loss: (heads: Heads) => Tensor): Slopes {
  const seen = new Map<string, Tensor>();
  const watch = tapFrom((path, slot, t) => {
    if (slot === "output" && names.has(path)) seen.set(path, t);
    return t;
  });
  const { value, tape } = record(() => loss(graph.forward(x, quantized ? both(quantized, watch) : watch)));
  const list = [...seen];
  const found = tape.vjp(
    value,
    list.map(([, t]) => t),
  );
  return { gradients: Object.fromEntries(list.map(([name, t], i) => [name, found[i] ?? sub(t, t)])), values: Object.fromEntries(seen) };
}

/** What the first changes is seen by the second. */
const both = (first: Tap, second: Tap): Tap =>
  Object.assign(((slot, x) => second(slot, first(slot, x))) as Tap, { at: (child: string) => both(first.at(child), second.at(child)) });
