import { log } from "../../elementary.ts";
import type { TensorDifference } from "../../quant/index.ts";
import type { Tensor } from "../../tensor/index.ts";

/** Sums up how far a tensor is apart in two models, picture by picture. */
export class TensorMeter {
  #signal = 0;
  #otherSignal = 0;
  #product = 0;
  #noise = 0;
  #maxError = 0;
  #nonFinite = 0;

  /** Adds the tensor of one picture, of the same size in both. */
  add({ data: x }: Tensor, { data: y }: Tensor): void {
    let [signal, otherSignal, product, noise, maxError, nonFinite] = [0, 0, 0, 0, this.#maxError, 0];
    for (let i = 0; i < x.length; i++) {
      const v = x[i];
      const w = y[i];
      const d = w - v;
      if (!Number.isFinite(d)) {
        nonFinite++;
        continue;
      }
      signal += v * v;
      otherSignal += w * w;
      product += v * w;
      noise += d * d;
      if (d > maxError || -d > maxError) maxError = Math.abs(d);
    }
    this.#signal += signal;
    this.#otherSignal += otherSignal;
    this.#product += product;
    this.#noise += noise;
    this.#maxError = maxError;
    this.#nonFinite += nonFinite;
  }

  result(): TensorDifference {
    const [signal, otherSignal, noise] = [this.#signal, this.#otherSignal, this.#noise];
    const length = Math.sqrt(signal) * Math.sqrt(otherSignal);
    // Equal tensors have a cosine of exactly 1, which two roots could round away.
    const cosine = noise === 0 ? 1 : Math.min(1, Math.max(-1, this.#product / length));
    return {
      sqnr: noise > 0 && signal > 0 ? (10 / Math.LN10) * log(signal / noise) : null,
      cosine: length > 0 ? cosine : null,
      maxError: this.#maxError,
      nonFinite: this.#nonFinite,
    };
  }
}
