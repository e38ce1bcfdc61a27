import { compileViews } from "../autograd/index.ts";
import { fakeQuant, matmul, reshape, Tensor } from "../tensor/index.ts";
import { type Importance, rank1Error } from "./objective/importance.ts";
import type { LayerRows } from "./rows.ts";
import { chooseQParams, type QParams, type Range, type Scheme } from "./scheme.ts";

/** How rows of one layer weigh in the objective (InlierQ eq. 12). */
export type RowWeights = (rows: LayerRows) => Importance;

/** What refinement of one activation site works on. */
export interface RefineProblem {
  readonly scheme: Scheme;
  /** Where the search starts; it is never left for anything worse. */
  readonly range: Range;
  /** One entry per layer that reads the site. */
  readonly readers: readonly RefineReader[];
}

/** One layer that reads the site: its sampled volumes and weights. */
export interface RefineReader {
  readonly rows: LayerRows;
  /** Float and fake-quantized weights as `PatchView.matrix` gives them. */
  readonly weight: Tensor;
  readonly quantizedWeight: Tensor;
  /** Objective weights of its outputs [outputs * rows]. */
  readonly importance: Importance;
}

export interface Refined {
  readonly range: Range;
  readonly params: QParams;
  /** Objective at the start and after every improvement; relative to the outputs' own weighted energy. */
  readonly curve: readonly number[];
}

/** Finds better activation parameters for one site. */
export interface Refiner {
  readonly name: string;
  refine(problem: RefineProblem): Refined;
}

/**
 * The refinement objective (InlierQ eq. 12 on sampled volumes): for every input channel group of the
 * scheme, sum over readers of  sum_v sum_c w_vc (y^_vc - y_vc)^2 / sum w y^2, with y = W x and
 * y^ = W^ fq(x). Biases cancel. One entry per scale: per-channel sites decouple because only depthwise
 * layers read them. The "rank1" form couples channels and applies to per-tensor sites only.
 */
export class RefineObjective {
  readonly scales: number;
  readonly #problem: RefineProblem;
  readonly #targets: readonly Float32Array[];
  /** What each reader makes of the quantized site. */
  readonly #outputs: readonly ((scale: Tensor, zeroPoint: Tensor) => Tensor)[];
  readonly #energies: readonly Float64Array[];

  constructor(problem: RefineProblem) {
    this.#problem = problem;
    this.scales = problem.range.min.length;
    this.#targets = problem.readers.map((r) => product(r.weight, r.rows.patches).data as Float32Array);
    const { qmin, qmax } = problem.scheme;
    const axis = this.scales > 1 ? 0 : null;
    this.#outputs = problem.readers.map(({ quantizedWeight, rows: { patches } }) =>
      compileViews((scale, zeroPoint) => product(quantizedWeight, fakeQuant(patches, scale, zeroPoint, { qmin, qmax, axis }))),
    );
    this.#energies = problem.readers.map((r, i) => {
      const zeros = new Float32Array(this.#targets[i].length);
      const energies = squares(zeros, this.#targets[i], r, this.scales);
      const total = energies.reduce((a, e) => a + e, 0);
      return energies.map(() => total || 1);
    });
  }

  /** Objective per scale for the given parameters. */
  evaluate({ scale, zeroPoint }: QParams): Float64Array {
    const sum = new Float64Array(this.scales);
    this.#problem.readers.forEach((reader, i) => {
      const y = this.#outputs[i](scale, zeroPoint);
      const errors = squares(y.data as Float32Array, this.#targets[i], reader, this.scales);
      for (let c = 0; c < this.scales; c++) sum[c] += errors[c] / this.#energies[i][c];
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

export interface GridOptions {
  /** Candidate multiples of both ends together. Default 60 from 1.2 down to 0.1. */
  readonly both?: number;
  /** Candidate multiples of each end alone, after that. Default 20 from 1.25 down to 0.4. */
  readonly single?: number;
}

/**
 * Deterministic refinement: shrinks (and slightly widens) the whole range, then each end alone, and
 * keeps the best of all candidates and the start, per scale.
 *
 * Departure: the paper refines by gradient steps; a plain Adam at its learning rates barely moves the
 * scale, a grid finds the minimum (docs/decisions/003-refinement.md).
 */
export const gridRefiner = ({ both = 60, single = 20 }: GridOptions = {}): Refiner => ({
  name: "grid",
  refine(problem) {
    const objective = new RefineObjective(problem);
    const search = new Search(problem, objective);
    for (const f of ladder(1.2, 0.1, both)) search.offer((min, max) => [min * f, max * f]);
    search.rebase();
    for (const f of ladder(1.25, 0.4, single)) search.offer((min, max) => [min, max * f]);
    search.rebase();
    for (const f of ladder(1.25, 0.4, single)) search.offer((min, max) => [min * f, max]);
    return search.result();
  },
});

function ladder(from: number, to: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + ((to - from) * i) / Math.max(1, count - 1));
}

/** The best range per scale so far; candidates are offered relative to a base. */
class Search {
  readonly #problem: RefineProblem;
  readonly #objective: RefineObjective;
  #base: Range;
  readonly #best: Range;
  /** The parameters the best values were measured with; recomputing them from mixed ranges could move dead channels. */
  readonly #scale: Float32Array;
  readonly #zeroPoint: Float32Array;
  readonly #value: Float64Array;
  readonly #curve: number[];

  constructor(problem: RefineProblem, objective: RefineObjective) {
    this.#problem = problem;
    this.#objective = objective;
    this.#base = problem.range;
    this.#best = { min: problem.range.min.slice(), max: problem.range.max.slice() };
    const { params } = chooseQParams(problem.range, problem.scheme);
    this.#scale = Float32Array.from(params.scale.data as Float32Array);
    this.#zeroPoint = Float32Array.from(params.zeroPoint.data as Float32Array);
    this.#value = objective.evaluate(params);
    this.#curve = [total(this.#value)];
  }

  /** Tries the same change at every scale and keeps it where it is strictly better. */
  offer(change: (min: number, max: number) => readonly [number, number]): void {
    const min = this.#base.min.slice();
    const max = this.#base.max.slice();
    for (let c = 0; c < min.length; c++) [min[c], max[c]] = change(Math.min(min[c], 0), Math.max(max[c], 0));
    const { params } = chooseQParams({ min, max }, this.#problem.scheme);
    const value = this.#objective.evaluate(params);
    let improved = false;
    for (let c = 0; c < value.length; c++) {
      if (!(value[c] < this.#value[c])) continue;
      improved = true;
      this.#value[c] = value[c];
      this.#best.min[c] = min[c];
      this.#best.max[c] = max[c];
      this.#scale[c] = params.scale.data[c];
      this.#zeroPoint[c] = params.zeroPoint.data[c];
    }
    if (improved) this.#curve.push(total(this.#value));
  }

  /** Later candidates start from the best so far. */
  rebase(): void {
    this.#base = { min: this.#best.min.slice(), max: this.#best.max.slice() };
  }

  result(): Refined {
    const shape = [this.#scale.length];
    const params = { scale: new Tensor(shape, "f32", this.#scale), zeroPoint: new Tensor(shape, "f32", this.#zeroPoint) };
    return { range: this.#best, params, curve: this.#curve };
  }
}

const total = (values: Float64Array): number => values.reduce((a, v) => a + v, 0);
