import { log } from "../../elementary.ts";
import { add, clamp, exp, log1p, logSigmoid, mul, neg, sub, type Tensor } from "../../tensor/index.ts";

/** Scores above 1 - 2^-20 count as that: log(1 - H) stays finite, and is no more wrong than H itself in float32. */
const MOST = log(1 - 2 ** -20);

/** Log-scores whose complement has a logarithm. The gradient of those that were too large is 0. */
export const boundedScores = (logScores: Tensor): Tensor => clamp(logScores, { max: MOST });

/** Logarithms of what every entry of a heatmap holds likely: an object, or none. */
export interface Odds {
  readonly hit: Tensor;
  readonly miss: Tensor;
}

/** log H and log(1 - H) of bounded log-scores; their logits are divided by `temperature`. Shape: any, kept. */
export function oddsOf(bounded: Tensor, temperature = 1): Odds {
  const miss = log1p(neg(exp(bounded)));
  if (temperature === 1) return { hit: bounded, miss };
  const logit = mul(sub(bounded, miss), 1 / temperature);
  return { hit: logSigmoid(logit), miss: logSigmoid(neg(logit)) };
}

/** -(p log q + (1 - p) log(1 - q)) of every entry. */
export function crossEntropies(float: Odds, quantized: Odds): Tensor {
  return neg(add(mul(exp(float.hit), quantized.hit), mul(exp(float.miss), quantized.miss)));
}

/**
 * p log(p / q) + (1 - p) log((1 - p) / (1 - q)) of every entry, never negative: what rounding takes below 0 counts as 0.
 * Source: Kullback and Leibler 1951, of Bernoulli distributions.
 */
export function divergences(float: Odds, quantized: Odds): Tensor {
  const hits = mul(exp(float.hit), sub(float.hit, quantized.hit));
  const misses = mul(exp(float.miss), sub(float.miss, quantized.miss));
  return clamp(add(hits, misses), { min: 0 });
}
