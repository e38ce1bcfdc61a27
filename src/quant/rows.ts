import type { Layer } from "../graph/index.ts";
import { type Rng, Tensor } from "../tensor/index.ts";
import { type PatchView, pick } from "./patches.ts";
import { volumesOf } from "./volumes.ts";

/** Sampled output volumes of one layer: what the refinement objective (InlierQ eq. 12) sums over. */
export interface LayerRows {
  /** The layer whose output is measured; undefined where the tensor itself is. */
  readonly layer: Layer | undefined;
  readonly view: PatchView;
  /** Input patches [inputs, taps, rows]. */
  readonly patches: Tensor;
  /** Gradient of the saliency loss at each output volume [outputs, rows]; zeros off its path. */
  readonly gradients: Float32Array;
  /** How much the volume counts as an inlier of the output tensor, in [0, 1]: 1 an inlier, 0 an anomaly. */
  readonly inlier: Float32Array | Uint8Array;
  readonly rows: number;
}

export interface RowLimits {
  /** Output volumes per layer. */
  readonly rows: number;
  /** Cap on stored floats per layer, patches and gradients together. */
  readonly floats: number;
  /** Number of calibration samples the rows are spread over. */
  readonly samples: number;
}

/** Collects rows of one layer, an equal share from every sample, stratified over its candidates. */
export class RowSampler {
  readonly layer: Layer | undefined;
  readonly view: PatchView;
  readonly #rng: Rng;
  readonly #capacity: number;
  readonly #perSample: number;
  readonly #patches: Float32Array;
  readonly #gradients: Float32Array;
  readonly #inlier: Float32Array;
  #used = 0;

  constructor(layer: Layer | undefined, view: PatchView, limits: RowLimits, rng: Rng) {
    this.layer = layer;
    this.view = view;
    this.#rng = rng;
    const perRow = this.view.inputs * this.view.taps + this.view.outputs;
    const affordable = Math.max(16, Math.min(limits.rows, Math.floor(limits.floats / perRow)));
    this.#perSample = Math.max(1, Math.floor(affordable / limits.samples));
    this.#capacity = this.#perSample * limits.samples;
    this.#patches = new Float32Array(this.view.inputs * this.view.taps * this.#capacity);
    this.#gradients = new Float32Array(this.view.outputs * this.#capacity);
    this.#inlier = new Float32Array(this.#capacity);
  }

  /**
   * Adds volumes of one sample: x is the layer's input, `output` the shape of its output, `gradient`
   * the loss gradient there. With weights (1 = inlier, 0 = anomaly) only volumes that have some are candidates unless
   * `anomalies` asks for all; a sample without candidates adds nothing.
   */
  add(x: Tensor, output: readonly number[], gradient: Tensor | undefined, weights: ArrayLike<number> | undefined, anomalies = false): void {
    const volumes = volumesOf(output);
    const candidates = candidatesOf(volumes.count, anomalies ? undefined : weights);
    const count = Math.min(candidates.length, this.#perSample, this.#capacity - this.#used);
    const phase = this.#rng.float();
    const chosen = new Int32Array(count);
    for (let i = 0; i < count; i++) chosen[i] = candidates[Math.floor(((i + phase) * candidates.length) / count)];
    this.view.gather(x, output, chosen, this.#patches, this.#used, this.#capacity);
    for (let i = 0; i < count; i++) this.#inlier[this.#used + i] = weights ? weights[chosen[i]] : 1;
    if (gradient) {
      const { channelStride, positionStride } = volumes;
      const places = chosen.map((p) => p * positionStride);
      for (let c = 0; c < this.view.outputs; c++) {
        pick(gradient.data, c * channelStride, places, this.#gradients, c * this.#capacity + this.#used);
      }
    }
    this.#used += count;
  }

  /** The collected rows, packed; to be asked for once, when all samples were added. */
  result(): LayerRows {
    const rows = this.#used;
    const { inputs, taps, outputs } = this.view;
    const patches = packed(this.#patches, inputs * taps, this.#capacity, rows);
    return {
      layer: this.layer,
      view: this.view,
      patches: new Tensor([inputs, taps, rows], "f32", patches),
      gradients: packed(this.#gradients, outputs, this.#capacity, rows),
      inlier: this.#inlier.slice(0, rows),
      rows,
    };
  }
}

function candidatesOf(count: number, weights: ArrayLike<number> | undefined): Int32Array {
  const candidates = new Int32Array(count);
  let n = 0;
  for (let p = 0; p < count; p++) if (!weights || weights[p] > 0) candidates[n++] = p;
  return candidates.subarray(0, n);
}

/** Drops the unused tail of every line of a [lines, capacity] matrix, where it lies: all layers' rows together are large. */
function packed(matrix: Float32Array, lines: number, capacity: number, rows: number): Float32Array {
  if (rows === capacity) return matrix;
  for (let i = 1; i < lines; i++) matrix.copyWithin(i * rows, i * capacity, i * capacity + rows);
  return matrix.subarray(0, lines * rows);
}
