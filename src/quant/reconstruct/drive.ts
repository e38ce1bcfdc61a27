import type { MinimizeStep, Minimum, Parameters } from "../../nn/index.ts";
import type { Budget } from "./budget.ts";

/** How long a descent goes on. */
export interface Course {
  readonly budget: Budget;
  /** Steps of the whole descent, once it is known how many milliseconds one takes; of 0, and none taken, where time does not decide. */
  readonly stepsOf: (milliseconds: number, taken: number) => number;
  /** Steps after which what a step costs repeats, >= 1. */
  readonly period: number;
  /** Awaited now and then, with the share of the steps that is done. */
  readonly rest: (share: number) => Promise<void>;
}

/** Steps between two rests. */
const REST = 10;
/** Steps that also record and compile: later ones say what a step takes. */
const SLOW = 2;

/**
 * Steps through a descent from `start` for as long as its course says; `descent` is handed the number of steps as far as it
 * is known. `loss` is the one at the start: NaN without a step.
 */
export async function drive(
  start: Parameters,
  { budget, stepsOf, period, rest }: Course,
  descent: (total: () => number) => Generator<MinimizeStep, Minimum>,
): Promise<{ params: Parameters; steps: number; loss: number }> {
  const probe = budget.probe > 0 ? Math.max(budget.probe, SLOW + period) : 0;
  let total = probe > 0 ? Number.MAX_SAFE_INTEGER : stepsOf(0, 0);
  const run = descent(() => total);
  let began = budget.now();
  let [params, steps, loss] = [start, 0, Number.NaN];
  try {
    while (steps < total) {
      const next = run.next();
      if (next.done) break;
      if (steps === 0) loss = next.value.loss;
      steps++;
      if (steps === SLOW) began = budget.now();
      if (steps === probe) total = Math.max(steps, stepsOf((budget.now() - began) / (steps - SLOW), steps));
      if (steps >= total) params = next.value.params;
      else if (steps % REST === 0) await rest(steps / total);
    }
  } finally {
    run.return({ params, loss: Number.NaN, losses: [] });
  }
  return { params, steps, loss };
}
