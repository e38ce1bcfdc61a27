import { adam, descend, type Parameters, type Rate } from "../../nn/index.ts";
import { add, div, item, mul, type Rng, Tensor, tensor } from "../../tensor/index.ts";
import { falling, type LearningRate } from "../learner/rates.ts";
import type { Plan } from "../plan.ts";
import { betaAt } from "../quantizer/adaround.ts";
import { evenIndices } from "../samples.ts";
import type { Budget } from "./budget.ts";
import { drive } from "./drive.ts";
import type { MaskPool } from "./masks.ts";
import type { DescentOptions, UnitRecord } from "./reconstruction.ts";
import type { BehindSample } from "./restLoss.ts";
import { withoutShifts } from "./shift.ts";
import { hardened, runUnit, sitesOf, startOf, type UnitTask, type UnitValues, unlearned } from "./unitTask.ts";

/** What one sample gives a unit. Names are of tensors. */
export type UnitSample = {
  /** What the unit reads. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** What it should give, in the order of its outputs. */
  readonly targets: readonly Tensor[];
  /** Weights of errors, in the order of its outputs; empty where the objective takes none. */
  readonly weights: readonly Tensor[];
};

/** A sample where a loss is computed; with `behind`, the global one too. */
type LossSample = UnitSample & { readonly behind?: BehindSample };

/** The samples of a unit: those it learns on, and those its result is judged on. */
export interface UnitSamples {
  readonly train: readonly number[];
  readonly held: readonly number[];
  /** What the network quantized so far gives, or the float one, as the stage says: results are judged on it. */
  at(sample: number): UnitSample;
  /** The same with the targets that are learned, which may be corrected. */
  taught(sample: number): UnitSample;
  /** Float inputs that belong to those targets, where elements are dropped. */
  float(sample: number): UnitSample["inputs"];
  /** What the part behind the unit takes, where the stage has a global loss. */
  behind(sample: number): BehindSample;
}

export interface UnitOutcome {
  readonly plan: Plan;
  readonly record: UnitRecord;
}

/** What a descent is told beside its unit. */
export interface UnitDescent {
  readonly options: DescentOptions;
  readonly budget: Budget;
  /** Costs of this unit and those after it. */
  readonly costs: readonly number[];
  readonly rng: Rng;
  /** Where masks come from, for stages that drop elements. */
  readonly masks: MaskPool | undefined;
  /** Awaited now and then, with the share of the unit's steps that is done. */
  readonly rest: (share: number) => Promise<void>;
}

/** Samples that the error at the start is measured on, spread over those that are learned on. */
const START_SAMPLES = 8;

/**
 * Learns one unit: biases that undo the shift of rounding, then a descent from there, its result put on the grids and the
 * biases fitted to it; each is kept where it lowers the objective on the samples held out. Shapes: tensors of a sample are
 * batches of one.
 */
export async function learnUnit(task: UnitTask, samples: UnitSamples, descent: UnitDescent): Promise<UnitOutcome> {
  const start = startOf(task);
  const held = errorsOf(task, unlearned, samples, samples.held);
  const record = { unit: task.unit.name, stage: task.stage.name, layers: task.layers.map((l) => l.name), start: held[0] };
  const errorOf = (plan: Plan, values: UnitValues) => relative(errorsOf({ ...task, plan }, values, samples, samples.held), held);
  const before: Judged = { plan: task.plan, error: 1 };
  const base = descent.options.steps > 0 && held[0] > 0 ? withBiases(task, samples, before, errorOf) : before;
  const unit = { ...task, plan: base.plan };
  const idle = { ...record, steps: 0, biases: base.error, soft: base.error, hard: base.error, kept: false };
  const first = evenIndices(samples.train.length, START_SAMPLES).map((k) => samples.train[k]);
  const train = errorsOf(unit, unlearned, { ...samples, at: samples.taught }, first);
  // What is exact on the samples it is judged on can only lose.
  if (flatten(start).size === 0 || !(held[0] > 0) || !(train[0] > 0)) return { plan: base.plan, record: idle };
  const { values, steps } = await descendUnit(unit, start, train, samples, descent);
  if (steps === 0) return { plan: base.plan, record: idle };
  const soft = errorOf(base.plan, values);
  const rounded = hardened(unit, values);
  const { plan, error: hard } = withBiases(task, samples, { plan: rounded, error: errorOf(rounded, unlearned) }, errorOf);
  const kept = hard < base.error;
  return { plan: kept ? plan : base.plan, record: { ...idle, steps, soft, hard, kept } };
}

