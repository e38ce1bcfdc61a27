import seedrandom from "seedrandom";
import { log } from "../elementary.ts";
import { sizeOf } from "./shape.ts";
import { allocate, type DType, Tensor } from "./tensor.ts";

/** The only source of randomness: seeded, and splittable by label so that streams do not disturb each other. */
export class Rng {
  /** The seed as text, labels of `split` included. */
  readonly seed: string;
  readonly #next: () => number;
  #spare: number | undefined;

  /** Starts the stream of a seed; a number and its text are the same seed. */
  constructor(seed: number | string) {
    this.seed = String(seed);
    this.#next = seedrandom(this.seed);
  }

  /** An independent stream; the parent's position does not matter. */
  split(label: string | number): Rng {
    return new Rng(`${this.seed}/${label}`);
  }

  /** Uniform in [low, high). */
  float(low = 0, high = 1): number {
    return low + (high - low) * this.#next();
  }

  /** Uniform integer in [low, high], both ends included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.#next() * (high - low + 1));
  }

  /** Standard normal (Box-Muller, polar form). */
  normal(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return spare;
    }
    for (;;) {
      const u = this.float(-1, 1);
      const v = this.float(-1, 1);
      const s = u * u + v * v;
      if (s === 0 || s >= 1) continue;
      const scale = Math.sqrt((-2 * log(s)) / s);
      this.#spare = v * scale;
      return u * scale;
    }
  }

  /** One of the items, each as likely. */
  oneOf<T>(items: readonly T[]): T {
    return items[this.int(0, items.length - 1)]!;
  }

  /** A permutation of 0..n-1 (Fisher-Yates). Shape: [n]. */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.int(0, i);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }

  /** `count` distinct indices below `n`, ascending. Shape: [count], or [n] where that is less. */
  choose(n: number, count: number): Int32Array {
    return this.permutation(n).slice(0, Math.min(n, count)).sort();
  }
}

/** Normal samples, mean 0. Any shape. */
export function randn(shape: readonly number[], rng: Rng, std = 1, dtype: DType = "f32"): Tensor {
  const data = allocate(dtype, sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = std * rng.normal();
  return new Tensor(shape, dtype, data);
}

/** Uniform samples in [low, high); rounding to f32 may turn the largest into `high`. Any shape. */
export function uniform(shape: readonly number[], rng: Rng, low = 0, high = 1, dtype: DType = "f32"): Tensor {
  const data = allocate(dtype, sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = rng.float(low, high);
  return new Tensor(shape, dtype, data);
}
