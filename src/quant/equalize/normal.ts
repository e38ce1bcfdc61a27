import { normalDensity, normalDistribution } from "../../elementary.ts";

/**
 * Mean of min(max(x, 0), limit) for x normal with the given mean and deviation: a ReLU without a limit, ReLU6 with 6.
 * A deviation of 0 gives the clipped mean. Source: Nagel et al. 2019 (DFQ), appendix C.
 */
export function clippedMean(mean: number, deviation: number, limit = Infinity): number {
  if (!(deviation > 0)) return Math.min(Math.max(mean, 0), limit);
  const low = -mean / deviation;
  if (limit === Infinity) return mean * normalDistribution(-low) + deviation * normalDensity(low);
  const high = (limit - mean) / deviation;
  const inside = normalDistribution(high) - normalDistribution(low);
  return deviation * (normalDensity(low) - normalDensity(high)) + mean * inside + limit * normalDistribution(-high);
}
