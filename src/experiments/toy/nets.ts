import { iris } from "../../data/index.ts";
import { Activation, adam, descend, Linear, l1Loss, mseLoss, parameters, Sequential, tapFrom, withParameters } from "../../nn/index.ts";
import { add, amax, detach, exp, item, log, mul, type Rng, relu, sub, sum, Tensor } from "../../tensor/index.ts";
import { deviation, mean, meanSquare } from "./measures.ts";
import type { NetName, NetRecord } from "./record.ts";

/** Units of each layer's output behind the input. */
const HIDDEN = [16, 16, 16] as const;

/** Sites of the four linear layers, between which relu stands. */
export const LAYERS = ["layers.0", "layers.2", "layers.4", "layers.6"] as const;

/** The two layers in the middle, [16,16] in every net. */
export const MIDDLE = LAYERS.slice(1, 3);

/** What a net learns: inputs [N,I], and a loss of its output [N,O]. */
export interface Task {
  readonly name: NetName;
  readonly inputs: Tensor;
  /** Numbers [N,1] of a quadratic, or class positions [N]. */
  readonly targets: Tensor;
  /** Units of the output. */
  readonly outputs: number;
  readonly classifies: boolean;
  /** In ops, mean over the rows. */
  loss(output: Tensor): Tensor;
}

/** A net and what it learnt. */
export interface Net {
  readonly task: Task;
  readonly module: Sequential;
  /** The weights before training, by site. */
  readonly start: Weights;
}

/** Weights by site of their layer. */
export type Weights = ReadonlyMap<string, Tensor>;

/** y = a x² + b x + c. */
export interface Quadratic {
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

/** The quadratic of a seed. Unstated: which one; |a| in [0.5, 1) keeps it curved, b and c are in [-1, 1). */
export function quadraticOf(rng: Rng): Quadratic {
  const a = rng.float(0.5, 1) * rng.oneOf([-1, 1]);
  return { a, b: rng.float(-1, 1), c: rng.float(-1, 1) };
}

/** The quadratic at even points of [-1, 1], by squared or by absolute error. */
export function quadraticTask(name: "regressor" | "regressorL1", { a, b, c }: Quadratic, points: number): Task {
  const x = Float32Array.from({ length: points }, (_, i) => -1 + (2 * i) / (points - 1));
  const targets = new Tensor(
    [points, 1],
    "f32",
    x.map((v) => a * v * v + b * v + c),
  );
  const loss = name === "regressor" ? mseLoss : l1Loss;
  return { name, inputs: new Tensor([points, 1], "f32", x), targets, outputs: 1, classifies: false, loss: (y) => loss(y, targets) };
}

/** The irises, each feature of mean 0 and deviation 1, by cross entropy. */
export function irisTask(): Task {
  const { features, labels } = iris();
  const [count, width] = features.shape;
  const scaled = new Float32Array(features.size);
  for (let c = 0; c < width; c++) {
    const column = Array.from({ length: count }, (_, i) => features.data[i * width + c]);
    const [center, spread] = [mean(column), deviation(column)];
    for (const [i, value] of column.entries()) scaled[i * width + c] = (value - center) / spread;
  }
  const oneHot = new Float32Array(count * 3);
  labels.data.forEach((label: number, i: number) => {
    oneHot[3 * i + label] = 1;
  });
  const shares = new Tensor([count, 3], "f32", oneHot);
  const loss = (logits: Tensor): Tensor => mul(sum(mul(logProbabilities(logits), shares)), -1 / count);
  return { name: "classifier", inputs: new Tensor(features.shape, "f32", scaled), targets: labels, outputs: 3, classifies: true, loss };
}

/**
 * Logarithms of class probabilities, logits [N,C]. Of exp and log, whose kernels give the same bits on every machine: the
 * reference of logSoftmax does not.
 */
export function logProbabilities(logits: Tensor): Tensor {
  const rows = { dim: [1], keepdim: true };
  const shifted = sub(logits, detach(amax(logits, rows)));
  return sub(shifted, log(sum(exp(shifted), rows)));
}

/** A net of four layers before training: Kaiming-normal weights, zero biases. */
export function untrained({ inputs, outputs }: Task, rng: Rng): Sequential {
  const widths = [inputs.shape[1], ...HIDDEN, outputs];
  const linears = widths.slice(1).map((width, i) => Linear.init(widths[i], width, rng));
  return new Sequential(linears.flatMap((l, i) => (i < linears.length - 1 ? [l, new Activation(relu)] : [l])));
}

/** Trains a net by Adam at 0.01 on the whole set; `rest` is awaited every 100 steps and may throw to stop. The best step counts. */
export async function train(task: Task, rng: Rng, epochs: number, rest: () => Promise<void>): Promise<Net> {
  const module = untrained(task, rng);
  const start = weightsOf(module);
  const batch = { x: task.inputs };
  const steps = descend((params, { x }: typeof batch) => task.loss(withParameters(module, params).forward(x)), parameters(module), {
    optimizer: adam(),
    lr: 0.01,
    steps: epochs,
    keepBest: true,
    batch: () => batch,
  });
  for (let step = 1; ; step++) {
    const next = steps.next();
    if (next.done) return { task, module: withParameters(module, next.value.params), start };
    if (step % REST === 0) await rest();
  }
}

/** Steps between two rests of a training. */
export const REST = 100;

/** The weights of the linear layers. */
export function weightsOf(module: Sequential): Weights {
  const found = parameters(module);
  return new Map(LAYERS.map((site) => [site, found.get(`${site}.weight`) as Tensor]));
}

/** The output [N,O] with some layers' weights replaced. */
export const forwardWith = ({ task, module }: Net, weights: Weights): Tensor =>
  module.forward(
    task.inputs,
    tapFrom((site, slot, x) => (slot === "weight" ? (weights.get(site) ?? x) : x)),
  );

/** Mean training loss of an output. */
export const lossOf = (net: Net, output: Tensor): number => item(net.task.loss(output));

/** The class probabilities of logits, [N,C]. */
export const probabilities = (logits: Tensor): Tensor => exp(logProbabilities(logits));

/** Share of the rows whose largest logit is not their class. */
export function wrongShare({ task }: Net, { data, shape: [count, classes] }: Tensor): number {
  let wrong = 0;
  for (let i = 0; i < count; i++) {
    const row = data.subarray(i * classes, (i + 1) * classes);
    if (row[task.targets.data[i]] < Math.max(...row)) wrong++;
  }
  return wrong / count;
}

/** How well a net learnt its task. */
export function recordNet(net: Net): NetRecord {
  const output = forwardWith(net, new Map());
  const loss = lossOf(net, output);
  const targets = Array.from(net.task.targets.data);
  if (net.task.classifies) return { loss, quality: 1 - wrongShare(net, output) };
  const spread = meanSquare(targets, new Array<number>(targets.length).fill(mean(targets)));
  return { loss, quality: 1 - meanSquare(output.data, targets) / spread };
}

/** A tensor's sum with another, rounded to its dtype. */
export const shifted = (x: Tensor, by: ArrayLike<number>): Tensor => add(x, new Tensor(x.shape, x.dtype, Float32Array.from(by)));
