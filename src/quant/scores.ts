import type { Rng, Tensor } from "../tensor/index.ts";

/**
 * A bounded, seeded sample of the saliency scores of one tensor over all calibration samples: a
 * random-phase stride through each map, the same number from each.
 */
export class ScoreSample {
  readonly #rng: Rng;
  readonly #perMap: number;
  readonly #parts: Float64Array[] = [];

  /** `limit` bounds the total over `maps` maps. */
  constructor(rng: Rng, limit: number, maps: number) {
    this.#rng = rng;
    this.#perMap = Math.max(1, Math.floor(limit / maps));
  }

  /** Adds one map of scores h [N,h,w]. */
  add(scores: Tensor): void {
    const n = scores.size;
    const count = Math.min(n, this.#perMap);
    const part = new Float64Array(count);
    const phase = count < n ? this.#rng.float() : 0;
    for (let i = 0; i < count; i++) part[i] = scores.data[Math.floor(((i + phase) * n) / count)];
    this.#parts.push(part);
  }

  /** All kept scores, in the order they came. */
  values(): Float64Array {
    const all = new Float64Array(this.#parts.reduce((a, p) => a + p.length, 0));
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}
