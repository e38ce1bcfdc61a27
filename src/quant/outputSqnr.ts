import { compileViews } from "../autograd/index.ts";
import { log } from "../elementary.ts";
import { type GraphInput, perInput } from "../graph/index.ts";
import type { GraphModel } from "./evidence.ts";
import { type Plan, tapOf } from "./plan.ts";
import type { SampleSource } from "./samples.ts";

/** What a value in dB is kept within: outputs that lost nothing have no finite SQNR. */
const MOST = 200;

/**
 * The lowest SQNR of a network's outputs under a plan, against the float network over all samples:
 * 10 log10(sum y^2 / sum (y^ - y)^2), in dB within [-200, 200].
 */
export async function outputSqnr(
  { graph }: GraphModel,
  plan: Plan,
  samples: SampleSource,
  after: (done: number) => Promise<void>,
): Promise<number> {
  const tap = tapOf(graph, plan);
  const float = perInput(graph, (x: GraphInput) => graph.forward(x), compileViews);
  const quantized = perInput(graph, (x: GraphInput) => graph.forward(x, tap), compileViews);
  const sums = new Map(graph.outputs.map(({ name }) => [name, { signal: 0, noise: 0 }]));
  for (let i = 0; i < samples.names.length; i++) {
    const x = samples.input(i);
    const [wanted, got] = [float(x), quantized(x)];
    for (const [name, sum] of sums) {
      const [y, z] = [wanted[name].data, got[name].data];
      for (let k = 0; k < y.length; k++) {
        sum.signal += y[k] * y[k];
        sum.noise += (z[k] - y[k]) ** 2;
      }
    }
    await after(i + 1);
  }
  float.release();
  quantized.release();
  const values = [...sums.values()].map(({ signal, noise }) => (noise === 0 ? MOST : 10 * (log(signal / noise) / Math.LN10)));
  return Math.max(-MOST, Math.min(MOST, ...values));
}
