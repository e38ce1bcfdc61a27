import { compileViews } from "../autograd/index.ts";
import { fakeQuant, kernelPolicy, matmul, reshape, type Tensor } from "../tensor/index.ts";
import { type ChannelError, placeChannelError } from "./kernels/channelError.ts";
import { borrowLease, type Lease, placeIfFits, returnLease } from "./kernels/lease.ts";
import { rank1Error } from "./objective/importance.ts";
import { RankedError } from "./rankedError.ts";
import type { RefineProblem, RefineReader } from "./refine.ts";
import type { QParams } from "./scheme.ts";

/**
 * The refinement objective (InlierQ eq. 12 on sampled volumes): for every input channel group of the
 * scheme, sum over readers of  sum_v sum_c w_vc (y^_vc - y_vc)^2 / sum w y^2, with y = W x and
 * y^ = W^ fq(x). Biases cancel. One entry per scale: per-channel sites decouple because only depthwise
 * layers read them. The "rank1" form couples channels and applies to per-tensor sites only.
 */
export class RefineObjective {
  readonly scales: number;
  readonly #way: Evaluation;
  readonly #arena: Lease | undefined;

  constructor(problem: RefineProblem) {
    this.scales = problem.range.min.length;
    this.#arena = kernelPolicy() === "reference" ? undefined : borrowLease();
    this.#way = evaluationOf(problem, this.#arena);
  }

  /** Lets the next objective have the memory of this one, which is not to be evaluated any more. */
  close(): void {
    if (this.#arena) returnLease(this.#arena);
  }

  /**
   * Objective per scale for the given parameters. Entries that are not below their `limit` may come back as any value that
   * is not: candidates that cannot win are given up early.
   */
  evaluate(params: QParams, limit: Float64Array = new Float64Array(this.scales).fill(Number.POSITIVE_INFINITY)): Float64Array {
    return this.#way.evaluate(params, limit);
  }
}

interface Evaluation {
  evaluate(params: QParams, limit: Float64Array): Float64Array;
}

/** The fastest way that the problem allows: all give the same bits below the limit. */
function evaluationOf(problem: RefineProblem, arena: Lease | undefined): Evaluation {
  const { readers, range } = problem;
  if (arena && range.min.length === 1 && readers.every((r) => !r.importance.volumes)) {
    const ranked = placeIfFits(() => new RankedEvaluation(problem, arena));
    if (ranked) return ranked;
  }
  const whole = new WholeEvaluation(problem);
  return (arena && placeIfFits(() => ChannelEvaluation.of(problem, whole, arena))) ?? whole;
}

/** One scale for everything: the error of the heaviest rows often tells that a candidate cannot win. */
class RankedEvaluation implements Evaluation {
  readonly #errors: readonly RankedError[];

  constructor({ readers, scheme }: RefineProblem, arena: Lease) {
    this.#errors = readers.map((reader) => new RankedError(arena, reader, scheme));
  }

