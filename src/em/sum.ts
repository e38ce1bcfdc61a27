/** Scores are summed in blocks of this many, so that sums of 200 000 terms lose nothing that matters. */
export const BLOCK = 128;

/** Compensated addition (Neumaier): `sums[slot] + lost[slot]` is the sum. */
export function addTo(sums: Float64Array, lost: Float64Array, slot: number, value: number): void {
  const sum = sums[slot];
  const next = sum + value;
  lost[slot] += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
  sums[slot] = next;
}

/** Sum in blocks, the block sums compensated: the error does not grow with the length. */
export function blockedSum(values: Float64Array): number {
  const sum = new Float64Array(1);
  const lost = new Float64Array(1);
  for (let start = 0; start < values.length; start += BLOCK) {
    const end = Math.min(start + BLOCK, values.length);
    let block = 0;
    for (let i = start; i < end; i++) block += values[i];
    addTo(sum, lost, 0, block);
  }
  return sum[0] + lost[0];
}

/** Mean squared distance from the mean. */
export function populationVariance(values: Float64Array): number {
  const mean = blockedSum(values) / values.length;
  return blockedSum(values.map((v) => (v - mean) * (v - mean))) / values.length;
}
