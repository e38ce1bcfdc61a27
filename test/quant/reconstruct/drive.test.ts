import { expect, it } from "vitest";
import { drive } from "../../../src/quant/reconstruct/drive.ts";

/** Drives a descent whose every `period`-th step takes 100 ms and the others 1 ms, as far as 1 s reaches. */
async function drivenFor(period: number) {
  let now = 0;
  const asked: { readonly each: number; readonly taken: number }[] = [];
  const stepsOf = (each: number, taken: number): number => {
    asked.push({ each, taken });
    return taken + Math.floor((1000 - now) / each);
  };
  const course = { budget: { probe: 4, now: () => now, steps: () => 0 }, stepsOf, period, rest: async () => {} };
  const { steps } = await drive(new Map(), course, function* () {
    for (let step = 0; ; step++) {
      now += step % period === 0 ? 100 : 1;
      yield { step, loss: 1, lr: 0, params: new Map() };
    }
  });
  return { asked, steps, now };
}

it("asks once, with what a step takes on average over whole periods", async () => {
  for (const period of [1, 2, 5, 16, 100]) {
    const { asked, steps, now } = await drivenFor(period);
    expect(asked).toHaveLength(1);
    expect(asked[0].each).toBeCloseTo((99 + period) / period, 9);
    expect(steps).toBeGreaterThan(asked[0].taken);
    expect(Math.abs(now - 1000)).toBeLessThanOrEqual(100);
  }
});
