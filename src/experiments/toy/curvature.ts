import { grad, hessianVectorProduct } from "../../autograd/index.ts";
import { tapFrom } from "../../nn/index.ts";
import { add, linear, mul, ones, sub, sum, Tensor, zeros } from "../../tensor/index.ts";
import { argmin, mean, meanSquare, rankCorrelation, rounded } from "./measures.ts";
import { forwardWith, LAYERS, logProbabilities, lossOf, type Net, probabilities, weightsOf } from "./nets.ts";
import { type CurvatureRecord, ESTIMATES, type EstimateName } from "./record.ts";
import { factorsOf, uniformInt4 } from "./scaleSweep.ts";

/** The layer whose curves the record keeps. */
const SHOWN = LAYERS[1];

/** What does not change from candidate to candidate of a layer. */
interface Layer {
  readonly net: Net;
  readonly weight: Tensor;
  readonly input: Tensor;
  /** Squared gradient of the loss at the layer's output [N,O], and its mean over targets drawn from the model. */
  readonly fisher: Float64Array;
  readonly modelFisher: Float64Array;
  /** Gradient of the loss with respect to the weight. */
  readonly slope: Tensor;
  /** Class probabilities [N,C], or undefined. */
  readonly classes: Tensor | undefined;
  readonly outputOf: (weight: Tensor) => Tensor;
}

/**
 * First and second order estimates of the task loss, over the INT4 scales of one layer at a time. Source: Reg-PTQ Fig. 6,
 * eq. 3; the exact quadratic form comes from Hessian-vector products.
 */
export function compareCurvature(net: Net, candidates: number): CurvatureRecord {
  const factors = factorsOf(candidates);
  const before = lossOf(net, forwardWith(net, new Map()));
  const layers = LAYERS.map((site) => {
    const layer = layerOf(net, site);
    const rows = factors.map((factor) => {
      const replaced = uniformInt4(layer.weight, factor);
      return { task: lossOf(net, layer.outputOf(replaced)) - before, ...estimatesOf(layer, replaced) };
    });
    return { site, rows };
  });
  const meanOver = (measure: (task: readonly number[], estimate: readonly number[]) => number): Record<EstimateName, number> =>
    byEstimate((name) =>
      rounded(
        mean(
          layers.map(({ rows }) =>
            measure(
              rows.map((r) => r.task),
              rows.map((r) => r[name]),
            ),
          ),
        ),
      ),
    );
  const shown = layers.find(({ site }) => site === SHOWN)?.rows ?? [];
  return {
    correlation: meanOver(rankCorrelation),
    gap: meanOver((task, estimate) => Math.abs(factors[argmin(task)] - factors[argmin(estimate)])),
    task: shown.map((r) => rounded(r.task)),
    estimates: byEstimate((name) => shown.map((r) => rounded(r[name]))),
  };
}

const byEstimate = <T>(of: (name: EstimateName) => T): Record<EstimateName, T> =>
  Object.fromEntries(ESTIMATES.map((name) => [name, of(name)])) as Record<EstimateName, T>;

function layerOf(net: Net, site: string): Layer {
  const weight = weightsOf(net.module).get(site) as Tensor;
  const inputs: Tensor[] = [];
  const logits = net.module.forward(
    net.task.inputs,
    tapFrom((at, slot, x) => {
      if (at === site && slot === "input") inputs.push(x);
      return x;
    }),
  );
  const outputOf = (replaced: Tensor): Tensor => forwardWith(net, new Map([[site, replaced]]));
  const input = inputs[0];
  const at = offsetGradient(net, site, [input.shape[0], weight.shape[0]]);
  return {
    ...{ net, weight, input, outputOf },
    fisher: squares(
      at((y) => net.task.loss(y)),
      1,
    ),
    modelFisher: modelFisher(net, logits, at),
    slope: grad((w) => net.task.loss(outputOf(w)), [weight])[0],
    classes: net.task.classifies ? probabilities(logits) : undefined,
  };
}

