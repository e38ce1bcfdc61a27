import { log } from "../elementary.ts";
import { kernelPolicy, type Tensor } from "../tensor/index.ts";
import { addSiteSums, type RunGrid, type SiteSums } from "./kernels/siteSums.ts";
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
  readonly #sums: SiteSums = { signal: 0, noise: 0, inside: 0 };
  #count = 0;

  /** Starts at nothing. */
  constructor(site: SitePlan) {
    this.#site = site;
  }

  /** Shape: any the site's scale fits. */
  add(x: Tensor): void {
    const { params, scheme } = this.#site;
    const { channels, positionStride } = volumesOf(x.shape);
    const grids = Array.from({ length: params.scale.size }, (_, i) => {
      const [scale, zeroPoint] = [params.scale.data[i], params.zeroPoint.data[i]];
      return { scale, zeroPoint, low: scale * (scheme.qmin - zeroPoint - 0.5), high: scale * (scheme.qmax - zeroPoint + 0.5) };
    });
    const inOrder = positionStride === 1 || channels === 1;
    const fast = inOrder && x.data instanceof Float32Array && kernelPolicy() !== "reference";
    if (!(fast && addSiteSums(this.#sums, x.data as Float32Array, grids, scheme.qmin, scheme.qmax))) this.#addPlain(x, grids);
    this.#count += x.size;
  }

  /** Sums run over all elements, channel by channel, so that what they lose to rounding is always the same. */
  #addPlain(x: Tensor, grids: readonly RunGrid[]): void {
    const y = applySite(x, this.#site);
    const { count, channels, channelStride, positionStride } = volumesOf(x.shape);
    const [from, to] = [x.data as Float32Array, y.data as Float32Array];
    let { signal, noise, inside } = this.#sums;
    for (let c = 0; c < channels; c++) {
      const { low, high } = grids[grids.length === 1 ? 0 : c];
      for (let p = 0, i = c * channelStride; p < count; p++, i += positionStride) {
        const v = from[i];
        const d = to[i] - v;
        signal += v * v;
        noise += d * d;
        if (v >= low && v <= high) inside++;
      }
    }
    Object.assign(this.#sums, { signal, noise, inside });
  }

  /** The account of everything added so far. */
  result(): SiteError {
    const { signal, noise, inside } = this.#sums;
    const measured = noise > 0 && signal > 0;
    return {
      sqnr: measured ? (10 / Math.LN10) * log(signal / noise) : null,
      clippedShare: this.#count === 0 ? 0 : (this.#count - inside) / this.#count,
    };
  }
}
