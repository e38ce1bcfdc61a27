import { ShapeError } from "../../errors.ts";
import type { NormStatistics } from "../../graph/index.ts";
import type { Tensor } from "../../tensor/index.ts";

/** What is known of a tensor's channels over the calibration samples, [C] each. */
export interface ChannelStatistics extends NormStatistics {
  /** Largest magnitude: [C], in activation units. */
  readonly largest: Float64Array;
}

/** Sums over a stream of tensors, by channel. */
export class ChannelMeter {
  readonly #axis: number;
  readonly #count: Float64Array;
  readonly #mean: Float64Array;
  readonly #squares: Float64Array;
  readonly #largest: Float64Array;

  /** For tensors with `channels` channels on `axis`. */
  constructor(axis: number, channels: number) {
    this.#axis = axis;
    this.#count = new Float64Array(channels);
    this.#mean = new Float64Array(channels);
    this.#squares = new Float64Array(channels);
    this.#largest = new Float64Array(channels);
  }

  /** Adds a tensor of the stream, of any shape with as many channels. Shape: any. Errors: ShapeError for another number of channels. */
  add({ data, shape }: Tensor): void {
    const channels = this.#count.length;
    if (shape[this.#axis] !== channels)
      throw new ShapeError("channelMeter", `x.shape[${this.#axis}] must be ${channels}, got ${shape[this.#axis]}`);
    const inner = shape.slice(this.#axis + 1).reduce((a, d) => a * d, 1);
    for (let i = 0; i < data.length; i++) {
      const c = Math.floor(i / inner) % channels;
      const x = data[i];
      const delta = x - this.#mean[c];
      this.#mean[c] += delta / ++this.#count[c];
      this.#squares[c] += delta * (x - this.#mean[c]);
      if (Math.abs(x) > this.#largest[c]) this.#largest[c] = Math.abs(x);
    }
  }

  /** Mean, deviation and largest magnitude so far; 0 where nothing was seen. */
  result(): ChannelStatistics {
    const deviation = this.#squares.map((s, c) => (this.#count[c] > 0 ? Math.sqrt(s / this.#count[c]) : 0));
    return { mean: this.#mean.slice(), deviation, largest: this.#largest.slice() };
  }
}
