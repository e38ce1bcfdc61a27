import { ShapeError } from "../../errors.ts";

/**
 * How the error of a volume counts:
 *
 * - "diag": per channel, by its own squared gradient;
 * - "volume": all channels of a volume alike, by the mean of their squared gradients;
 * - "rank1": the squared inner product with the gradient, so that channel errors may cancel (eq. 12 read literally);
 * - "none": every channel of every volume alike.
 */
export type FisherForm = "diag" | "volume" | "rank1" | "none";

/** Options of the inlier-Fisher objective. */
export interface FisherOptions {
  /** Default "diag". */
  readonly fisher?: FisherForm;
  /**
   * Share rho of an unweighted error mixed in, so that volumes without gradient keep a say. Default 0.1.
   * 0 with `normalize: false` is the bare equation.
   */
  readonly damping?: number;
  /** Divide g^2 by its mean over the inliers, so that damping has a meaning. Default true. */
  readonly normalize?: boolean;
  /** Weights of the mean over inliers and of the mean over anomalies. Defaults 1 and 0 (eq. 12). */
  readonly lambdaI?: number;
  /** Weight of the anomalies. Default 0. */
  readonly lambdaA?: number;
}

/** Layout of a flattened [samples, channels, volumes] array: [N,C,h,w] has h w volumes, rows [C,R] one sample. */
export interface Layout {
  readonly samples: number;
  readonly channels: number;
  readonly volumes: number;
}

/** Weights of one objective: sum of `elements` times squared error, plus `volumes` times squared inner product. */
export interface Importance {
  /** One per element [samples, channels, volumes]. */
  readonly elements: Float64Array;
  /** For "rank1" only, one per volume [samples, volumes]. */
  readonly volumes?: Float64Array;
}

/**
 * Weights of eq. 12 for given gradients and inlier marks (all inliers where absent), such that the objective is lambdaI
 * * mean over inliers + lambdaA * mean over anomalies of the volume's error. A mark is the share of a volume, in [0, 1],
 * that belongs to the inliers; the rest belongs to the anomalies. A set without members adds nothing; gradients that are
 * zero on every inlier count as "none".
 *
 * Unstated: the form of H. The diagonal is the expectation of g g^T under independent rounding errors.
 *
 * Errors: ShapeError for gradients and marks that do not fit the layout.
 */
export function importanceOf(
  gradient: ArrayLike<number>,
  inlier: ArrayLike<number> | undefined,
  layout: Layout,
  options: FisherOptions = {},
): Importance {
  const { fisher = "diag", damping = 0.1, normalize = true } = options;
  const { samples, channels, volumes } = layout;
  checkLayout(gradient, inlier, layout);
  const perVolume = volumeWeights(inlier, samples * volumes, options);
  const elements = new Float64Array(samples * channels * volumes);
  const squares = squaredGradients(gradient, layout);
  const energy = fisher === "none" ? 0 : meanSquare(squares, inlier, channels);
  const rho = energy > 0 ? damping : 1;
  const gain = energy > 0 ? (1 - damping) / (normalize ? energy : 1) : 0;
  forEachLine(layout, (line, first) => {
    const weights = perVolume.subarray(first, first + volumes);
    if (fisher === "diag") weighSquares(elements, line, weights, gradient, rho, gain);
    else
      weighShares(elements, line, weights, fisher === "volume" ? squares.subarray(first, first + volumes) : undefined, channels, rho, gain);
  });
  if (fisher !== "rank1") return { elements };
  return { elements, volumes: perVolume.map((w) => w * gain) };
}

/** One channel of "diag": a loop of its own, so that it is compiled for the arrays it sees. */
function weighSquares(
  elements: Float64Array,
  line: number,
  weights: Float64Array,
  gradient: ArrayLike<number>,
  rho: number,
  gain: number,
): void {
  for (let v = 0, i = line; v < weights.length; v++, i++) {
    const g = gradient[i];
    elements[i] = weights[v] * (rho + gain * (g * g));
  }
}

/** One channel of the forms that treat all channels of a volume alike. */
function weighShares(
  elements: Float64Array,
  line: number,
  weights: Float64Array,
  squares: Float64Array | undefined,
  channels: number,
  rho: number,
  gain: number,
): void {
  for (let v = 0; v < weights.length; v++) {
    const square = squares ? squares[v] / channels : 0;
    elements[line + v] = weights[v] * (rho + gain * square);
  }
}