/** A plan and the relative error of the unit on held-out samples. */
interface Judged {
  readonly plan: Plan;
  readonly error: number;
}

/** Where biases learn, the plan with those that undo the shift of rounding, if the unit is better with them; else as it was. */
function withBiases(task: UnitTask, samples: UnitSamples, before: Judged, errorOf: (plan: Plan, values: UnitValues) => number): Judged {
  if (task.stage.biasRate === undefined) return before;
  const plan = withoutShifts({ ...task, plan: before.plan }, samples);
  const error = errorOf(plan, unlearned);
  return error < before.error ? { plan, error } : before;
}

/** The terms of the objective of the unit as `values` has it, means over samples, nothing dropped. */
function errorsOf(task: UnitTask, values: UnitValues, samples: UnitSamples, chosen: readonly number[]): number[] {
  const sums: number[] = [];
  for (const i of chosen) {
    termsOn(task, values, { ...samples.at(i), behind: samples.behind(i) }, {}).forEach((term, k) => {
      sums[k] = (sums[k] ?? 0) + item(term);
    });
  }
  return sums.map((sum) => sum / chosen.length);
}

/** The mean of the terms, each relative to its start; those that are 0 at the start are left out. */
function relative(terms: readonly number[], start: readonly number[]): number {
  const shares = terms.flatMap((term, k) => (start[k] > 0 ? [term / start[k]] : []));
  return shares.reduce((a, b) => a + b, 0) / Math.max(1, shares.length);
}

/** The error of the outputs of the unit on one sample, and behind it the global loss where there is one and the sample is for it. */
function termsOn(task: UnitTask, values: UnitValues, sample: LossSample, masks: Readonly<Record<string, Tensor>>): Tensor[] {
  const { unit, stage, rest } = task;
  const env = runUnit(task, values, sample.inputs, masks);
  const local = unit.outputs
    .map((name, k) => stage.objective.loss(sample.targets[k], env.get(name) as Tensor, sample.weights[k]))
    .reduce((a, b) => add(a, b));
  return rest && sample.behind ? [local, rest.at(env, sample.behind)] : [local];
}

/** One step's data: structures of tensors only, so that the step can be replayed. */
type Batch = {
  readonly samples: readonly (LossSample & { readonly masks: Readonly<Record<string, Tensor>> })[];
  readonly sharpness: Tensor;
  readonly pull: Tensor;
};

async function descendUnit(
  task: UnitTask,
  start: UnitValues,
  before: readonly number[],
  samples: UnitSamples,
  { options, budget, costs, rng, masks, rest }: UnitDescent,
): Promise<{ values: UnitValues; steps: number }> {
  const draw = drawing(task, samples, options, rng, masks);
  const rates = ratesOf(task, start);
  const every = task.stage.global?.every ?? 1;
  const course = { budget, stepsOf: (each: number, taken: number) => taken + budget.steps(each, costs), period: every, rest };
  const { params, steps } = await drive(flatten(start), course, (total) => {
    return descend((learned, b: Batch) => lossOf(task, unflatten(start, learned), b, before), flatten(start), {
      optimizer: adam(),
      lr: new Map([...rates].map(([name, rate]): [string, Rate] => [name, (step) => rate(step, total())])),
      steps: Number.MAX_SAFE_INTEGER,
      batch: (step): Batch => ({ samples: draw(task.rest !== undefined && step % every === 0), ...pullAt(step, total(), options) }),
    });
  });
  return { values: unflatten(start, params), steps };
}

/** Learned values as parameters of a descent; a name is of a weight or an activation, and of a value of it. */
function flatten({ weights, activations, biases }: UnitValues): Map<string, Tensor> {
  const under = (kind: string, values: UnitValues["weights"]): [string, Tensor][] =>
    [...values].flatMap(([name, learned]) => Object.entries(learned).map(([key, x]): [string, Tensor] => [`${kind}/${key}/${name}`, x]));
  return new Map([...under("w", weights), ...under("a", activations), ...under("b", biases)]);
}

/** The values of the structure of `like` that `params` holds. */
function unflatten(like: UnitValues, params: Parameters): UnitValues {
  const taken = (kind: string, values: UnitValues["weights"]) =>
    new Map(
      [...values].map(([name, learned]) => [
        name,
        Object.fromEntries(Object.keys(learned).map((key) => [key, params.get(`${kind}/${key}/${name}`) as Tensor])),
      ]),
    );
  return { weights: taken("w", like.weights), activations: taken("a", like.activations), biases: taken("b", like.biases) };
}

