/** What values in buckets add up to: sum of level * value, and of level^2, over all of them. */
export interface BucketSums {
  readonly dot: number;
  readonly norm: number;
}

/** Magnitudes in ascending order with the sums of their first n: the error of any grid on them takes one search per level. */
export class SortedMagnitudes {
  /** Sum of squares. */
  readonly square: number;
  readonly #values: Float64Array;
  readonly #sums: Float64Array;

  /** `values` need be neither sorted nor positive. */
  constructor(values: ArrayLike<number>) {
    this.#values = Float64Array.from(values, Math.abs).sort();
    this.#sums = new Float64Array(values.length + 1);
    let square = 0;
    this.#values.forEach((v, i) => {
      this.#sums[i + 1] = this.#sums[i] + v;
      square += v * v;
    });
    this.square = square;
  }

  get count(): number {
    return this.#values.length;
  }

  get largest(): number {
    return this.count === 0 ? 0 : this.#values[this.count - 1];
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.#sums[this.count] / this.count;
  }

  /** The value below which a share of them lies. */
  quantile(share: number): number {
    return this.#values[Math.min(this.count - 1, Math.floor(share * this.count))];
  }

  /** How many lie at or below v. */
  #upTo(v: number): number {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#values[middle] <= v) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Sums with levels[j] for the values in (thresholds[j - 1], thresholds[j]]; both ascend, and there is one level more. */
  sums(levels: readonly number[], thresholds: readonly number[]): BucketSums {
    let [dot, norm, from] = [0, 0, 0];
    levels.forEach((level, j) => {
      const to = j < thresholds.length ? this.#upTo(thresholds[j]) : this.count;
      dot += level * (this.#sums[to] - this.#sums[from]);
      norm += level * level * (to - from);
      from = to;
    });
    return { dot, norm };
  }

  /** Sum of squared distances to scale * level with such buckets, never below 0. */
  error({ dot, norm }: BucketSums, scale: number): number {
    return Math.max(0, this.square - 2 * scale * dot + scale * scale * norm);
  }
}