/** lambda / size of the sets, in the shares that each volume has in them. */
function volumeWeights(inlier: ArrayLike<number> | undefined, count: number, { lambdaI = 1, lambdaA = 0 }: FisherOptions): Float64Array {
  let inliers = 0;
  for (let v = 0; v < count; v++) inliers += inlier ? inlier[v] : 1;
  const ofInlier = inliers > 0 ? lambdaI / inliers : 0;
  const ofAnomaly = inliers < count ? lambdaA / (count - inliers) : 0;
  return Float64Array.from({ length: count }, (_, v) => (inlier ? inlier[v] * ofInlier + (1 - inlier[v]) * ofAnomaly : ofInlier));
}

/** Mean of g^2 over the channels of inlier volumes, each with its share. */
function meanSquare(squares: Float64Array, inlier: ArrayLike<number> | undefined, channels: number): number {
  let sum = 0;
  let count = 0;
  for (let v = 0; v < squares.length; v++) {
    const share = inlier ? inlier[v] : 1;
    if (share === 0) continue;
    sum += share * squares[v];
    count += share * channels;
  }
  return count === 0 ? 0 : sum / count;
}

/** Sum of g^2 over the channels of every volume. */
function squaredGradients(gradient: ArrayLike<number>, layout: Layout): Float64Array {
  const sums = new Float64Array(layout.samples * layout.volumes);
  forEachLine(layout, (line, first) => addSquares(sums, first, gradient, line, layout.volumes));
  return sums;
}

function addSquares(sums: Float64Array, first: number, gradient: ArrayLike<number>, line: number, count: number): void {
  for (let v = 0; v < count; v++) sums[first + v] += gradient[line + v] * gradient[line + v];
}

/** Visits every channel of every sample with the index of its first element, and that of its first volume. */
function forEachLine({ samples, channels, volumes }: Layout, visit: (line: number, first: number) => void): void {
  for (let n = 0; n < samples; n++) {
    for (let c = 0; c < channels; c++) visit((n * channels + c) * volumes, n * volumes);
  }
}

function checkLayout(gradient: ArrayLike<number>, inlier: ArrayLike<number> | undefined, { samples, channels, volumes }: Layout): void {
  const size = samples * channels * volumes;
  if (gradient.length !== size) throw new ShapeError("inlierFisher", `gradient must have ${size} elements, got ${gradient.length}`);
  if (inlier && inlier.length !== samples * volumes) {
    throw new ShapeError("inlierFisher", `inlier must have one mark per volume = ${samples * volumes}, got ${inlier.length}`);
  }
}

/** sum_i w_i (out_i - ref_i)^2, in double; all of one length, e.g. [C, R] flattened. */
export function weightedError(
  out: Float32Array | Float64Array,
  ref: Float32Array | Float64Array,
  weights: Float32Array | Float64Array,
): number {
  if (out.length !== ref.length || out.length !== weights.length) {
    throw new ShapeError("weightedError", `lengths must be equal, got ${out.length}, ${ref.length} and ${weights.length}`);
  }
  let sum = 0;
  for (let i = 0; i < out.length; i++) {
    const d = out[i] - ref[i];
    sum += weights[i] * d * d;
  }
  return sum;
}

/** sum_v w_v (sum_c g_vc (out_vc - ref_vc))^2 on [C, R] matrices with `weights` [R]: the "rank1" form. */
export function rank1Error(
  out: Float32Array | Float64Array,
  ref: Float32Array | Float64Array,
  gradient: Float32Array | Float64Array,
  weights: Float32Array | Float64Array,
): number {
  const rows = weights.length;
  if (out.length !== ref.length || out.length !== gradient.length || out.length % rows !== 0) {
    const got = `${out.length}, ${ref.length} and ${gradient.length}`;
    throw new ShapeError("rank1Error", `lengths must be equal multiples of the ${rows} weights, got ${got}`);
  }
  const inner = new Float64Array(rows);
  for (let i = 0; i < out.length; ) {
    for (let r = 0; r < rows; r++, i++) inner[r] += gradient[i] * (out[i] - ref[i]);
  }
  let sum = 0;
  for (let r = 0; r < rows; r++) sum += weights[r] * inner[r] * inner[r];
  return sum;
}