type OffsetGradient = (of: (output: Tensor) => Tensor) => Tensor;

/** Gradient of a function of the net's output with respect to the output of a layer. */
const offsetGradient =
  ({ task, module }: Net, site: string, shape: readonly number[]): OffsetGradient =>
  (of) =>
    grad(
      (offset) =>
        of(
          module.forward(
            task.inputs,
            tapFrom((at, slot, x) => (at === site && slot === "output" ? add(x, offset) : x)),
          ),
        ),
      [zeros(shape)],
    )[0];

/** Squared entries of a gradient [N,O], row i times `weight(i)`. */
function squares({ data, shape: [, width] }: Tensor, weight: number | ((row: number) => number)): Float64Array {
  const of = typeof weight === "number" ? () => weight : weight;
  return Float64Array.from(data, (g, i) => of(Math.floor(i / width)) * g * g);
}

/** Squared gradients of the log likelihood, mean over the targets that the model itself would draw: for a regressor those of its output. */
function modelFisher({ task }: Net, logits: Tensor, at: OffsetGradient): Float64Array {
  if (!task.classifies) return squares(at(sum), 1);
  const classes = logits.shape[1];
  const shares = probabilities(logits).data;
  const parts = Array.from({ length: classes }, (_, c) => {
    const column = new Tensor(
      [1, classes],
      "f32",
      Float32Array.from({ length: classes }, (_, k) => (k === c ? 1 : 0)),
    );
    const gradient = at((y) => sum(mul(logProbabilities(y), column)));
    return squares(gradient, (row) => shares[row * classes + c]);
  });
  return parts.reduce((a, b) => a.map((v, i) => v + b[i]));
}

/** Every estimate of what a replaced weight does to the loss. */
function estimatesOf(layer: Layer, replaced: Tensor): Record<EstimateName, number> {
  const { net, weight, input, slope, outputOf } = layer;
  const change = sub(replaced, weight);
  const moved = linear(input, change).data;
  const [curved] = hessianVectorProduct((w) => net.task.loss(outputOf(w)), [weight], [change]);
  const hessian = dot(change.data, curved.data) / 2;
  return {
    weightMse: meanSquare(replaced.data, weight.data),
    outputMse: weighted(moved, undefined),
    fisher: weighted(moved, layer.fisher),
    modelFisher: weighted(moved, layer.modelFisher),
    gaussNewton: gaussNewton(layer, change),
    hessian,
    taylor: dot(slope.data, change.data) + hessian,
  };
}

/** Mean square of the entries, each times its weight. */
function weighted(moved: ArrayLike<number>, weights: Float64Array | undefined): number {
  let total = 0;
  for (let i = 0; i < moved.length; i++) total += (weights?.[i] ?? 1) * moved[i] * moved[i];
  return total / moved.length;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i] * b[i];
  return total;
}

/**
 * The quadratic form of the Gauss-Newton matrix: the change of the output to first order, J e, in the curvature of the
 * loss there. J e is what the second derivative of <u, f(W)> in (W, u) makes of the direction (e, 0).
 */
function gaussNewton({ weight, outputOf, classes, net }: Layer, change: Tensor): number {
  const { outputs, inputs } = net.task;
  const u = ones([inputs.shape[0], outputs]);
  const [, { data: moved }] = hessianVectorProduct((w, v) => sum(mul(outputOf(w), v)), [weight, u], [change, zeros(u.shape)]);
  if (!classes) return weighted(moved, undefined);
  let total = 0;
  for (let i = 0; i < inputs.shape[0]; i++) {
    let [first, second] = [0, 0];
    for (let c = 0; c < outputs; c++) {
      const [p, m] = [classes.data[i * outputs + c], moved[i * outputs + c]];
      first += p * m;
      second += p * m * m;
    }
    total += second - first * first;
  }
  return total / (2 * inputs.shape[0]);
}
