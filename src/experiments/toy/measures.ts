import { log } from "../../elementary.ts";

/** Arithmetic mean; NaN of nothing. */
export const mean = (values: ArrayLike<number>): number => total(values) / values.length;

function total(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}

/** Standard deviation with n - 1; 0 of a single value. */
export function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const m = mean(values);
  return Math.sqrt(total(values.map((v) => (v - m) * (v - m))) / (values.length - 1));
}

/** Mean squared difference of two lists of the same length. */
export function meanSquare(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum / a.length;
}

/** Fourth central moment over the squared variance, less 3: 0 for a normal law, 3 for a Laplace law. */
export function excessKurtosis(values: ArrayLike<number>): number {
  const m = mean(values);
  let [second, fourth] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const square = (values[i] - m) * (values[i] - m);
    second += square;
    fourth += square * square;
  }
  return (fourth * values.length) / (second * second) - 3;
}

/** Shares of the values in even bins over [low, high]; what lies outside counts in the end bins. */
export function histogram(values: ArrayLike<number>, low: number, high: number, bins: number): number[] {
  const shares = new Array<number>(bins).fill(0);
  for (let i = 0; i < values.length; i++) {
    const bin = Math.floor(((values[i] - low) / (high - low)) * bins);
    shares[Math.min(bins - 1, Math.max(0, bin))] += 1 / values.length;
  }
  return shares;
}

/** Entropy of shares in bits. */
export const entropy = (shares: readonly number[]): number => -total(shares.map((p) => (p > 0 ? p * log(p) : 0))) / Math.LN2;

/** Ranks from 1, equal values share the mean of theirs. */
function ranks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  const found = new Array<number>(values.length);
  for (let i = 0; i < order.length; ) {
    let end = i + 1;
    while (end < order.length && values[order[end]] === values[order[i]]) end++;
    for (let k = i; k < end; k++) found[order[k]] = (i + end + 1) / 2;
    i = end;
  }
  return found;
}

/** Spearman's rank correlation; NaN where a list is constant. */
export function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranks(a), ranks(b)];
  const [mx, my] = [mean(x), mean(y)];
  const product = total(x.map((v, i) => (v - mx) * (y[i] - my)));
  const squares = [x.map((v) => (v - mx) * (v - mx)), y.map((v) => (v - my) * (v - my))].map(total);
  return product / Math.sqrt(squares[0] * squares[1]);
}

/** Position of the least value, the first of equal ones. */
export const argmin = (values: readonly number[]): number => values.reduce((best, v, i) => (v < values[best] ? i : best), 0);

/** The value that a share of the sorted values lies below, between neighbours by proportion. */
export function quantile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  return sorted[below] + (at - below) * (sorted[Math.min(below + 1, sorted.length - 1)] - sorted[below]);
}

/** Six significant digits: what a record keeps. */
export const rounded = (value: number): number => Number(value.toPrecision(6));
