import { type Rng, sizeOf, Tensor } from "../../tensor/index.ts";

/** Draws of one long random sequence of zeros and ones, at random places: far cheaper than a draw for each element. */
export class MaskPool {
  readonly #values: Float32Array;

  /** Masks of up to `largest` elements that are 1 with probability `kept`. */
  constructor(largest: number, kept: number, rng: Rng) {
    this.#values = Float32Array.from({ length: 2 * largest + 4096 }, () => (rng.float() < kept ? 1 : 0));
  }

  /** A mask of a shape, from a place that `rng` says. Shape: any of at most the largest size. */
  draw(shape: readonly number[], rng: Rng): Tensor {
    const size = sizeOf(shape);
    const start = Math.floor(rng.float() * (this.#values.length - size));
    return new Tensor(shape, "f32", this.#values.subarray(start, start + size));
  }
}
