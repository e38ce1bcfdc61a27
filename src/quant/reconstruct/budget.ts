/** Decides how many steps a descent takes: a fixed number, or as many as fit a share of the time that is left. */
export interface Budget {
  /** Steps for a unit whose first steps took `milliseconds` each; units left to do weigh `costs`, this one first. */
  steps(milliseconds: number, costs: readonly number[]): number;
  /** Steps after which `steps` is asked; 0 where the answer does not depend on time. */
  readonly probe: number;
  /** Milliseconds since any moment. */
  now(): number;
}

const clock = (): number => performance.now();

/** The same number for every unit. */
export const fixedSteps = (steps: number): Budget => ({ steps: () => steps, probe: 0, now: clock });

const PROBE = 4;
const MOST = 20_000;

/**
 * All units together end about `milliseconds` from now: time that one unit leaves goes to those behind it. Results depend
 * on the clock, so the record holds the number of steps that each unit took.
 */
export function timeBudget(milliseconds: number, now: () => number = clock): Budget {
  const deadline = now() + milliseconds;
  return {
    probe: PROBE,
    now,
    steps(each, costs) {
      const share = costs[0] / costs.reduce((a, b) => a + b, 0);
      return Math.min(MOST, Math.max(0, Math.floor((share * (deadline - now())) / each)));
    },
  };
}