  evaluate(params: QParams, [limit]: Float64Array): Float64Array {
    // Sums of the pieces differ from the ordered sum by rounding alone, far less than this share.
    const giveUp = limit * (1 + 1e-6);
    const waves = Math.max(...this.#errors.map((e) => e.waves));
    let sum = 0;
    for (let i = 0; i < waves; i++) {
      for (const error of this.#errors) if (i < error.waves) sum += error.wave(i, params) / error.energy;
      if (sum > giveUp) return Float64Array.of(sum);
    }
    return Float64Array.of(this.#errors.reduce((total, error) => total + error.ordered() / error.energy, 0));
  }
}

/** Most terms of a product that the ops add up in one go: more are added in blocks. */
const LONGEST_SUM = 128;

/** One scale per channel, each read by filters of its own: a channel stops as soon as its candidate cannot win. */
class ChannelEvaluation implements Evaluation {
  readonly #errors: readonly ChannelError[];
  readonly #outputs: readonly number[];
  readonly #energies: readonly number[];

  private constructor(errors: readonly ChannelError[], outputs: readonly number[], energies: readonly number[]) {
    this.#errors = errors;
    this.#outputs = outputs;
    this.#energies = energies;
  }

  /** Undefined where the readers are of another kind. */
  static of({ readers, range, scheme }: RefineProblem, { targets, energies }: WholeEvaluation, arena: Lease) {
    const channels = range.min.length;
    const fits = ({ rows: { view } }: RefineReader) => view.groups === channels && view.inputs === channels && view.taps <= LONGEST_SUM;
    if (channels === 1 || !readers.every(fits)) return undefined;
    const errors = readers.map(({ rows, quantizedWeight, importance }, i) =>
      placeChannelError(arena, {
        ...{ channels, outputs: rows.view.outputs, taps: rows.view.taps, rows: rows.rows },
        patches: rows.patches.data as Float32Array,
        weights: quantizedWeight.data as Float32Array,
        targets: targets[i],
        importance: importance.elements,
        ...{ qmin: scheme.qmin, qmax: scheme.qmax },
      }),
    );
    return new ChannelEvaluation(
      errors,
      readers.map((r) => r.rows.view.outputs / channels),
      energies,
    );
  }

  evaluate({ scale, zeroPoint }: QParams, limit: Float64Array): Float64Array {
    return limit.map((most, c) => {
      // Far more than rounding can lose on the way back from sums to shares.
      const giveUp = most * (1 + 1e-9);
      let sum = 0;
      for (let i = 0; i < this.#errors.length; i++) {
        const outputs = this.#outputs[i];
        let error = 0;
        for (let o = c * outputs; o < (c + 1) * outputs; o++) {
          const left = (giveUp - sum) * this.#energies[i] - error;
          error += this.#errors[i](o, scale.data[c], zeroPoint.data[c], left);
        }
        sum += error / this.#energies[i];
      }
      return sum;
    });
  }
}

/** Any form of the objective, one pass over all rows. */
class WholeEvaluation implements Evaluation {
  readonly targets: readonly Float32Array[];
  readonly energies: readonly number[];
  readonly #readers: readonly RefineReader[];
  readonly #scales: number;
  /** What each reader makes of the quantized site. */
  readonly #outputs: readonly ((scale: Tensor, zeroPoint: Tensor) => Tensor)[];

  constructor({ readers, range, scheme: { qmin, qmax } }: RefineProblem) {
    this.#readers = readers;
    this.#scales = range.min.length;
    this.targets = readers.map((r) => product(r.weight, r.rows.patches).data as Float32Array);
    const axis = this.#scales > 1 ? 0 : null;
    this.#outputs = readers.map(({ quantizedWeight, rows: { patches } }) =>
      compileViews((scale, zeroPoint) => product(quantizedWeight, fakeQuant(patches, scale, zeroPoint, { qmin, qmax, axis }))),
    );
    this.energies = readers.map((r, i) => {
      const zeros = new Float32Array(this.targets[i].length);
      return squares(zeros, this.targets[i], r, this.#scales).reduce((a, e) => a + e, 0) || 1;
    });
  }

  evaluate({ scale, zeroPoint }: QParams): Float64Array {
    const sum = new Float64Array(this.#scales);
    this.#readers.forEach((reader, i) => {
      const y = this.#outputs[i](scale, zeroPoint);
      const errors = squares(y.data as Float32Array, this.targets[i], reader, this.#scales);
      for (let c = 0; c < sum.length; c++) sum[c] += errors[c] / this.energies[i];
    });
    return sum;
  }
}

/** W [G, outputs/G, K] times patches [inputs, taps, rows] → [G, outputs/G, rows]. */
export function product(weight: Tensor, patches: Tensor): Tensor {
  const [groups, , inner] = weight.shape;
  return matmul(weight, reshape(patches, { shape: [groups, inner, patches.shape[2]] }));
}

/** Weighted squared differences, summed over the outputs that belong to each scale. */
function squares(y: Float32Array, target: Float32Array, { rows, importance }: RefineReader, scales: number): Float64Array {
  const sums = new Float64Array(scales);
  const n = rows.rows;
  const weights = importance.elements;
  if (importance.volumes && scales === 1) sums[0] = rank1Error(y, target, rows.gradients, importance.volumes);
  const outputsPerScale = rows.view.outputs / scales;
  for (let c = 0; c < rows.view.outputs; c++) {
    let sum = 0;
    for (let i = c * n, end = i + n; i < end; i++) {
      const d = y[i] - target[i];
      sum += weights[i] * d * d;
    }
    sums[Math.floor(c / outputsPerScale)] += sum;
  }
  return sums;
}
