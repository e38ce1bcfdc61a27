/**
 * Integer inference against our own f32 kernels, eager and replayed, rounds interleaved: four 3x3 convolutions 64 -> 64 over 8x64x32x32, with
 * 8-bit and 4-bit weights. Prints a table. `tsx bench/integer.ts 31` takes 31 rounds.
 */
import { loadavg } from "node:os";
import { compile } from "../src/autograd/index.ts";
import { inferInteger, prepareInteger, proveEquality } from "../src/quant/index.ts";
import { Tensor } from "../src/tensor/index.ts";
import { convStack, planOf } from "../test/quant/integer/plans.ts";

/** Times of one contender, in milliseconds. */
export interface Timing {
  readonly name: string;
  readonly medianMs: number;
  readonly bestMs: number;
  /** Median over rounds of the first contender's time over its own: above 1 is faster. */
  readonly timesFaster: number;
}

/** Runs contenders in turn, `rounds` times over; the first is what the others are compared with. */
export function interleaved(contenders: Readonly<Record<string, () => unknown>>, rounds: number): Timing[] {
  const names = Object.keys(contenders);
  const times = new Map<string, number[]>(names.map((name) => [name, []]));
  for (const name of names) for (let i = 0; i < 3; i++) contenders[name]();
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const start = performance.now();
      contenders[name]();
      times.get(name)!.push(performance.now() - start);
    }
  }
  const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[list.length >> 1];
  const base = times.get(names[0])!;
  return names.map((name) => {
    const own = times.get(name)!;
    return { name, medianMs: median(own), bestMs: Math.min(...own), timesFaster: median(own.map((t, i) => base[i] / t)) };
  });
}

/** The rows of the integer stack: f32, 8-bit and 4-bit weights. Errors: Error where a code differs from the simulation. */
export function integerStack(rounds: number): Timing[] {
  const { graph, x } = convStack({ layers: 4, channels: 64, size: 32, batch: 8 });
  const replayed = compile((input) => graph.forward(input));
  const contenders: Record<string, () => unknown> = { "f32 replayed": () => replayed(x), f32: () => graph.forward(x) };
  for (const weightBits of [8, 4]) {
    const model = prepareInteger(graph, planOf(graph, x, { weightBits, weightMapping: "symmetricNarrow" }));
    const image = new Tensor([1, ...x.shape.slice(1)], "f32", x.data.slice(0, x.size / 8));
    const { violations } = proveEquality(model, image);
    if (violations > 0) throw new Error(`W${weightBits}A8: ${violations} codes differ from the simulation`);
    contenders[`W${weightBits}A8`] = () => inferInteger(model, x);
  }
  return interleaved(contenders, rounds);
}

if (process.argv[1]?.endsWith("integer.ts")) {
  console.log(`4 x conv 3x3 64->64, 8x64x32x32, load ${loadavg()[0].toFixed(2)}`);
  for (const { name, medianMs, bestMs, timesFaster } of integerStack(Number(process.argv[2] ?? 15))) {
    console.log(
      `${name.padEnd(12)} median ${medianMs.toFixed(1)} ms  best ${bestMs.toFixed(1)} ms  ${timesFaster.toFixed(2)} x f32 replayed`,
    );
  }
}
