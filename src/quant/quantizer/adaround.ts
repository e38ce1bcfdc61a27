import { cos, log } from "../../elementary.ts";
import { ArgumentError } from "../../errors.ts";
import { abs, add, allocate, cast, clamp, mul, pow, sigmoid, sub, sum, Tensor, viewAs } from "../../tensor/index.ts";
import { chooseQParams, type QParams } from "../scheme.ts";
import { decode, encode, forEachScale, paramsLike } from "./codes.ts";
import type { Quantizer } from "./quantizer.ts";

/** Grid parameters and one rounding variable V per weight. */
export type AdaroundParams = QParams & { readonly rounding: Tensor };

/** Stretch of the sigmoid, zeta - gamma and gamma: h reaches 0 and 1 at finite V. */
const STRETCH = 1.2;
const OFFSET = -0.1;

/** How far up each weight rounds: h(V) = clip(1.2 sigmoid(V) - 0.1, 0, 1), AdaRound eq. 23. */
export function softRounding(rounding: Tensor): Tensor {
  return clamp(add(mul(sigmoid(rounding), STRETCH), OFFSET), { min: 0, max: 1 });
}

/** The V at which h(V) is `share`, in [0, 1]. */
export const roundingAt = (share: number): number => -log(STRETCH / (share - OFFSET) - 1);

/** The V at which h(V) is the fraction of w / scale: soft weights start at the float ones. */
export function initialRounding(w: Tensor, params: QParams, axis: number | null): Tensor {
  const data = allocate(w.dtype, w.size);
  eachRatio(w, params, axis, (i, ratio) => {
    data[i] = roundingAt(ratio - Math.floor(ratio));
  });
  return new Tensor(w.shape, w.dtype, data);
}

/**
 * Pull towards 0 or 1: sum (1 - |2 h(V) - 1|^beta), a scalar (AdaRound eq. 24).
 *
 * It is a sum over weights while reconstruction losses are means: weigh it accordingly.
 */
export function roundingRegularizer(rounding: Tensor, beta: number): Tensor {
  const off = abs(sub(mul(softRounding(rounding), 2), 1));
  return sum(sub(1, pow(off, beta)));
}

/** Options of `betaAt`. */
export interface BetaOptions {
  /** Steps in all. */
  readonly total: number;
  /** Share of them before the annealing starts. Default 0.2. */
  readonly warmup?: number;
  readonly start?: number;
  readonly end?: number;
  /** "linear" (BRECQ, QDrop) or "cosine" (AIMET). Default linear. */
  readonly shape?: "linear" | "cosine";
}

/** Sharpness of the regulariser at a step: `start` (20) during warm-up, then down to `end` (2). */
export function betaAt(step: number, { total, warmup = 0.2, start = 20, end = 2, shape = "linear" }: BetaOptions): number {
  const begin = warmup * total;
  if (step < begin) return start;
  const done = Math.min(1, (step - begin) / (total - begin));
  const left = shape === "linear" ? 1 - done : (1 + cos(Math.PI * done)) / 2;
  return end + (start - end) * left;
}

/**
 * AdaRound: the uniform grid with a learned choice between the two codes around each weight.
 *
 * `fakeQuant` is the soft weight s (clamp(floor(w / s) + h(V) + z, qmin, qmax) - z), differentiable in V;
 * `quantize` hardens, rounding up where V >= 0.
 *
 * Source: Nagel et al. 2020.
 */
export const adaround: Quantizer<AdaroundParams> = {
  name: "adaround",
  init(range, scheme, x) {
    if (!x) throw new ArgumentError("adaround", "init needs the weights, got none");
    const { params } = chooseQParams(range, scheme);
    return { ...params, rounding: initialRounding(x, params, scheme.axis) };
  },
  fakeQuant(x, params, { qmin, qmax, axis }) {
    const down = allocate(x.dtype, x.size);
    eachRatio(x, params, axis, (i, ratio, zeroPoint) => {
      down[i] = Math.floor(ratio) + zeroPoint;
    });
    const { scale, zeroPoint } = paramsLike(x, params);
    const shape = x.shape.map((d, i) => (i === axis && scale.size > 1 ? d : 1));
    const code = clamp(add(new Tensor(x.shape, x.dtype, down), softRounding(params.rounding)), { min: qmin, max: qmax });
    return mul(sub(code, viewAs(zeroPoint, shape)), viewAs(scale, shape));
  },
  quantize: (x, params, scheme) =>
    encode("adaround", cast(x, "f64"), params, scheme, (ratio, i) => Math.floor(ratio) + (params.rounding.data[i] >= 0 ? 1 : 0)),
  dequantize: (codes, params, scheme) => decode("adaround", codes, params, scheme),
  learnable: ["rounding"],
};

/**
 * Visits w / scale, in double whatever the dtype: a quotient that float32 rounds up to an integer would move its floor,
 * and with it the meaning of V, by a whole step.
 */
function eachRatio(w: Tensor, params: QParams, axis: number | null, visit: (i: number, ratio: number, zeroPoint: number) => void): void {
  forEachScale("adaround", w, params, axis, (start, end, scale, zeroPoint) => {
    for (let i = start; i < end; i++) visit(i, w.data[i] / scale, zeroPoint);
  });
}
