/** Decides how many steps a descent takes: a fixed number, or as many as fit a share of the time that is left. */
export interface Budget {
  /** Steps for a unit whose first steps took `milliseconds` each; units left to do weigh `costs`, this one first. */
  steps(milliseconds: number, costs: readonly number[]): number;
  /** Steps after which `steps` is asked at the earliest; 0 where the answer does not depend on time. */
  readonly probe: number;
  /** Milliseconds since any moment. */
  now(): number;
}

const clock = (): number => performance.now();

/** The same number for every unit. */
export const fixedSteps = (steps: number): Budget => ({ steps: () => steps, probe: 0, now: clock });

const PROBE = 4;
const MOST = 20_000;
/** Share of the time that is left for everything beside descents, until it is known; and the most it is taken to be. */
const BESIDE = 0.4;
const MOST_BESIDE = 0.6;

/**
 * All units together end about `milliseconds` from now: time that one unit leaves goes to those behind it, and what units
 * need beside their descents is set aside for those to come. Results depend on the clock, so the record holds the number of
 * steps that each unit took.
 */
export function timeBudget(milliseconds: number, now: () => number = clock): Budget {
  const deadline = now() + milliseconds;
  const beside = new Line();
  let last: { readonly at: number; readonly granted: number; readonly units: number } | undefined;
  return {
    probe: PROBE,
    now,
    steps(each, costs) {
      const at = now();
      if (last && last.units !== costs.length) beside.add(costs[0], Math.max(0, at - last.at - last.granted));
      const all = costs.reduce((a, b) => a + b, 0);
      const left = deadline - at;
      const wanted = beside.points > 0 ? costs.slice(1).reduce((sum, cost) => sum + beside.at(cost), 0) : BESIDE * left;
      const aside = Math.min(wanted, MOST_BESIDE * left);
      const steps = Math.min(MOST, Math.max(0, Math.floor(((costs[0] / all) * (left - aside)) / each)));
      last = { at, granted: steps * each, units: costs.length };
      return steps;
    },
  };
}

/** The line of least squares through points, kept from falling: a constant and a part in proportion, neither below 0. */
class Line {
  points = 0;
  readonly #sums = { x: 0, y: 0, xx: 0, xy: 0 };

  add(x: number, y: number): void {
    const sums = this.#sums;
    this.points++;
    sums.x += x;
    sums.y += y;
    sums.xx += x * x;
    sums.xy += x * y;
  }

  at(x: number): number {
    const { points: n } = this;
    const sums = this.#sums;
    const spread = sums.xx - sums.x ** 2 / n;
    const slope = spread > 0 ? Math.max(0, (sums.xy - (sums.x * sums.y) / n) / spread) : 0;
    const constant = (sums.y - slope * sums.x) / n;
    return constant >= 0 ? constant + slope * x : (sums.y / sums.x) * x;
  }
}
