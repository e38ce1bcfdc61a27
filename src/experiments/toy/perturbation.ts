import type { Rng, Tensor } from "../../tensor/index.ts";
import { mean, meanSquare, rounded } from "./measures.ts";
import { forwardWith, type Net, probabilities, shifted, weightsOf } from "./nets.ts";
import { NOISES, type NoiseCurves, type NoiseName, type ToyConfig } from "./record.ts";

/** A draw of each noise at sigma = 1. */
const DRAWS: Readonly<Record<NoiseName, (rng: Rng) => number>> = {
  normal: (rng) => rng.normal(),
  uniform: (rng) => rng.float(-1, 1),
  uniformSameVariance: (rng) => Math.sqrt(3) * rng.float(-1, 1),
};

/** How far noise on all weights (not the biases) moves a net's output. Each draw serves every sigma. Source: Reg-PTQ Fig. 2. */
export function perturb(net: Net, config: ToyConfig, rng: Rng): Record<NoiseName, NoiseCurves> {
  return Object.fromEntries(NOISES.map((kind) => [kind, curves(net, config, rng.split(kind), DRAWS[kind])])) as Record<
    NoiseName,
    NoiseCurves
  >;
}

function curves(net: Net, { sigmas, draws }: ToyConfig, rng: Rng, draw: (rng: Rng) => number): NoiseCurves {
  const weights = weightsOf(net.module);
  const output = forwardWith(net, weights);
  const classes = net.task.classifies ? probabilities(output) : undefined;
  const variance = varianceOf(output);
  const raw = sigmas.map(() => 0);
  const ofClasses = sigmas.map(() => 0);
  for (let d = 0; d < draws; d++) {
    const stream = rng.split(d);
    const noise = new Map([...weights].map(([site, w]) => [site, Float64Array.from(w.data, () => draw(stream))]));
    for (const [i, sigma] of sigmas.entries()) {
      if (sigma === 0) continue;
      const noisy = new Map(
        [...weights].map(([site, w]) => [
          site,
          shifted(
            w,
            (noise.get(site) as Float64Array).map((e) => sigma * e),
          ),
        ]),
      );
      const moved = forwardWith(net, noisy);
      raw[i] += meanSquare(moved.data, output.data) / draws;
      if (classes) ofClasses[i] += meanSquare(probabilities(moved).data, classes.data) / draws;
    }
  }
  return {
    raw: raw.map(rounded),
    relative: raw.map((v) => rounded(v / variance)),
    probabilities: classes ? ofClasses.map(rounded) : null,
  };
}

/** Variance over the rows, mean over the columns, of an output [N,O]. */
function varianceOf({ data, shape: [count, width] }: Tensor): number {
  const columns = Array.from({ length: width }, (_, c) => Array.from({ length: count }, (_, i) => data[i * width + c]));
  return mean(columns.map((column) => meanSquare(column, new Array<number>(count).fill(mean(column)))));
}