/** Learning rates by parameter of the descent. */
function ratesOf({ stage, plan, graph, layers }: UnitTask, { weights, activations, biases }: UnitValues): Map<string, LearningRate> {
  const rates = new Map<string, LearningRate>();
  for (const layer of layers) {
    const site = plan.weights.get(layer.weight);
    const w = graph.parameters.get(layer.weight);
    if (!weights.has(layer.weight) || !site || !w || !stage.weights) continue;
    const found = stage.weights.rates(w, site);
    for (const [key, rate] of Object.entries(found)) rates.set(`w/${key}/${layer.weight}`, rate);
  }
  for (const name of activations.keys()) {
    const site = plan.activations.get(name);
    if (!site || !stage.activations) continue;
    for (const [key, rate] of Object.entries(stage.activations.rates(site))) rates.set(`a/${key}/${name}`, rate);
  }
  for (const name of biases.keys()) rates.set(`b/offset/${name}`, falling(stage.biasRate ?? 0));
  return rates;
}

/** The loss of a batch: errors relative to the start, and the pull towards codes relative to the number of weights. */
function lossOf(task: UnitTask, values: UnitValues, batch: Batch, start: readonly number[]): Tensor {
  const terms = batch.samples.flatMap((s) =>
    termsOn(task, values, s, s.masks).flatMap((term, k) => (start[k] > 0 ? [div(term, start[k] * batch.samples.length)] : [])),
  );
  const relative = terms.reduce((a, b) => add(a, b));
  const pulls = pullsOf(task, values, batch.sharpness);
  if (pulls.length === 0) return relative;
  const count = pulls.reduce((n, pull) => n + pull.count, 0);
  return add(
    relative,
    mul(
      batch.pull,
      div(
        pulls.map((pull) => pull.term).reduce((a, b) => add(a, b)),
        count,
      ),
    ),
  );
}

/** The pull of every weight that learns, and the number of its elements. */
function pullsOf({ stage, graph, plan, layers }: UnitTask, { weights }: UnitValues, sharpness: Tensor): { term: Tensor; count: number }[] {
  return layers.flatMap((layer) => {
    const learned = weights.get(layer.weight);
    const site = plan.weights.get(layer.weight);
    const w = graph.parameters.get(layer.weight);
    const term = learned && site && w && stage.weights?.pull?.(learned, sharpness, w, site);
    return term ? [{ term, count: w.size }] : [];
  });
}

/** Strength and sharpness of the pull at a step: none during the warm-up. */
function pullAt(step: number, total: number, { pull, sharpness }: DescentOptions): Pick<Batch, "pull" | "sharpness"> {
  const begun = step >= sharpness.warmup * total;
  return { pull: tensor(begun ? pull : 0), sharpness: tensor(betaAt(step, { ...sharpness, total })) };
}

/** Batches without end, with what is behind the unit or without: every sample once, in an order drawn anew each time round. */
function drawing(
  task: UnitTask,
  { train, taught, float, behind }: UnitSamples,
  { batch }: DescentOptions,
  rng: Rng,
  masks: MaskPool | undefined,
): (global: boolean) => Batch["samples"] {
  const sites = masks ? sitesOf(task) : [];
  // The order does not depend on whether elements are dropped.
  const orders = rng.split("order");
  let queue: number[] = [];
  const next = (): number => {
    if (queue.length === 0) queue = shuffled(train, orders);
    return queue.pop() as number;
  };
  const drawn = (i: number, global: boolean): Batch["samples"][number] => {
    const sample = { ...taught(i), ...(global && { behind: behind(i) }) };
    if (!masks) return { ...sample, masks: {} };
    const other = float(i);
    const inputs = Object.entries(sample.inputs).map(([name, x]) => [name, mixed(other[name], x, masks.draw(x.shape, rng))]);
    const drops = sites.map((name) => [name, masks.draw(task.graph.metas.get(name)?.shape ?? [], rng)]);
    return { ...sample, inputs: Object.fromEntries(inputs), masks: Object.fromEntries(drops) };
  };
  return (global) => Array.from({ length: Math.min(batch, train.length) }, () => drawn(next(), global));
}

function shuffled(values: readonly number[], rng: Rng): number[] {
  const order = [...values];
  for (let i = order.length - 1; i > 0; i--) {
    const j = rng.int(0, i);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** Quantized where the mask is 1, float where it is 0. */
function mixed(float: Tensor, quantized: Tensor, mask: Tensor): Tensor {
  const data = new Float32Array(float.size);
  for (let i = 0; i < data.length; i++) data[i] = mask.data[i] === 1 ? quantized.data[i] : float.data[i];
  return new Tensor(float.shape, "f32", data);
}
