import { Bench } from "tinybench";
import { digits, type Round } from "./statistics.ts";

/** Results go here, so that no engine may leave out what computes them. */
let sink: unknown;

/** Times calls for a budget of milliseconds, at least two calls after one that warms up. Throws where a call does. */
export async function timeRound(name: string, run: () => unknown, budget: number): Promise<Round> {
  const bench = new Bench({ time: budget, iterations: 2, warmupTime: 0, warmupIterations: 1, throws: true });
  const asynchronous = run() instanceof Promise;
  bench.add(
    name,
    asynchronous
      ? async () => {
          sink = await run();
        }
      : () => {
          sink = run();
        },
    { async: asynchronous },
  );
  await bench.run();
  const { result } = bench.tasks[0]!;
  if (result.state !== "completed") throw new Error(`${name}: the run must complete, got ${result.state}`);
  sink = undefined;
  return { median: digits(result.latency.p50), best: digits(result.latency.min) };
}

/** The last result; keeps `sink` read. */
export const lastResult = (): unknown => sink;
