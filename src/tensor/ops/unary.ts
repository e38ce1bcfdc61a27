import { type Draw, drawAway, drawShape } from "../draw.ts";
import { defineOp, type Op, type OpDef } from "../op.ts";
import { requireFloat } from "../require.ts";
import { roundHalfEven } from "../round.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { add, div, mul, sub } from "./binary.ts";
import { greater, less } from "./compare.ts";
import { where } from "./where.ts";

type NoAttrs = Record<string, never>;
type Unary = Op<NoAttrs, (x: Tensor) => Tensor>;

/** Where an op can be sampled: interval and points to stay clear of. */
interface Domain {
  readonly low?: number;
  readonly high?: number;
  readonly kinks?: readonly number[];
}

/** Cotangent of x from cotangent g, written in ops; "none" for steps, whose derivative is 0 almost everywhere. */
type Backward = ((g: Tensor, x: Tensor, y: Tensor) => Tensor) | "none";

function unaryDef<A>(name: string, f: (x: number, a: A) => number, domain: Domain, draws: (draw: Draw) => A): OpDef<A> {
  const { low = -2, high = 2, kinks = [] } = domain;
  return {
    name,
    infer([x]) {
      requireFloat(name, "x", x);
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    reference([x], attrs, [y]) {
      for (let i = 0; i < y.data.length; i++) y.data[i] = f(x.data[i], attrs);
    },
    vjp: "none",
    smooth: kinks.length === 0,
    sample: (draw) => ({ inputs: [drawAway(draw, drawShape(draw, 0, 3), kinks, 0.05, low, high)], attrs: draws(draw) }),
    misuse: (draw) => ({ inputs: [tensor([1, 2], undefined, "i32")], attrs: draws(draw) }),
  };
}

/** One row of the table: name, scalar function in double (rounded once, on the store), cotangent. */
function unary(name: string, f: (x: number) => number, backward: Backward, domain: Domain = {}): Unary {
  const def = unaryDef<NoAttrs>(name, f, domain, () => ({}));
  const vjp: OpDef<NoAttrs>["vjp"] =
    backward === "none" ? "none" : ([g], { inputs: [x], outputs: [y], wants }) => [g && wants[0] ? backward(g, x, y) : undefined];
  return defineOp<NoAttrs, (x: Tensor) => Tensor>({ ...def, vjp }, (run) => (x) => run([x], {})[0]);
}

/** |x|; gradient 0 at 0. Shape: any, kept. Errors: DTypeError for integers. */
export const abs: Unary = unary("abs", Math.abs, (g, x) => mul(g, sign(x)), { kinks: [0] });
/** -x. Shape: any, kept. Errors: DTypeError for integers. */
export const neg: Unary = unary(
  "neg",
  (x) => -x,
  (g) => neg(g),
);
/** x². Shape: any, kept. Errors: DTypeError for integers. */
export const square: Unary = unary(
  "square",
  (x) => x * x,
  (g, x) => mul(g, mul(x, 2)),
);
/** eˣ. Shape: any, kept. Errors: DTypeError for integers. */
export const exp: Unary = unary("exp", Math.exp, (g, _, y) => mul(g, y));
/** eˣ - 1, accurate near 0. Shape: any, kept. Errors: DTypeError for integers. */
export const expm1: Unary = unary("expm1", Math.expm1, (g, _, y) => mul(g, add(y, 1)));
/** Natural logarithm. Shape: any, kept. Errors: DTypeError for integers. */
export const log: Unary = unary("log", Math.log, (g, x) => div(g, x), { low: 0.2 });
/** log(1 + x), accurate near 0. Shape: any, kept. Errors: DTypeError for integers. */
export const log1p: Unary = unary("log1p", Math.log1p, (g, x) => div(g, add(x, 1)), { low: -0.5 });
/** √x. Shape: any, kept. Errors: DTypeError for integers. */
export const sqrt: Unary = unary("sqrt", Math.sqrt, (g, _, y) => div(mul(g, 0.5), y), { low: 0.2 });
/** 1 / √x. Shape: any, kept. Errors: DTypeError for integers. */
export const rsqrt: Unary = unary(
  "rsqrt",
  (x) => 1 / Math.sqrt(x),
  (g, x, y) => mul(mul(g, -0.5), div(y, x)),
  { low: 0.3 },
);
/** 1 / x. Shape: any, kept. Errors: DTypeError for integers. */
export const reciprocal: Unary = unary(
  "reciprocal",
  (x) => 1 / x,
  (g, _, y) => neg(mul(g, mul(y, y))),
  { low: 0.4 },
);
/** Sine, x in radians. Shape: any, kept. Errors: DTypeError for integers. */
export const sin: Unary = unary("sin", Math.sin, (g, x) => mul(g, cos(x)));
/** Cosine, x in radians. Shape: any, kept. Errors: DTypeError for integers. */
export const cos: Unary = unary("cos", Math.cos, (g, x) => neg(mul(g, sin(x))));
/** Arc tangent in radians, in (-pi/2, pi/2). Shape: any, kept. Errors: DTypeError for integers. */
export const atan: Unary = unary("atan", Math.atan, (g, x) => div(g, add(mul(x, x), 1)));
/** Hyperbolic tangent. Shape: any, kept. Errors: DTypeError for integers. */
export const tanh: Unary = unary("tanh", Math.tanh, (g, _, y) => mul(g, sub(1, mul(y, y))));

const logistic = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

/** 1 / (1 + e⁻ˣ), without overflow at either end. Shape: any, kept. Errors: DTypeError for integers. */
export const sigmoid: Unary = unary("sigmoid", logistic, (g, _, y) => mul(g, mul(y, sub(1, y))));
/**
 * log sigmoid(x) = min(x, 0) - log(1 + e^-|x|). The gradient sigmoid(-x) is taken as e^logSigmoid(-x): exact in
 * relative terms also where it is small. Shape: any, kept. Errors: DTypeError for integers.
 */
export const logSigmoid: Unary = unary(
  "logSigmoid",
  (x) => Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x))),
  (g, x) => mul(g, exp(logSigmoid(neg(x)))),
);
/** x · sigmoid(x). Shape: any, kept. Errors: DTypeError for integers. */
export const silu: Unary = unary(
  "silu",
  (x) => x * logistic(x),
  (g, x) => {
    const s = sigmoid(x);
    return mul(g, mul(s, add(mul(x, sub(1, s)), 1)));
  },
);

