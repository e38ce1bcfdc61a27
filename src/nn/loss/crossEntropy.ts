import { ArgumentError, ShapeError } from "../../errors.ts";
import {
  add,
  allocate,
  clamp,
  div,
  equal,
  formatShape,
  log,
  logSigmoid,
  logSoftmax,
  mul,
  neg,
  sizeOf,
  sub,
  sum,
  Tensor,
  where,
} from "../../tensor/index.ts";
import { type Reduction, reduceLoss } from "./reduction.ts";

/**
 * -(posWeight t log sigmoid(x) + (1 - t) log sigmoid(-x)) for logits x and targets t in [0, 1] of one shape. Source:
 * binary cross entropy; positive targets weighted as in PyTorch. Definition: the formula above.
 */
export function bceWithLogits(
  x: Tensor,
  t: Tensor,
  options: { readonly reduction?: Reduction; readonly posWeight?: Tensor | number } = {},
): Tensor {
  const { reduction = "mean", posWeight } = options;
  const whenTrue = mul(t, logSigmoid(x));
  const weighted = posWeight === undefined ? whenTrue : mul(whenTrue, posWeight);
  return reduceLoss(neg(add(weighted, mul(sub(1, t), logSigmoid(neg(x))))), reduction);
}

/**
 * -(t log x + (1 - t) log(1 - x)) for probabilities x; logarithms below -100 count as -100, as in PyTorch. Shape: x and
 * t of the same shape, any. Definition: the formula above.
 */
export function bce(x: Tensor, t: Tensor, { reduction = "mean" }: { readonly reduction?: Reduction } = {}): Tensor {
  const whenTrue = mul(t, boundedLog(x));
  const whenFalse = mul(sub(1, t), boundedLog(sub(1, x)));
  return reduceLoss(neg(add(whenTrue, whenFalse)), reduction);
}

/** The least positive f32: its logarithm is -103. */
const LEAST_POSITIVE = 2 ** -149;

/** max(log p, -100). The logarithm never meets a 0, whose derivative there is 0 / 0 once the bound has cut it off. */
const boundedLog = (p: Tensor): Tensor => clamp(log(where(equal(p, 0), LEAST_POSITIVE, p)), { min: -100 });

/** Options of `crossEntropy`, named and defaulted as in PyTorch. */
export interface CrossEntropyOptions {
  /** Default "mean". */
  readonly reduction?: Reduction;
  /** Weight per class [C]. */
  readonly weight?: Tensor;
  /** Targets with this value do not count. Default -100. */
  readonly ignoreIndex?: number;
  /** Share of every target spread evenly over the classes. Default 0. */
  readonly labelSmoothing?: number;
}

/**
 * -log softmax(x)[t] for logits x [N,C,...] and class indices t [N,...]; "mean" divides by the weights of the
 * targets.
 *
 * A logit of -Infinity switches its class off. Errors: ShapeError when t or the class weights do not fit x;
 * ArgumentError for an entry of t that is no class index.
 *
 * Definition: the formula above, as in PyTorch.
 */
export function crossEntropy(x: Tensor, t: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { reduction = "mean" } = options;
  const { share, total } = targetShares(x, t, options);
  // 0 log 0 = 0: without the selection a class that is switched off makes NaN of its share 0.
  const loss = where(equal(share, 0), 0, neg(mul(share, logSoftmax(x, { dim: 1 }))));
  if (reduction === "none") return sum(loss, { dim: [1], keepdim: false });
  return reduction === "sum" ? sum(loss) : div(sum(loss), total);
}

/** What each logit weighs in the loss, as a constant of x's shape, and the sum of the targets' weights. */
function targetShares(x: Tensor, t: Tensor, options: CrossEntropyOptions): { share: Tensor; total: number } {
  const { weight, ignoreIndex = -100, labelSmoothing = 0 } = options;
  const [batch, classes] = x.shape;
  const inner = sizeOf(x.shape.slice(2));
  if (t.size !== batch * inner) {
    throw new ShapeError("crossEntropy", `t must hold ${batch * inner} indices, got ${t.size} (x ${formatShape(x.shape)})`);
  }
  if (weight && weight.size !== classes) {
    throw new ShapeError("crossEntropy", `weight must hold ${classes} class weights, got ${weight.size} (x ${formatShape(x.shape)})`);
  }
  const share = allocate(x.dtype, x.size);
  let total = 0;
  for (let i = 0; i < t.size; i++) {
    const target = t.data[i];
    if (target === ignoreIndex) continue;
    if (!(Number.isInteger(target) && target >= 0 && target < classes)) {
      throw new ArgumentError("crossEntropy", `t must hold class indices in [0, ${classes}), got ${target} (position ${i})`);
    }
    const first = Math.floor(i / inner) * classes * inner + (i % inner);
    const weightOf = (c: number) => (weight ? weight.data[c] : 1);
    for (let c = 0; c < classes; c++) share[first + c * inner] = (labelSmoothing / classes) * weightOf(c);
    share[first + target * inner] += (1 - labelSmoothing) * weightOf(target);
    total += weightOf(target);
  }
  return { share: new Tensor(x.shape, x.dtype, share), total };
}

/**
 * t (log t - logp), with 0 log 0 = 0; "batchmean" divides the sum by the first dimension. Shape: both the same shape,
 * any. Source: Kullback and Leibler 1951, eq. 2.2.
 */
export function klDiv(logp: Tensor, t: Tensor, options: { readonly reduction?: Reduction | "batchmean" } = {}): Tensor {
  const { reduction = "mean" } = options;
  const loss = mul(t, sub(log(clamp(t, { min: 1e-37 })), logp));
  return reduction === "batchmean" ? div(sum(loss), logp.shape[0]) : reduceLoss(loss, reduction);
}
