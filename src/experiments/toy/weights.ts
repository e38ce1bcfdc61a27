import { entropy, excessKurtosis, histogram, mean, rounded } from "./measures.ts";
import { MIDDLE, type Net, type Weights, weightsOf } from "./nets.ts";
import type { WeightsRecord } from "./record.ts";

/** Root mean squares to either side of 0 that a histogram shows, and its bins. */
const REACH = 4;
const BINS = 33;

/** How peaked a net's weights are. Source: Reg-PTQ Sec. 3, observation 3. */
export function describeWeights(net: Net): WeightsRecord {
  const weights = weightsOf(net.module);
  const histograms = MIDDLE.map((site) => histogram(scaled(dataOf(weights, site)), -REACH, REACH, BINS));
  return {
    kurtosis: [...weights.values()].map((w) => rounded(excessKurtosis(w.data))),
    hiddenKurtosis: rounded(hiddenKurtosis(weights)),
    startKurtosis: rounded(hiddenKurtosis(net.start)),
    trimmedKurtosis: rounded(mean(MIDDLE.map((site) => excessKurtosis(withoutLargest(dataOf(weights, site)))))),
    largest: rounded(Math.max(...MIDDLE.flatMap((site) => scaled(dataOf(weights, site)).map(Math.abs)))),
    hiddenEntropy: rounded(mean(histograms.map(entropy))),
    histogram: histograms[0].map((share, b) => rounded((share + histograms[1][b]) / 2)),
  };
}

const dataOf = (weights: Weights, site: string): number[] => Array.from(weights.get(site)?.data ?? []);

const hiddenKurtosis = (weights: Weights): number => mean(MIDDLE.map((site) => excessKurtosis(dataOf(weights, site))));

/** Weights of a layer that count as its outliers. */
const OUTLIERS = 5;

const withoutLargest = (values: readonly number[]): number[] => [...values].sort((a, b) => Math.abs(b) - Math.abs(a)).slice(OUTLIERS);

/** In root mean squares. */
function scaled(values: readonly number[]): number[] {
  const size = Math.sqrt(mean(values.map((v) => v * v)));
  return values.map((v) => v / size);
}
