/** The times of one workload in one round, in milliseconds. */
export interface Round {
  readonly median: number;
  readonly best: number;
}

/** The middle of some numbers; NaN of none. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Median over the rounds of their medians, and the best of all. */
export const overRounds = (rounds: readonly Round[]): Round => ({
  median: medianOf(rounds.map((r) => r.median)),
  best: Math.min(...rounds.map((r) => r.best)),
});

/**
 * How many times the time of `b` the time of `a` is: the median over rounds both were measured in of the ratio within the
 * round, so that a slow minute of the machine falls on both. Undefined where no round has both.
 */
export function timeRatio(a: readonly (Round | null)[], b: readonly (Round | null)[]): number | undefined {
  const ratios = a.flatMap((round, i) => {
    const other = b[i];
    return round && other ? [round.median / other.median] : [];
  });
  return ratios.length === 0 ? undefined : medianOf(ratios);
}

/** A number with four significant digits, as files keep it. */
export const digits = (value: number): number => Number(value.toPrecision(4));