/** g where low < x < high, else 0. */
const within = (x: Tensor, low: number, high: number, g: Tensor): Tensor => where(greater(x, low), where(less(x, high), g, 0), 0);

/** max(x, 0); gradient 0 at 0. Shape: any, kept. Errors: DTypeError for integers. */
export const relu: Unary = unary(
  "relu",
  (x) => Math.max(x, 0),
  (g, x) => where(greater(x, 0), g, 0),
  { kinks: [0] },
);
/** clip(x, 0, 6); gradient 0 at both ends. Shape: any, kept. Errors: DTypeError for integers. */
export const relu6: Unary = unary(
  "relu6",
  (x) => Math.min(Math.max(x, 0), 6),
  (g, x) => within(x, 0, 6, g),
  {
    low: -1,
    high: 7,
    kinks: [0, 6],
  },
);
/** PyTorch's slope of hardsigmoid, also in float64: 1/6 rounded to float32. */
const SIXTH = Math.fround(1 / 6);

/** clip(x + 3, 0, 6) / 6; gradient 0 at both ends, float32(1/6) between. Shape: any, kept. Errors: DTypeError for integers. */
export const hardsigmoid: Unary = unary(
  "hardsigmoid",
  (x) => Math.min(Math.max(x + 3, 0), 6) / 6,
  (g, x) => within(x, -3, 3, mul(g, SIXTH)),
  { low: -4, high: 4, kinks: [-3, 3] },
);
/** x · hardsigmoid(x); the gradient at -3 and 3 is that from inside: -0.5 and 1.5. Shape: any, kept. Errors: DTypeError for integers. */
export const hardswish: Unary = unary(
  "hardswish",
  (x) => x * (Math.min(Math.max(x + 3, 0), 6) / 6),
  (g, x) => where(less(x, -3), 0, where(greater(x, 3), g, mul(g, add(div(x, 3), 0.5)))),
  { low: -4, high: 4, kinks: [-3, 3] },
);
/** -1, 0 or 1; no gradient. Shape: any, kept. Errors: DTypeError for integers. */
export const sign: Unary = unary("sign", (x) => (x > 0 ? 1 : x < 0 ? -1 : x), "none");
/** Largest integer not above x; no gradient. Shape: any, kept. Errors: DTypeError for integers. */
export const floor: Unary = unary("floor", Math.floor, "none");
/** Smallest integer not below x; no gradient. Shape: any, kept. Errors: DTypeError for integers. */
export const ceil: Unary = unary("ceil", Math.ceil, "none");
/** Nearest integer, ties to even; no gradient. Shape: any, kept. Errors: DTypeError for integers. */
export const round: Unary = unary("round", roundHalfEven, "none");

interface LeakyReluAttrs {
  readonly slope: number;
}

/**
 * x where x > 0, else slope · x (default slope 0.01); the gradient at 0 is the slope. Shape: any, kept. Errors:
 * DTypeError for integers.
 */
export const leakyRelu: Op<LeakyReluAttrs, (x: Tensor, options?: Partial<LeakyReluAttrs>) => Tensor> = defineOp(
  {
    ...unaryDef<LeakyReluAttrs>(
      "leakyRelu",
      (x, { slope }) => (x > 0 ? x : slope * x),
      { kinks: [0] },
      (draw) => ({
        slope: draw.oneOf([0.01, 0.1]),
      }),
    ),
    vjp: ([g], { inputs: [x], attrs }) => [g && where(greater(x, 0), g, mul(g, attrs.slope))],
  },
  (run) =>
    (x: Tensor, { slope = 0.01 }: Partial<LeakyReluAttrs> = {}) =>
      run([x], { slope })[0],
);

interface SoftplusAttrs {
  readonly beta: number;
  readonly threshold: number;
}

/**
 * log(1 + e^(beta x)) / beta, and x itself where beta x > threshold. Defaults: beta 1, threshold 20. Shape: any, kept.
 * Errors: DTypeError for integers.
 */
export const softplus: Op<SoftplusAttrs, (x: Tensor, options?: Partial<SoftplusAttrs>) => Tensor> = defineOp(
  {
    ...unaryDef<SoftplusAttrs>(
      "softplus",
      (x, { beta, threshold }) => (beta * x > threshold ? x : (Math.max(beta * x, 0) + Math.log1p(Math.exp(-Math.abs(beta * x)))) / beta),
      {},
      (draw) => ({ beta: draw.oneOf([1, 3]), threshold: 20 }),
    ),
    vjp([g], { inputs: [x], attrs: { beta, threshold } }) {
      const scaled = beta === 1 ? x : mul(x, beta);
      return [g && where(greater(scaled, threshold), g, mul(g, sigmoid(scaled)))];
    },
  },
  (run) =>
    (x: Tensor, { beta = 1, threshold = 20 }: Partial<SoftplusAttrs> = {}) =>
      run([x], { beta, threshold })[0],
);
