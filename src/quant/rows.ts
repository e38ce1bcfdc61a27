import type { Layer } from "../graph/index.ts";
import { type Data, type Rng, Tensor } from "../tensor/index.ts";
import type { PatchView } from "./patches.ts";
import { type Volumes, volumesOf } from "./volumes.ts";

/** Sampled output volumes of one layer: what the refinement objective (InlierQ eq. 12) sums over. */
export interface LayerRows {
  /** The layer whose output is measured; undefined where the tensor itself is. */
  readonly layer: Layer | undefined;
  readonly view: PatchView;
  /** Input patches [inputs, taps, rows]. */
  readonly patches: Tensor;
  /** Gradient of the saliency loss at each output volume [outputs, rows]; zeros off its path. */
  readonly gradients: Float32Array;
  /** 1 where the volume is an inlier of the output tensor, 0 where an anomaly. */
  readonly inlier: Uint8Array;
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
  /** Patches or gradients of one sample, row by row: columns of a wide matrix lie too far apart to be written one by one. */
  readonly #sample: Float32Array;
  /** Floats from row to row of it; an odd number of cache lines, so that all rows are in the cache at once. */
  readonly #pitch: number;
  readonly #inlier: Uint8Array;
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
    this.#pitch = 16 * (Math.ceil(Math.max(this.view.inputs * this.view.taps, this.view.outputs) / 16) | 1);
    this.#sample = new Float32Array(this.#pitch * this.#perSample);
    this.#inlier = new Uint8Array(this.#capacity);
  }

  /**
   * Adds volumes of one sample: x is the layer's input, `output` the shape of its output, `gradient`
   * the loss gradient there. With a mask (1 = inlier) only inliers are candidates unless
   * `anomalies` asks for both; a sample without candidates adds nothing.
   */
  add(x: Tensor, output: readonly number[], gradient: Tensor | undefined, mask: Uint8Array | undefined, anomalies = false): void {
    const volumes = volumesOf(output);
    const candidates = candidatesOf(volumes.count, anomalies ? undefined : mask);
    const count = Math.min(candidates.length, this.#perSample, this.#capacity - this.#used);
    const phase = this.#rng.float();
    const chosen = new Int32Array(count);
    for (let i = 0; i < count; i++) chosen[i] = candidates[Math.floor(((i + phase) * candidates.length) / count)];
    const lines = this.view.inputs * this.view.taps;
    chosen.forEach((p, i) => {
      this.view.gather(x, output, p, this.#sample, i * this.#pitch, 1);
      this.#inlier[this.#used + i] = mask ? mask[p] : 1;
    });
    this.#transpose(count, lines, this.#patches);
    if (gradient) {
      gatherVolumes(gradient.data, chosen, volumes, this.#sample, this.#pitch);
      this.#transpose(count, this.view.outputs, this.#gradients);
    }
    this.#used += count;
  }

  /** Puts the rows of a sample behind the columns of a matrix [lines, capacity] that are there. */
  #transpose(rows: number, lines: number, into: Float32Array): void {
    const [from, pitch] = [this.#sample, this.#pitch];
    for (let line = 0, at = this.#used; line < lines; line++, at += this.#capacity) {
      for (let row = 0, i = line; row < rows; row++, i += pitch) into[at + row] = from[i];
    }
  }

  /** The collected rows, packed. */
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

function candidatesOf(count: number, mask: Uint8Array | undefined): Int32Array {
  const candidates = new Int32Array(count);
  let n = 0;
  for (let p = 0; p < count; p++) if (!mask || mask[p]) candidates[n++] = p;
  return candidates.subarray(0, n);
}

/** Volumes of a tensor as rows `pitch` floats apart. */
function gatherVolumes(
  data: Data,
  chosen: Int32Array,
  { channels, channelStride, positionStride }: Volumes,
  into: Float32Array,
  pitch: number,
) {
  for (let i = 0; i < chosen.length; i++) {
    for (let c = 0, at = i * pitch, from = chosen[i] * positionStride; c < channels; c++, from += channelStride) into[at++] = data[from];
  }
}

/** Drops the unused tail of every line of a [lines, capacity] matrix. */
function packed(matrix: Float32Array, lines: number, capacity: number, rows: number): Float32Array {
  if (rows === capacity) return matrix;
  const out = new Float32Array(lines * rows);
  for (let i = 0; i < lines; i++) out.set(matrix.subarray(i * capacity, i * capacity + rows), i * rows);
  return out;
}
