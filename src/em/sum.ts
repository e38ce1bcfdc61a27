/** Scores are summed in blocks of this many, so that sums of 200 000 terms lose nothing that matters. */
export const BLOCK = 128;

/** Compensated addition (Neumaier): `sums[slot] + lost[slot]` is the sum. */
export function addTo(sums: Float64Array, lost: Float64Array, slot: number, value: number): void {
  const next = sums[slot] + value;
  lost[slot] += lostIn(sums[slot], value, next);
  sums[slot] = next;
}

/** What the rounded sum `next` of two numbers lacks. */
const lostIn = (sum: number, value: number, next: number): number =>
  Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;

/** Compensated sum of `term(0)`, `term(1)`, up to `count` terms. */
export function compensatedSum(count: number, term: (i: number) => number): number {
  let sum = 0;
  let lost = 0;
  for (let i = 0; i < count; i++) {
    const value = term(i);
    const next = sum + value;
    lost += lostIn(sum, value, next);
    sum = next;
  }
  return sum + lost;
}

/** Sum in blocks, the block sums compensated: the error does not grow with the length. */
export function blockedSum(values: Float64Array): number {
  return compensatedSum(Math.ceil(values.length / BLOCK), (k) => {
    const end = Math.min((k + 1) * BLOCK, values.length);
    let block = 0;
    for (let i = k * BLOCK; i < end; i++) block += values[i];
    return block;
  });
}

/** Mean squared distance from the mean. */
export function populationVariance(values: Float64Array): number {
  const mean = blockedSum(values) / values.length;
  const squares = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) squares[i] = (values[i] - mean) * (values[i] - mean);
  return blockedSum(squares) / values.length;
}
