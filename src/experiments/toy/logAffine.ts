import { log } from "../../elementary.ts";
import { logAffine } from "../../quant/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { argmin, entropy, histogram, mean, meanSquare, quantile, rounded } from "./measures.ts";
import { forwardWith, lossOf, MIDDLE, type Net, type Weights, weightsOf } from "./nets.ts";
import type { LogAffineRecord } from "./record.ts";
import { factorsOf, INT4, uniformInt4 } from "./scaleSweep.ts";

/** The largest exponent of INT4: 7 magnitudes a side, and 0. */
const TOP = 6;
const BINS = 16;

const QUANTIZER = logAffine({ mode: "exact" });

/**
 * A weight on the library's logarithmic-affine grid of 15 levels, 0 among them, k and a by side and layer, by squared error.
 * Shape: any, kept. Source: Reg-PTQ eq. 9 and 10; departures are those of `logAffine`, and one pair a layer, not a channel.
 */
export function logAffineInt4(weight: Tensor): Tensor {
  const values = Array.from(weight.data);
  const range = { min: Float64Array.of(Math.min(...values)), max: Float64Array.of(Math.max(...values)) };
  return QUANTIZER.fakeQuant(weight, QUANTIZER.init(range, INT4, weight), INT4);
}

/** The uniform grid of least squared error among the candidates. */
function bestUniform(weight: Tensor, candidates: number): Tensor {
  const found = factorsOf(candidates).map((factor) => uniformInt4(weight, factor));
  return found[argmin(found.map((q) => meanSquare(q.data, weight.data)))];
}

/** Logarithmic-affine against uniform INT4 on a net. Source: Reg-PTQ Sec. 4.3 and the transformed weights of Fig. 6. */
export function compareGrids(net: Net, candidates: number): LogAffineRecord {
  const weights = weightsOf(net.module);
  const before = lossOf(net, forwardWith(net, new Map()));
  const measured = [(w: Tensor) => bestUniform(w, candidates), logAffineInt4].map((quantize) => {
    const replaced = new Map([...weights].map(([site, w]) => [site, quantize(w)]));
    const [q, w] = [replaced, weights].map((from) => [...from.values()].flatMap((x) => [...x.data]));
    const power = mean(w.map((v) => v * v));
    return { error: rounded(meanSquare(q, w) / power), task: rounded(lossOf(net, forwardWith(net, replaced)) - before) };
  });
  const [trained, start] = [weights, net.start].map(transformed);
  return {
    uniformError: measured[0].error,
    logError: measured[1].error,
    uniformTask: measured[0].task,
    logTask: measured[1].task,
    entropy: trained.entropy,
    logEntropy: trained.logEntropy,
    startEntropy: start.entropy,
    startLogEntropy: start.logEntropy,
    histogram: trained.histogram,
    logHistogram: trained.logHistogram,
  };
}

/** The hidden layers' magnitudes before and after psi: mean entropies in bits, and mean histograms. */
function transformed(weights: Weights): Pick<LogAffineRecord, "entropy" | "logEntropy" | "histogram" | "logHistogram"> {
  const middle = MIDDLE.map((site) => spreadOf(weights.get(site) as Tensor));
  const average = (of: (s: Spread) => readonly number[]): number[] =>
    of(middle[0]).map((share, b) => rounded((share + of(middle[1])[b]) / 2));
  return {
    entropy: rounded(mean(middle.map((s) => entropy(s.before)))),
    logEntropy: rounded(mean(middle.map((s) => entropy(s.after)))),
    histogram: average((s) => s.before),
    logHistogram: average((s) => s.after),
  };
}

/** Shares of a layer's magnitudes in 16 bins. */
interface Spread {
  /** Over [0, largest]. */
  readonly before: readonly number[];
  /** Of psi, over [0, TOP]. */
  readonly after: readonly number[];
}

/** Histograms of a weight's magnitudes, and of psi(w) = k log2|w| + a by side. Source: Reg-PTQ eq. 9, Fig. 6. */
export function spreadOf(weight: Tensor): Spread {
  const sides = [1, -1].map((sign) => Array.from(weight.data, (w) => sign * w).filter((m) => m > 0)).filter((side) => side.length > 0);
  return {
    before: histogram(sides.flat(), 0, largest(sides.flat()), BINS),
    after: histogram(sides.flatMap(psi), 0, TOP, BINS),
  };
}

/** psi of one side's magnitudes: 0 at their 5 % quantile, if no further below than 4^-TOP, and TOP at the largest. */
function psi(magnitudes: readonly number[]): number[] {
  const high = log2(largest(magnitudes));
  const low = Math.max(log2(quantile(magnitudes, 0.05)), high - 2 * TOP);
  const k = TOP / Math.max(high - low, 1e-3);
  return magnitudes.map((m) => k * (log2(m) - low));
}

const log2 = (x: number): number => log(x) / Math.LN2;

const largest = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), 0);
