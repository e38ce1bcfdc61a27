/** The value in the middle, the lower of two: one that occurs. Null of nothing. */
export const median = (values: readonly number[]): number | null =>
  values.length === 0 ? null : [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
