import { describe, expect, it } from "vitest";
import { timeBudget } from "../../../src/quant/reconstruct/index.ts";

/** A walk over units on a clock of its own: what each takes beside its descent, and what a step takes, in milliseconds. */
function walk(limit: number, costs: readonly number[], beside: (cost: number) => number, each: (cost: number) => number) {
  let now = 0;
  const budget = timeBudget(limit, () => now);
  const steps = costs.map((cost, i) => {
    now += beside(cost) + budget.probe * each(cost);
    const found = budget.steps(each(cost), costs.slice(i));
    now += found * each(cost);
    return found;
  });
  return { steps, now };
}

const COSTS = [4, 1, 2, 1, 8, 1, 2, 4, 1, 2, 3, 1];

describe("a budget of time", () => {
  it("gives units that cost what was foretold the same steps, but for the first ones", () => {
    const { steps, now } = walk(
      10_000,
      COSTS,
      () => 0,
      (cost) => cost,
    );
    const later = steps.slice(2);
    expect(Math.max(...later)).toBeLessThan(1.3 * Math.min(...later));
    expect(now).toBeLessThan(10_200);
    expect(now).toBeGreaterThan(9_500);
  });

  it("sets aside what units need beside their descents, in proportion to their cost and by their number", () => {
    for (const beside of [(cost: number) => 60 * cost, () => 150, (cost: number) => 80 + 30 * cost]) {
      const { steps, now } = walk(10_000, COSTS, beside, (cost) => cost);
      expect(Math.min(...steps)).toBeGreaterThan(50);
      expect(now).toBeLessThan(10_300);
      expect(now).toBeGreaterThan(9_000);
    }
  });

  it("leaves the last units some time where all the others took too much", () => {
    const { steps } = walk(
      1000,
      COSTS,
      () => 60,
      (cost) => cost,
    );
    expect(steps.slice(0, 6).every((n) => n > 0)).toBe(true);
  });

  it("gives no steps once time is over", () => {
    let now = 0;
    const budget = timeBudget(100, () => now);
    now = 200;
    expect(budget.steps(1, [1, 1])).toBe(0);
  });
});
