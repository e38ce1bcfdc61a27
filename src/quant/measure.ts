import type { Tensor } from "../tensor/index.ts";
import { applySite, type SitePlan } from "./plan.ts";
import { volumesOf } from "./volumes.ts";

/** Running account of what quantization does to one activation tensor, measured on float activations. */
export interface SiteError {
  /** 10 log10(sum x^2 / sum (x^ - x)^2), dB; null where nothing was lost or nothing was there. */
  readonly sqnr: number | null;
  /** Share of elements outside the representable range. */
  readonly clippedShare: number;
}

/** Streams over samples: add each tensor once, then ask. */
export class SiteMeter {
  readonly #site: SitePlan;
  #signal = 0;
  #noise = 0;
  #clipped = 0;
  #count = 0;

  constructor(site: SitePlan) {
    this.#site = site;
  }

  add(x: Tensor): void {
    const { params, scheme } = this.#site;
    const y = applySite(x, this.#site);
    const { count, channels, channelStride, positionStride } = volumesOf(x.shape);
    const [from, to] = [x.data as Float32Array, y.data as Float32Array];
    // Sums run over all elements in their order, so that what they lose to rounding is always the same.
    let [signal, noise, clipped] = [this.#signal, this.#noise, this.#clipped];
    for (let c = 0; c < channels; c++) {
      const at = params.scale.size === 1 ? 0 : c;
      const s = params.scale.data[at];
      const z = params.zeroPoint.data[at];
      const low = s * (scheme.qmin - z - 0.5);
      const high = s * (scheme.qmax - z + 0.5);
      for (let p = 0, i = c * channelStride; p < count; p++, i += positionStride) {
        const v = from[i];
        const d = to[i] - v;
        signal += v * v;
        noise += d * d;
        if (v < low || v > high) clipped++;
      }
    }
    [this.#signal, this.#noise, this.#clipped] = [signal, noise, clipped];
    this.#count += x.size;
  }

  result(): SiteError {
    const measured = this.#noise > 0 && this.#signal > 0;
    return {
      sqnr: measured ? 10 * Math.log10(this.#signal / this.#noise) : null,
      clippedShare: this.#count === 0 ? 0 : this.#clipped / this.#count,
    };
  }
}
